"""Draws of a target given a condition: several laws, each from noise through a closed-form core and what a network adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.generative.core import Core
from virtualcell.generative.denoiser import Denoiser
from virtualcell.generative.resampled import Resampled
from virtualcell.generative.schedule import PATHS, STEPS
from virtualcell.generative.stray import Stray
from virtualcell.schema import DataError

CHUNK = 8192
HIGHEST_NOISE = 2.0


def check_noise(noise: float) -> None:
    """Raises DataError where it is none of the knob's."""
    if not 0 <= noise <= HIGHEST_NOISE:
        raise DataError(f"The noise is {noise:g}.", next_step="give a number from 0 to 2; 1 is as learned.", field="noise")


class Member(nn.Module):
    """One law p(target | condition): a core, perhaps with a network on it, and the path that leads from noise to a draw.

    kind: "edm" or "flow", the kind of the network; "": the core alone, whose denoiser is exact.
    """

    def __init__(self, core: Core, kind: str, width: int):
        super().__init__()
        self.kind, self.width = kind, width
        self.denoiser = Denoiser(core, kind, width)

    @property
    def core(self) -> Core:
        return self.denoiser.core

    def shape(self) -> dict[str, Any]:
        """What ``empty`` needs beside the weights."""
        core = self.core
        return {"p": core.p, "d": core.d, "k": core.k, "e": core.e, "kind": self.kind, "width": self.width}

    @classmethod
    def empty(cls, shape: dict[str, Any]) -> Member:
        return cls(Core(shape["p"], shape["d"], shape["k"], shape["e"]), shape["kind"], shape["width"])

    def mean(self, c: Tensor) -> Tensor:
        """Expected target (cells, d) by the core alone."""
        return self.core.linear(c) + self.core.mean_of_mixture(c) @ self.core.colour

    def forward(self, c: Tensor, start: Tensor, lot: Tensor, noise: float, steps: int = STEPS) -> Tensor:
        """Targets (cells, d) that noise ``noise * start`` (cells, d) becomes under conditions (cells, p); needs no ``lot``."""
        denoise = partial(self._denoise, c=c, experts=self.core.experts(c))
        return self.core.linear(c) + PATHS[self.kind or "edm"](denoise, noise * start, steps) @ self.core.colour

    def _denoise(self, noisy: Tensor, sigma: Tensor, c: Tensor, experts: tuple[Tensor, Tensor]) -> Tensor:
        return self.denoiser(noisy, sigma, c, experts)


class Sampler(nn.Module):
    """p(target | condition), fitted by ``fit_sampler``: a mixture of members, each draw by one of them.

    target (cells, d); condition (cells, p): an embedding of ``embedded`` columns, if any, then those of ``Vocabulary.encode``.
    weights (members,) add up to 1. spread (d,): factor of each target dimension about its mean, by which drawn intervals hold
    what they say on new cells.
    """

    weights: Tensor
    spread: Tensor
    population_mean: Tensor
    population_root: Tensor

    def __init__(self, members: Sequence[Member | Resampled], weights: Tensor, embedded: int):
        super().__init__()
        d = int(members[0].shape()["d"])
        self.members = nn.ModuleList(members)
        self.stray = Stray(embedded)
        self.register_buffer("weights", weights)
        self.register_buffer("spread", torch.ones(d))
        self.register_buffer("population_mean", torch.zeros(d))
        self.register_buffer("population_root", torch.eye(d))
        self.record: dict[str, Any] = {}

    def shape(self) -> dict[str, Any]:
        """What ``empty`` needs beside the weights."""
        return {"members": [member.shape() for member in self.members], "embedded": self.stray.embedded}

    @classmethod
    def empty(cls, shape: dict[str, Any]) -> Sampler:
        members = [Member.empty(each) if "kind" in each else Resampled(**each) for each in shape["members"]]
        return cls(members, torch.ones(len(members)), shape["embedded"])

    def mean(self, condition: np.ndarray) -> np.ndarray:
        """Expected target, (cells, d) float32, by the cores alone: the deterministic answer."""
        return self._mean(torch.from_numpy(np.asarray(condition, dtype=np.float32))).numpy()

    def _mean(self, c: Tensor) -> Tensor:
        return torch.stack([w * member.mean(c) for w, member in zip(self.weights, self.members, strict=True)]).sum(0)

    @torch.no_grad()
    def draw(self, condition: np.ndarray, n_draws: int, *, noise: float = 1.0, seed: int = 0, steps: int = STEPS) -> np.ndarray:
        """Draws (n_draws, cells, d) float32 for conditions (cells, p).

        noise: 0 to 2, the one knob of the noise schedule. 1: the distribution that was learned; above, the schedule starts from
        noise so much wider; below, draws are taken in towards the expected value (truncation: Karras et al. 2019, appendix B),
        which is all that 0 gives. The same seed gives the same draws. Raises DataError for another noise.
        """
        check_noise(noise)
        n, d = len(condition), len(self.spread)
        c = torch.from_numpy(np.asarray(condition, dtype=np.float32))
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(n_draws * n, d, generator=generator)
        lot, which, other = torch.rand(3, n_draws * n, generator=generator)
        part = torch.searchsorted(self.weights.cumsum(0), which).clamp_max(len(self.members) - 1)
        chance, mean = self.stray(c)[:, 0], self._mean(c)
        less, more = min(noise, 1.0), max(noise, 1.0)
        nonsense = 0.5 + less * (lot - 0.5) < chance.repeat(n_draws)
        found = self.population_mean + noise * start @ self.population_root
        for i, member in enumerate(self.members):
            mine = ((part == i) & ~nonsense).nonzero()[:, 0]
            for some in mine.split(CHUNK):
                here = some % n
                drawn = member(c[here], start[some], other[some], more, steps)
                found[some] = mean[here] + less * self.spread * (drawn - mean[here])
        return found.view(n_draws, n, d).numpy()
