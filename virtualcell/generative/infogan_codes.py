"""Fitted codes: read from a state, drawn into one, turned one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from virtualcell.generative.infogan_networks import Generator, Reader
from virtualcell.generative.infogan_training import CodeSettings
from virtualcell.schema import DataError

FAR = 4.0
"""Deviations from the mean beyond which a coordinate counts as this far: a few odd cells would take categories of their own."""


@dataclass(frozen=True)
class Codes:
    """Fitted codes of states (n, d).

    mean, scale: (d,) of the training states; prior: (K,) of the category; log: one dict a logged step (``step``,
    ``entropy_of_code`` in nats a cell of inner validation, which falls as codes settle, ``entropy_of_use`` of their mean,
    ``mutual_information``, losses, ``energy_distance``, ``spread``); record: what else is said of the fit, with its ``warnings``,
    which are sentences.
    """

    settings: CodeSettings
    generator: Generator
    reader: Reader
    mean: np.ndarray
    scale: np.ndarray
    prior: np.ndarray
    log: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def n_categories(self) -> int:
        return len(self.prior)

    @property
    def n_continuous(self) -> int:
        return self.reader.n_continuous

    @torch.no_grad()
    def read(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of states (n, d) the probabilities of the category (n, K) and the expected continuous codes (n, C) in [-1, 1], float32.
        Raises DataError for states of another shape."""
        x = torch.from_numpy(standardised(checked(states, len(self.mean)), self.mean, self.scale))
        log_probabilities, mean, _ = self.reader.read(x)
        return log_probabilities.exp().numpy(), mean.clamp(-1, 1).numpy()

    @torch.no_grad()
    def likeness(self, states: np.ndarray, category: int, continuous: np.ndarray) -> np.ndarray:
        """How likely states (n, d) have the codes, category from 0 and continuous (C,) in [-1, 1]: their posterior density,
        in shares that sum to 1, (n,) float64."""
        x = torch.from_numpy(standardised(checked(states, len(self.mean)), self.mean, self.scale))
        log_probabilities, mean, log_variance = (part.double() for part in self.reader.read(x))
        off = (torch.from_numpy(np.asarray(continuous, dtype=np.float64)) - mean) ** 2 / log_variance.exp()
        return torch.softmax(log_probabilities[:, category] - 0.5 * (off + log_variance).sum(1), 0).numpy()

    def draw(self, category: np.ndarray, continuous: np.ndarray, *, seed: int = 0, noise: float = 1.0) -> np.ndarray:
        """States (m, d) float32 of cells with the codes: category (m,) from 0, continuous (m, C) in [-1, 1].

        noise: times what codes leave open, 0 to 2. Raises DataError for a code that does not exist.
        """
        rng = torch.Generator().manual_seed(seed)
        return self._make(torch.randn(len(np.atleast_1d(category)), len(self.mean), generator=rng), category, continuous, noise)

    def turn(self, category: int, which: int, *, steps: int = 9, seed: int = 0, n: int = 200, noise: float = 1.0) -> np.ndarray:
        """States (steps, n, d) of n cells of a category whose continuous code ``which`` goes from -1 to 1 in even steps; noise
        and their other codes, drawn from the prior, are held. Raises DataError for a code that does not exist."""
        if not 0 <= which < self.n_continuous:
            raise no_code(f"There is no continuous code {which}.", f"choose 0 to {self.n_continuous - 1}.", "which")
        if steps < 2 or n < 1:
            raise no_code(f"{steps} steps of {n} cells were asked for.", "ask for at least 2 steps of 1 cell.", "steps")
        rng = torch.Generator().manual_seed(seed)
        held = torch.randn(n, len(self.mean), generator=rng)
        continuous = (2 * torch.rand(n, self.n_continuous, generator=rng) - 1).numpy()
        found = []
        for value in np.linspace(-1, 1, steps):
            continuous[:, which] = value
            found.append(self._make(held, np.full(n, category), continuous, noise))
        return np.stack(found)

    @torch.no_grad()
    def _make(self, held: torch.Tensor, category: np.ndarray, continuous: np.ndarray, noise: float) -> np.ndarray:
        category, continuous = np.atleast_1d(category), np.asarray(continuous, dtype=np.float32)
        if not (np.issubdtype(category.dtype, np.integer) and category.ndim == 1 and len(category)):
            raise no_code("Categories are whole numbers, one a cell.", "give an array (cells,) of integers.", "category")
        if category.min() < 0 or category.max() >= self.n_categories:
            raise no_code("A category does not exist.", f"choose 0 to {self.n_categories - 1}.", "category")
        if continuous.shape != (len(category), self.n_continuous):
            wanted = (len(category), self.n_continuous)
            raise no_code(f"Continuous codes have shape {continuous.shape}, not {wanted}.", "give one row a cell.", "continuous")
        if not (np.abs(continuous) <= 1).all():  # also false for what is no number
            raise no_code("A continuous code is outside of -1 to 1.", "stay between -1 and 1.", "continuous")
        if not 0 <= noise <= 2:
            raise no_code(f"Noise is {noise} times what was learned.", "give 0 to 2.", "noise")
        groups = functional.one_hot(torch.from_numpy(category.astype(np.int64)), self.n_categories).float()
        made = self.generator(noise * held, groups, torch.from_numpy(continuous)).numpy()
        return (made * self.scale + self.mean).astype(np.float32)


def standardised(states: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """States (n, d) in deviations of the training states, no coordinate beyond ``FAR``."""
    return np.clip((states - mean) / scale, -FAR, FAR).astype(np.float32)


def checked(states: np.ndarray, d: int) -> np.ndarray:
    """States (n, d) as float32. Raises DataError where they are none."""
    given = np.asarray(states, dtype=np.float32)
    if given.ndim != 2 or given.shape[1] != d or len(given) == 0:
        raise no_code(f"States have shape {given.shape}, not (cells, {d}).", f"give {d} coordinates a cell.", "states")
    if not np.isfinite(given).all():
        raise no_code("States hold values that are not numbers.", "leave those cells out.", "states")
    return given


def no_code(problem: str, next_step: str, name: str) -> DataError:
    return DataError(problem, next_step=next_step, field=name)
