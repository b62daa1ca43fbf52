"""From noise to a sample: Heun's method along EDM's noise levels, or along the straight paths of flow matching."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 18
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0
"""Karras et al. 2022, table 1; in units of the whitened residual, whose own spread is 1."""

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(noisy (cells, d), sigma (cells, 1)) to the expected clean value (cells, d)."""


def noise_levels(steps: int) -> Tensor:
    """sigma from SIGMA_MAX down to SIGMA_MIN, then 0; float32 (steps + 1,). Karras et al. 2022, eq. 5."""
    place = torch.linspace(0, 1, steps)
    low, high = SIGMA_MIN ** (1 / RHO), SIGMA_MAX ** (1 / RHO)
    return torch.cat([(high + place * (low - high)) ** RHO, torch.zeros(1)])


def edm_path(denoise: Denoise, start: Tensor, steps: int = STEPS) -> Tensor:
    """Solves dx/dsigma = (x - D(x; sigma)) / sigma from start * SIGMA_MAX with Heun's second-order method.

    start: (cells, d), standard normal noise. Karras et al. 2022, algorithm 1 without churn. Second order in 1 / steps.
    """
    levels = noise_levels(steps)
    x = start * levels[0]
    for here, there in itertools.pairwise(levels):
        slope = (x - denoise(x, here.expand(len(x), 1))) / here
        x_next = x + (there - here) * slope
        if there > 0:
            again = (x_next - denoise(x_next, there.expand(len(x), 1))) / there
            x_next = x + (there - here) * (slope + again) / 2
        x = x_next
    return x


def flow_path(denoise: Denoise, start: Tensor, steps: int = STEPS) -> Tensor:
    """Solves dx/dt = v(x, t) from t = 0 (noise) to 1 (sample) with Heun's method; x_t = t * sample + (1 - t) * noise.

    v = (D(x / t; (1 - t) / t) - x) / (1 - t): the velocity of flow matching written by the denoiser (Lipman et al. 2023, eq. 21
    with sigma_min = 0). start: (cells, d), standard normal. The last step ends where the denoiser points, which costs nothing
    where the velocity is 0 / 0. The grid is finer at both ends. Second order in 1 / steps.
    """

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        t = t.clamp_min(1e-3)
        return (denoise(x / t, ((1 - t) / t).expand(len(x), 1)) - x) / (1 - t)

    times = 0.5 - 0.5 * torch.cos(torch.pi * torch.linspace(0, 1, steps + 1))
    x = start
    for here, there in itertools.pairwise(times):
        slope = velocity(x, here)
        x_next = x + (there - here) * slope
        if there < 1:
            x_next = x + (there - here) * (slope + velocity(x_next, there)) / 2
        x = x_next
    return x


PATHS = {"edm": edm_path, "flow": flow_path}
"""Name of the sampler -> how it goes from noise to a sample."""
