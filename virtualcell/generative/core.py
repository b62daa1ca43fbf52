"""The closed-form heart of a sampler: a linear map and a Gaussian mixture around it, whose ideal denoiser is known exactly."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Core(nn.Module):
    """p(y | c) with y = intercept + c @ coef + u @ colour, u of a Gaussian mixture that depends on c.

    y (cells, d), c (cells, p): target and condition, whose first e columns are an embedding x; u: whitened residual, about unit
    variance. Component j of k has mean means[j] + x @ slopes[j], covariance vectors diag(values) vectors^T, and a weight
    proportional to exp(share_bias[j] + c @ share[:, j] - |(x - places[j]) @ roots[j]|^2 / 2): a mixture of experts (Jacobs et al.
    1991), of which the conditional of a joint Gaussian mixture is one. Of u + sigma * noise the posterior mean of u is closed
    form (``denoise``).
    """

    coef: Tensor
    intercept: Tensor
    colour: Tensor
    means: Tensor
    slopes: Tensor
    vectors: Tensor
    values: Tensor
    share: Tensor
    share_bias: Tensor
    places: Tensor
    roots: Tensor

    def __init__(self, p: int, d: int, k: int, e: int):
        super().__init__()
        self.p, self.d, self.k, self.e = p, d, k, e
        self.register_buffer("coef", torch.zeros(p, d))
        self.register_buffer("intercept", torch.zeros(d))
        self.register_buffer("colour", torch.eye(d))
        self.register_buffer("means", torch.zeros(k, d))
        self.register_buffer("slopes", torch.zeros(k, e, d))
        self.register_buffer("vectors", torch.eye(d).repeat(k, 1, 1))
        self.register_buffer("values", torch.ones(k, d))
        self.register_buffer("share", torch.zeros(p, k))
        self.register_buffer("share_bias", torch.zeros(k))
        self.register_buffer("places", torch.zeros(k, e))
        self.register_buffer("roots", torch.zeros(k, e, e))

    def linear(self, c: Tensor) -> Tensor:
        """The linear map alone, (cells, d)."""
        return self.intercept + c @ self.coef

    def experts(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """Log-weights (cells, k) and means (cells, k, d) of the components, which do not change along the noise levels."""
        x = c[:, : self.e]
        weight = self.share_bias + c @ self.share
        if self.e:
            away = torch.einsum("nke,kef->nkf", x[:, None] - self.places, self.roots)
            weight = weight - 0.5 * away.square().sum(2)
        return torch.log_softmax(weight, 1), self.means + torch.einsum("ne,ked->nkd", x, self.slopes)

    def denoise(self, noisy: Tensor, sigma: Tensor, experts: tuple[Tensor, Tensor]) -> Tensor:
        """E[u | u + sigma * noise = noisy, c], (cells, d); sigma (cells, 1) above 0; experts: what ``experts`` gives for c.

        sum_j r_j [m_j + C_j (C_j + sigma^2)^-1 (noisy - m_j)], r_j the posterior weight of component j (Tweedie's formula for a
        mixture; Efron 2011).
        """
        log_weight, means = experts
        if self.k == 1:
            away = (noisy - means[:, 0]) @ self.vectors[0]
            return means[:, 0] + (away * (self.values[0] / (self.values[0] + sigma**2))) @ self.vectors[0].T
        away = torch.einsum("nkd,kde->nke", noisy[:, None] - means, self.vectors)
        total = self.values + sigma[:, :, None] ** 2
        kept = torch.einsum("nke,kde->nkd", away * self.values / total, self.vectors)
        posterior = torch.softmax(log_weight - 0.5 * (away**2 / total + total.log()).sum(2), 1)
        return (posterior[:, :, None] * (means + kept)).sum(1)

    def mean_of_mixture(self, c: Tensor) -> Tensor:
        """E[u | c], (cells, d)."""
        log_weight, means = self.experts(c)
        return (log_weight.exp()[:, :, None] * means).sum(1)
