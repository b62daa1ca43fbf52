"""The networks of the interpretable codes: a generator of states, and a discriminator that shares its trunk with the code head.

Source: Chen et al. 2016, InfoGAN, arXiv:1606.03657, section 4 and appendix C.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LOG_VARIANCE = (-4.0, 2.0)
"""Bounds of the code head's log variance of a continuous code; the prior's own is log(1/3) = -1.1."""


class Generator(nn.Module):
    """Noise, categorical code and continuous codes to a state.

    x = centre[k] + c W + z N + f(z, k, c). W (codes, d) is one direction a continuous code, shared by all categories: it makes
    the same code mean the same change in each of them. N (d, d) gives the noise its covariance. f is a network that starts at
    zero, so that what the adversary teaches is a correction of the shared, straight part.
    """

    def __init__(self, d: int, n_categories: int, n_continuous: int, hidden: int):
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(n_categories, d))
        self.directions = nn.Parameter(0.3 * torch.randn(n_continuous, d))
        self.spread = nn.Parameter(0.5 * torch.eye(d))
        self.bent = nn.Sequential(
            nn.Linear(d + n_categories + n_continuous, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, d),
        )
        last = self.bent[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, noise: Tensor, category: Tensor, continuous: Tensor) -> Tensor:
        """Noise (n, d), one-hot or mixed category (n, K), continuous codes (n, C) in [-1, 1]: states (n, d), standardised."""
        straight = category @ self.centres + continuous @ self.directions + noise @ self.spread
        return straight + self.bent(torch.cat([noise, category, continuous], dim=1))


class Reader(nn.Module):
    """A state to how real it looks, and to the posterior of the codes that made it: one trunk, two heads."""

    def __init__(self, d: int, n_categories: int, n_continuous: int, hidden: int):
        super().__init__()
        self.n_categories, self.n_continuous = n_categories, n_continuous
        self.trunk = nn.Sequential(nn.Linear(d, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2))
        self.realness = nn.Linear(hidden, 1)
        self.codes = nn.Sequential(
            nn.Linear(hidden + d, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, n_categories + 2 * n_continuous)
        )

    def judge(self, states: Tensor) -> Tensor:
        """Logit that states (n, d) are real, (n,)."""
        return self.realness(self.trunk(states))[:, 0]

    def read(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log probabilities of the category (n, K); mean and log variance of the continuous codes (n, C)."""
        k, c = self.n_categories, self.n_continuous
        out = self.codes(torch.cat([self.trunk(states), states], dim=1))
        mean, log_variance = out[:, k : k + c], out[:, k + c :]
        return functional.log_softmax(out[:, :k], dim=1), mean, log_variance.clamp(*LOG_VARIANCE)
