"""The game that teaches the codes: one step after another, what is logged of it, and how good a run looks without any label."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from virtualcell.generative.infogan_networks import LOG_VARIANCE, Generator, Reader
from virtualcell.generative.infogan_objective import (
    discriminator_loss,
    generator_loss,
    inconsistency,
    information,
    slope_penalty,
    unlike_spread,
)
from virtualcell.generative.infogan_start import find_start
from virtualcell.predictor.distance import energy_distance

FINEST = float(np.exp(LOG_VARIANCE[0] / 2))
"""Least standard deviation with which a continuous code is read from a cell."""
LOOKED_AT = 512
"""Generated cells from which a logged step's figures come."""


@dataclass(frozen=True)
class CodeSettings:
    """How codes are learned; the defaults take about ten seconds of one CPU thread on 2,000 cells."""

    hidden: int = 64
    warm_start: bool = True
    """Whether generator and code head begin at what ``infogan_start`` finds; otherwise at random."""
    mixture_tries: int = 25
    warm_steps: int = 150
    """Steps in which discriminator and code head alone learn, from the start's cells; none without a warm start."""
    steps: int = 600
    starts: int = 3
    """Runs that are begun; the most promising goes on."""
    short_steps: int = 80
    """Steps of the game after which runs are compared."""
    batch_size: int = 256
    learning_rate: float = 2e-3
    """Of discriminator and code head (Adam, falling linearly to 0)."""
    generator_rate: float = 0.5
    """Times the learning rate: a generator that starts near the cells is only to be corrected."""
    slope_weight: float = 0.3
    """Of R1, counted every ``slope_every``-th step for all of them."""
    slope_every: int = 4
    category_weight: float = 1.0
    continuous_weight: float = 0.3
    consistency_weight: float = 0.1
    """Of the difference between what a continuous code does in two categories."""
    spread_weight: float = 1.0
    """Of the difference between how generated and measured cells of the same codes spread. The adversary sees no codes: without
    this term, the information that codes carry leaves less and less to the noise."""
    learned_prior: bool = True
    """Whether the prior of the category follows the code head on measured cells; otherwise it stays as it started."""
    prior_rate: float = 0.02
    prior_floor: float = 0.2
    """Least probability of a category, in units of 1 / K: a code that has lost its cells can come back."""
    average_rate: float = 0.01
    """Of the moving average of the generator's weights, which is what draws in the end."""
    validation_share: float = 0.1
    log_every: int = 25


class Game:
    """One run: networks, optimisers, prior and random numbers. ``x`` (n, d): standardised training states."""

    def __init__(self, x: np.ndarray, scale: np.ndarray, k: int, c: int, settings: CodeSettings, seed: int):
        self.settings, self.k, self.c, self.d = settings, k, c, x.shape[1]
        self.x, self.rng = torch.from_numpy(x), torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = Generator(self.d, k, c, settings.hidden)
            self.reader = Reader(self.d, k, c, settings.hidden)
            if not settings.warm_start:
                torch.nn.init.normal_(self.generator.centres, std=0.5)
        self.prior = torch.full((k,), 1 / k)
        if settings.warm_start:
            start = find_start(x, scale, k, c, settings.mixture_tries, seed)
            with torch.no_grad():
                for name in ("centres", "directions", "spread"):
                    getattr(self.generator, name).copy_(torch.from_numpy(getattr(start, name)))
            self.prior = torch.from_numpy(start.prior).float()
        self.average = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)
        betas = (0.5, 0.99)
        self.rates = (settings.learning_rate * settings.generator_rate, settings.learning_rate)
        self.optimisers = (
            torch.optim.Adam(self.generator.parameters(), self.rates[0], betas),
            torch.optim.Adam(self.reader.parameters(), self.rates[1], betas),
        )
        self.taken = self.read_steps = 0

    def sample(self, n: int, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Noise (n, d), categories (n,) from the prior, continuous codes (n, C) uniform on [-1, 1]."""
        rng = rng or self.rng
        category = torch.multinomial(self.prior, n, replacement=True, generator=rng)
        return torch.randn(n, self.d, generator=rng), category, 2 * torch.rand(n, self.c, generator=rng) - 1

    def one_hot(self, category: Tensor) -> Tensor:
        """(n,) to (n, K) float."""
        return functional.one_hot(category, self.k).float()

    def read_step(self) -> Tensor:
        """Discriminator and code head learn from what the generator makes; the measured states (n, d) that they saw."""
        s = self.settings
        real = self.x[torch.randint(len(self.x), (s.batch_size,), generator=self.rng)]
        noise, category, continuous = self.sample(s.batch_size)
        with torch.no_grad():
            made = self.generator(noise, self.one_hot(category), continuous)
        loss = discriminator_loss(self.reader.judge(real), self.reader.judge(made))
        if self.read_steps % s.slope_every == 0:
            loss = loss + s.slope_every * s.slope_weight / 2 * slope_penalty(self.reader, real)
        self._descend(1, loss - self._informed(made, category, continuous))
        self.read_steps += 1
        return real

    def step(self) -> None:
        """Discriminator and code head, then the generator, then the prior."""
        s = self.settings
        left = 1 - self.taken / s.steps
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * max(left, 0.005)
        real = self.read_step()
        noise, category, continuous = self.sample(s.batch_size)
        groups = self.one_hot(category)
        made = self.generator(noise, groups, continuous)
        loss = generator_loss(self.reader.judge(made)) - self._informed(made, category, continuous)
        if s.consistency_weight > 0:
            others = groups[torch.randperm(len(groups), generator=self.rng)]
            end = 2 * torch.rand(continuous.shape, generator=self.rng) - 1
            loss = loss + s.consistency_weight * inconsistency(self.generator, noise, groups, others, continuous, end)
        if s.spread_weight > 0:
            about = made - self.generator(torch.zeros_like(noise), groups, continuous)
            loss = loss + s.spread_weight * unlike_spread(self._residuals(real), about)
        self._descend(0, loss)

        with torch.no_grad():
            for kept, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                kept.lerp_(now, s.average_rate)
            if s.learned_prior:
                seen = self.reader.read(real)[0].exp().mean(0)
                prior = torch.lerp(self.prior, seen, s.prior_rate).clamp_min(s.prior_floor / self.k)
                self.prior = prior / prior.sum()
        self.taken += 1

    def _residuals(self, states: Tensor) -> Tensor:
        """States (n, d) less what the generator makes without noise of the codes that are read from them.

        Continuous codes are read no finer than ``FINEST``. With the posterior's own deviation instead, more noise would make
        codes less certain, and less certain codes would ask for more noise.
        """
        with torch.no_grad():
            log_probabilities, mean, _ = self.reader.read(states)
            category = torch.multinomial(log_probabilities.exp(), 1, generator=self.rng)[:, 0]
            continuous = (mean + FINEST * torch.randn(mean.shape, generator=self.rng)).clamp(-1, 1)
        return states - self.generator(torch.zeros_like(states), self.one_hot(category), continuous)

    def _informed(self, made: Tensor, category: Tensor, continuous: Tensor) -> Tensor:
        of_category, of_continuous = information(*self.reader.read(made), category, continuous, self.prior)
        return self.settings.category_weight * of_category + self.settings.continuous_weight * of_continuous.sum()

    def _descend(self, which: int, loss: Tensor) -> None:
        self.optimisers[which].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[which].step()

    @torch.no_grad()
    def look(self, cells: Tensor) -> dict[str, Any]:
        """Figures of the moment; cells (n, d): inner validation states. All draws are the same each time."""
        noise, category, continuous = self.sample(LOOKED_AT, torch.Generator().manual_seed(0))
        made = self.average(noise, self.one_hot(category), continuous)
        of_category, of_continuous = information(*self.reader.read(made), category, continuous, self.prior)
        log_probabilities = self.reader.read(cells)[0]
        real, drawn = self.reader.judge(cells), self.reader.judge(made)
        return {
            "entropy_of_code": float(-(log_probabilities.exp() * log_probabilities).sum(1).mean()),
            "entropy_of_use": entropy(log_probabilities.exp().mean(0)),
            "mutual_information": float(of_category + of_continuous.sum()),
            "information_of_category": float(of_category),
            "information_of_continuous": of_continuous.tolist(),
            "discriminator_loss": float(discriminator_loss(real, drawn)),
            "generator_loss": float(generator_loss(drawn)),
            "energy_distance": float(energy_distance(made, cells)),
            "spread": float(made.std(0).mean() / cells.std(0).mean()),
        }


def promise(figures: dict[str, Any], floor: float) -> float:
    """By which runs are chosen, without any label: nats that the codes are sure to carry, less the energy distance of generated
    from inner validation cells in units of ``floor``, by which chance sets samples of measured cells apart."""
    return float(figures["mutual_information"] - figures["energy_distance"] / floor)


def entropy(probabilities: Tensor) -> float:
    """Nats of (K,)."""
    return float(-(probabilities * probabilities.clamp_min(1e-12).log()).sum())
