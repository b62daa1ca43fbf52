"""The energy landscape U(z) on the latent space, and its gradient written out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Potential(nn.Module):
    """U(z) = network(z) + sum_j k_j/2 (z_j - centre_j)^2 + wall(z); z (cells, d) -> U (cells,), in (latent unit)^2 / span.

    network = w . softplus(W2 softplus(W1 z + b1) + b2): smooth, so that the gradient has a closed form and the Hessian exists. The bowl
    is the landscape in which, with diffusion D, all measured cells pooled as one Gaussian would be at rest (k_j = D / variance_j): the
    network learns what differs from that. The wall, strength * max(0, r / R - 1)^2 with r the distance from the centre in standard
    deviations, is zero where cells were measured and rises outside, so that no cell drifts to where nothing was ever seen. The gradient
    is checked against automatic differentiation in the tests.
    """

    def __init__(self, d: int, width: int):
        super().__init__()
        self.first = nn.Linear(d, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Parameter(torch.randn(width) * 0.1)
        with torch.no_grad():
            # Twice the usual spread: kinks must be narrow enough to carve more than one well.
            self.first.weight.mul_(2.0)
            self.first.bias.mul_(2.0)
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("bowl", torch.zeros(d))
        self.register_buffer("spread", torch.ones(d))
        self.register_buffer("wall_radius", torch.tensor(1e3))
        self.register_buffer("wall_strength", torch.zeros(()))

    @torch.no_grad()
    def enclose(self, z: Tensor, diffusion: float, strength: float) -> None:
        """Fits bowl and wall to measured cells z (cells, d): the wall begins where 1 % of them lie further out."""
        self.centre.copy_(z.mean(0))
        self.spread.copy_(z.std(0).clamp_min(1e-6))
        self.bowl.copy_(diffusion / self.spread**2)
        self.wall_radius.copy_(torch.quantile(self._radius(z), 0.99))
        self.wall_strength.fill_(strength)

    def _radius(self, z: Tensor) -> Tensor:
        return torch.sqrt((((z - self.centre) / self.spread) ** 2).sum(1) + 1e-12)

    def forward(self, z: Tensor) -> Tensor:
        hidden = F.softplus(self.second(F.softplus(self.first(z))))
        bowl = 0.5 * ((z - self.centre) ** 2 @ self.bowl)
        outside = (self._radius(z) / self.wall_radius - 1).clamp_min(0.0)
        return hidden @ self.last + bowl + self.wall_strength * outside**2

    def gradient(self, z: Tensor) -> Tensor:
        """grad U, (cells, d)."""
        a1 = self.first(z)
        a2 = self.second(F.softplus(a1))
        back = (torch.sigmoid(a2) * self.last) @ self.second.weight
        away, radius = z - self.centre, self._radius(z)
        steep = 2 * self.wall_strength * (radius / self.wall_radius - 1).clamp_min(0.0) / (self.wall_radius * radius)
        return (torch.sigmoid(a1) * back) @ self.first.weight + self.bowl * away + steep[:, None] * away / self.spread**2

    def hessian(self, z: Tensor) -> Tensor:
        """Second derivatives, (cells, d, d)."""
        columns = torch.func.vmap(torch.func.jacrev(lambda one: self.gradient(one[None])[0]))
        return columns(z)
