"""The network of a sampler: what it adds to the core's closed-form denoiser, trained as EDM or as flow matching."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.generative.core import Core

WAVES = 8
CLIP = 4.0
"""Standardised conditions are cut here: what lies further out says no more than that it is far."""


@dataclass(frozen=True)
class NetworkSettings:
    width: int = 96
    steps: int = 1200
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    decay: float = 0.995
    """Of the exponential moving average of the weights, a step."""
    every: int = 100
    """Steps between looks at the validation cells."""
    patience: int = 4


class Denoiser(nn.Module):
    """D(noisy; sigma, c) = core's denoiser + scale(sigma) * F(noisy / sqrt(1 + sigma^2), log sigma, c); F starts at zero.

    scale(sigma): sigma / sqrt(1 + sigma^2) for "edm" (c_out of Karras et al. 2022, table 1, with sigma_data = 1), sigma / (1 +
    sigma) for "flow", so that F adds to the velocity of flow matching; kind "" has no F. c: (cells, p) conditions as the core
    takes them.
    """

    c_mean: Tensor
    c_scale: Tensor

    def __init__(self, core: Core, kind: str, width: int):
        super().__init__()
        self.core, self.kind = core, kind
        self.register_buffer("c_mean", torch.zeros(core.p))
        self.register_buffer("c_scale", torch.ones(core.p))
        self.register_buffer("waves", torch.exp(torch.linspace(-1, 2, WAVES)))
        self.inner = _network(core.d + core.p + 2 * WAVES, width, core.d) if kind else None

    def scale(self, sigma: Tensor) -> Tensor:
        return sigma / torch.sqrt(1 + sigma**2) if self.kind == "edm" else sigma / (1 + sigma)

    def learned(self, noisy: Tensor, sigma: Tensor, c: Tensor) -> Tensor:
        """F, (cells, d)."""
        assert self.inner is not None
        angle = (sigma.log() / 4) * self.waves
        known = ((c - self.c_mean) / self.c_scale).clamp(-CLIP, CLIP)
        return self.inner(torch.cat([noisy / torch.sqrt(1 + sigma**2), known, angle.sin(), angle.cos()], 1))

    def forward(self, noisy: Tensor, sigma: Tensor, c: Tensor, experts: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """D, (cells, d); experts: ``core.experts(c)`` where it was computed before."""
        found = self.core.denoise(noisy, sigma, self.core.experts(c) if experts is None else experts)
        return found if self.inner is None else found + self.scale(sigma) * self.learned(noisy, sigma, c)

    def loss(self, u: Tensor, c: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of F against what the core leaves, (): for "edm" at log-normal noise levels (Karras et al. 2022, table 1:
        log sigma ~ N(-1.2, 1.2)), for "flow" at uniform times (Lipman et al. 2023, eq. 14)."""
        if self.kind == "edm":
            sigma = torch.exp(1.2 * torch.randn(len(u), 1, generator=generator) - 1.2)
        else:
            t = 0.002 + 0.996 * torch.rand(len(u), 1, generator=generator)
            sigma = (1 - t) / t
        noisy = u + sigma * torch.randn(u.shape, generator=generator)
        with torch.no_grad():
            left = (u - self.core.denoise(noisy, sigma, self.core.experts(c))) / self.scale(sigma)
        return (left - self.learned(noisy, sigma, c)).square().mean()


def _network(n_inputs: int, width: int, n_outputs: int) -> nn.Sequential:
    """F, 0 to begin with."""
    made = nn.Sequential(nn.Linear(n_inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, n_outputs))
    nn.init.zeros_(made[-1].weight)
    nn.init.zeros_(made[-1].bias)
    return made


def train_denoiser(
    denoiser: Denoiser,
    u: np.ndarray,
    c: np.ndarray,
    chance: np.ndarray,
    check: tuple[np.ndarray, np.ndarray] | None,
    settings: NetworkSettings,
    seed: int,
) -> dict[str, float]:
    """Trains F on whitened residuals u (n, d) of conditions c (n, p), rows drawn with ``chance`` (n,); keeps the moving average
    of the weights with the least loss on ``check`` (u, c) of other cells; without such cells, that of the last step. Returns the
    step that was kept, first (F = 0) and least loss."""
    assert denoiser.inner is not None, "a denoiser of kind '' has nothing to train"
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    denoiser.c_mean.copy_(torch.from_numpy(c.mean(0)))
    denoiser.c_scale.copy_(torch.from_numpy(c.std(0) + 1e-2))
    nn.init.kaiming_uniform_(denoiser.inner[0].weight, a=math.sqrt(5))
    tensors = [torch.from_numpy(part).float() for part in (u, c, *(check or (u, c)))]
    average = copy.deepcopy(denoiser.inner)
    optimiser = torch.optim.AdamW(denoiser.inner.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    copies = max(1, 2048 // max(1, len(tensors[2])))

    @torch.no_grad()
    def validation() -> float:
        own = denoiser.inner
        denoiser.inner = average
        fixed = torch.Generator().manual_seed(12345)  # the same noise at every look
        found = float(denoiser.loss(tensors[2].repeat(copies, 1), tensors[3].repeat(copies, 1), fixed))
        denoiser.inner = own
        return found

    start = best = validation()
    kept, kept_step, waited, step = copy.deepcopy(average.state_dict()), 0, 0, 0
    cumulative = np.cumsum(chance / chance.sum())
    while step < settings.steps and waited < settings.patience:
        rows = torch.from_numpy(np.searchsorted(cumulative, rng.random(settings.batch_size)).clip(max=len(u) - 1))
        optimiser.zero_grad()
        denoiser.loss(tensors[0][rows], tensors[1][rows], generator).backward()
        optimiser.step()
        step += 1
        decay = min(settings.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), denoiser.inner.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        if check is not None and step % settings.every == 0:
            now = validation()
            waited = 0 if now < best else waited + 1
            if now < best:
                best, kept, kept_step = now, copy.deepcopy(average.state_dict()), step
    if check is None:
        kept, kept_step, best = average.state_dict(), step, validation()
    denoiser.inner.load_state_dict(kept)
    denoiser.inner.requires_grad_(requires_grad=False)
    return {"steps": float(kept_step), "loss_of_core": start, "loss": best}
