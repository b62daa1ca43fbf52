"""The energy landscape U(z) on the latent space, and its gradient written out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FARTHEST = 1.5
"""Rims from the centre that cells may come."""


class Potential(nn.Module):
    """U(z) = scale [network(z) + sum_j k_j/2 (z_j - centre_j)^2 + wall(z)]; z (cells, d) -> U (cells,), (latent unit)^2 / span.

    network = w . softplus(W2 softplus(W1 z + b1) + b2) + slope . x + x' bend x / 2 with x = (z - centre) / standard deviation:
    smooth, so that the gradient has a closed form and the Hessian exists; what is one plain valley needs no kinks to be one.
    The bowl is the landscape in which, with diffusion D, all measured cells pooled as one Gaussian would be at rest (k_j = D /
    variance_j): the network learns what differs from that. The wall, strength * max(0, r / R - 1)^2 with r the distance from the
    centre in standard deviations, is zero where cells were measured and rises outside; out there the network is held at its value
    on the rim (R), so that it cannot slope away and no cell drifts to where nothing was ever seen. The gradient is checked
    against automatic differentiation. scale: 1 at first; learned where D is, and a factor of D, too.
    """

    def __init__(self, d: int, width: int):
        super().__init__()
        self.first = nn.Linear(d, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Parameter(torch.randn(width) * 0.1)
        self.slope = nn.Parameter(torch.zeros(d))
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.bend = nn.Parameter(torch.zeros(d, d))
        with torch.no_grad():
            # Four times the usual spread: kinks must be narrow enough to carve more than one well, and sharp passes between them.
            self.first.weight.mul_(4.0)
            self.first.bias.mul_(4.0)
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("bowl", torch.zeros(d))
        self.register_buffer("spread", torch.ones(d))
        self.register_buffer("wall_radius", torch.tensor(1e3))
        self.register_buffer("wall_strength", torch.zeros(()))

    @torch.no_grad()
    def enclose(self, z: Tensor, diffusion: float, strength: float) -> None:
        """Fits bowl and wall to measured cells z (cells, d); the wall begins a quarter further out than 98 % of them."""
        self.centre.copy_(z.mean(0))
        self.spread.copy_(z.std(0).clamp_min(1e-6))
        self.bowl.copy_(diffusion / self.spread**2)
        self.wall_radius.copy_(1.25 * torch.quantile(self._radius(z), 0.98))
        self.wall_strength.fill_(strength)

    @torch.no_grad()
    def recentre(self, z: Tensor, centre: Tensor) -> None:
        """Bowl and wall around ``centre`` (d,) in place of the mean of the measured cells z (cells, d)."""
        self.centre.copy_(centre)
        self.wall_radius.copy_(1.25 * torch.quantile(self._radius(z), 0.98))

    @torch.no_grad()
    def tilt(self, force: Tensor | float) -> None:
        """Takes force . z off the potential within the wall; force: (d,), latent units a span."""
        self.slope -= force * self.spread / self.log_scale.exp()

    def _radius(self, z: Tensor) -> Tensor:
        return torch.sqrt((((z - self.centre) / self.spread) ** 2).sum(1) + 1e-12)

    def _held(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Radius (cells,), share of the way out that is kept (cells, 1), and z drawn back to the rim (cells, d)."""
        radius = self._radius(z)
        kept = (self.wall_radius / radius).clamp(max=1.0)[:, None]
        return radius, kept, self.centre + kept * (z - self.centre)

    def held_standard(self, z: Tensor) -> Tensor:
        """Cells in standard deviations from the centre, those outside drawn back to the rim, (cells, d)."""
        return (self._held(z)[2] - self.centre) / self.spread

    def contained(self, z: Tensor) -> Tensor:
        """Cells beyond FARTHEST rims brought back there, (cells, d): a step too long for a steep wall throws none away."""
        return self.centre + (FARTHEST * self.wall_radius / self._radius(z)).clamp(max=1.0)[:, None] * (z - self.centre)

    def within(self, z: Tensor, share: float) -> Tensor:
        """Whether cells (cells, d) are nearer to the centre than this share of the way to the wall, (cells,) bool."""
        return self._radius(z) < share * self.wall_radius

    def forward(self, z: Tensor) -> Tensor:
        radius, _, held = self._held(z)
        hidden = F.softplus(self.second(F.softplus(self.first(held))))
        x = (held - self.centre) / self.spread
        plain = x @ self.slope + 0.5 * ((x @ self.bend) * x).sum(1)
        bowl = 0.5 * ((z - self.centre) ** 2 @ self.bowl)
        outside = (radius / self.wall_radius - 1).clamp_min(0.0)
        return self.log_scale.exp() * (hidden @ self.last + plain + bowl + self.wall_strength * outside**2)

    def gradient(self, z: Tensor) -> Tensor:
        """grad U, (cells, d)."""
        radius, kept, held = self._held(z)
        network = self._network_gradient(held)
        if bool((kept >= 1).all()):
            # Nobody is outside, as in nearly every step of a rollout.
            return self.log_scale.exp() * (network + self.bowl * (z - self.centre))
        away = z - self.centre
        outward = away / (self.spread * radius[:, None]) / self.spread  # gradient of the radius
        steep = 2 * self.wall_strength * (radius / self.wall_radius - 1).clamp_min(0.0) / self.wall_radius
        # Chain rule through the drawing back: outside, moving outward does not move ``held``.
        lost = torch.where(kept < 1, (network * away).sum(1, keepdim=True) * kept / radius[:, None], torch.zeros_like(kept))
        return self.log_scale.exp() * (kept * network - lost * outward + self.bowl * away + steep[:, None] * outward)

    def _network_gradient(self, held: Tensor) -> Tensor:
        a1 = self.first(held)
        back = (torch.sigmoid(self.second(F.softplus(a1))) * self.last) @ self.second.weight
        plain = self.slope + (held - self.centre) / self.spread @ (0.5 * (self.bend + self.bend.T))
        return (torch.sigmoid(a1) * back) @ self.first.weight + plain / self.spread

    def hessian(self, z: Tensor) -> Tensor:
        """Second derivatives, (cells, d, d)."""
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            slopes = self.gradient(at)
            # Cells do not meet, so the sum over them has each cell's own derivatives.
            rows = [torch.autograd.grad(slopes[:, j].sum(), at, retain_graph=True)[0] for j in range(z.shape[1])]
        return torch.stack(rows, 1)
