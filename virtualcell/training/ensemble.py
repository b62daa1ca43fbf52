"""The predictor between measured times: flows from no growth to much growth, because snapshots do not tell which it was."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from scipy.spatial.distance import cdist

from virtualcell.predictor.couplings import Chain, exact_plan, unbalanced_plan
from virtualcell.predictor.flow import Flow
from virtualcell.predictor.population import Population, Snapshots, mixture, neighbours
from virtualcell.training.epochs import Progress
from virtualcell.training.flow import train_flow

STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1)
"""How dear it is that cells divide and die, from hardly allowed to nearly free; even steps in the logarithm."""


class FlowMatching:
    """Flows on transport plans between adjacent times, one for each plan, whose populations are pooled.

    plan: "independent" (I-CFM), "exact" (OT-CFM with one plan an interval) or strengths of unbalanced transport, one flow for
    each; members: how many flows of one and the same plan. curvature, smoothing: as in ``train_flow``, smoothing in units of the
    pooled standard deviation.
    """

    def __init__(
        self,
        plan: str | tuple[float, ...] = STRENGTHS,
        *,
        name: str = "VirtualCell flows",
        members: int = 1,
        curvature: float = 0.5,
        smoothing: float = 0.2,
        steps: int = 1000,
        device: str = "cpu",
    ):
        if plan not in ("independent", "exact") and (isinstance(plan, str) or not plan):
            raise ValueError(f"plan={plan!r} is not known; choose 'independent', 'exact' or strengths of unbalanced transport.")
        if isinstance(plan, tuple) and members != 1:
            raise ValueError(f"Each of {len(plan)} strengths has one flow; members={members} is for a single plan.")
        self.plan, self.name, self.copies = plan, name, members
        self.curvature, self.smoothing, self.steps, self.device = curvature, smoothing, steps, device

    def fit(self, snapshots: Snapshots, seed: int = 0, progress: Progress | None = None) -> Self:
        self.times = sorted(snapshots)
        if len(self.times) < 2:
            raise ValueError(f"Cells of at least two times are needed; there is {len(self.times)}.")
        pooled = np.concatenate([snapshots[t] for t in self.times])
        # One unit for all directions, so that distances mean what they meant; one unit of time is the mean gap.
        self.centre, self.scale = pooled.mean(0), float(np.sqrt(pooled.var(0).mean()))
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError("Cell states must be finite numbers that differ between cells.")
        self.gap = (self.times[-1] - self.times[0]) / (len(self.times) - 1)
        cells = [(np.asarray(snapshots[t], dtype=np.float64) - self.centre) / self.scale for t in self.times]
        chains = [
            Chain([self._clock(t) for t in self.times], cells, [plan(a, b) for a, b in pairwise(cells)]) for plan in self._plans()
        ]
        self.flow: Flow = train_flow(
            chains,
            curvature=self.curvature,
            smoothing=self.smoothing,
            seed=seed,
            steps=self.steps,
            device=torch.device(self.device),
            progress=progress,
        )
        return self

    def _plans(self) -> list:
        if self.plan == "independent":
            return [lambda a, b: np.full((len(a), len(b)), 1 / (len(a) * len(b)))] * self.copies
        if self.plan == "exact":
            return [exact_plan] * self.copies
        return [lambda a, b, strength=strength: unbalanced_plan(a, b, strength) for strength in self.plan]

    def _clock(self, t: float) -> float:
        return (t - self.times[0]) / self.gap

    def members(self, start: np.ndarray, t0: float, ends: list[float]) -> list[list[Population]]:
        """[end][member]: where each flow carries the cells start (n, d) from t0 to each of the rising (or falling) times.

        Beyond the last measured time the field of that time goes on.
        """
        scaled = (np.asarray(start, dtype=np.float64) - self.centre) / self.scale
        states, log_weights = self.flow.rollout(
            scaled, self._clock(t0), [self._clock(t) for t in ends], latest=self._clock(self.times[-1])
        )
        shifted = np.exp(log_weights - log_weights.max(2, keepdims=True))
        return [
            [Population.of(self.centre + self.scale * at, weight) for at, weight in zip(of_states, of_weights, strict=True)]
            for of_states, of_weights in zip(states, shifted, strict=True)
        ]

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        if not t1 > t0:
            raise ValueError(f"Times must rise from the start, but {t1:g} is not after {t0:g}.")
        return mixture(self.members(start, t0, [t1])[0])


@dataclass(frozen=True)
class Calibration:
    """What some cells of a missing time say: shares (clocks, members) of sum 1, times (clocks,), shift (d,) of the whole."""

    shares: np.ndarray
    times: np.ndarray
    shift: np.ndarray
    n_pilot: int


PRIOR_CELLS = 60
CLOCKS = 12
DRAWN = 300


def calibrate(
    predictor: FlowMatching, pilot: np.ndarray, start: np.ndarray, t0: float, t1: float, *, loyalty: float = 0.1, seed: int = 0
) -> tuple[Population, Calibration]:
    """The population at a missing time, from the flows and from some cells measured there, pilot (k, d), 10 or more.

    t1 only says between which measured times; the pilot cells say the rest. Cells may be anywhere on the way, each at its own,
    and growth may have been more or less: shares of clocks and members are those nearest to the pilot cells in energy distance,
    which is convex in them, with a pull towards equal shares of ``loyalty`` / k. Then the whole is moved to the pilot's mean,
    as far as the noise of that mean allows (in the spirit of James & Stein 1961, positive part), and the pilot cells, blurred,
    join it: what the flows say weighs as much as PRIOR_CELLS measured cells. ValueError for fewer than 10 pilot cells and for a
    time that is not after t0.
    """
    if len(pilot) < 10:
        raise ValueError(f"{len(pilot)} pilot cells do not show a population; give 10 or more.")
    if not t1 > t0:
        raise ValueError(f"The missing time {t1:g} must be after {t0:g}.")
    _, after = neighbours(predictor.times, t1)
    end = after if after is not None else 2 * t1 - t0
    times = t0 + (end - t0) * np.arange(1, CLOCKS + 1) / (CLOCKS + 1)
    parts = predictor.members(start, t0, times.tolist())
    flat = [part for members in parts for part in members]
    drawn = [part.draw(DRAWN, seed) for part in flat]
    within = _mean_distances(drawn)
    to_pilot = np.array([cdist(cells, pilot).mean() for cells in drawn])
    shares = _nearest_shares(to_pilot, within, loyalty / len(pilot) * float(to_pilot.mean()))
    found = mixture(flat, shares)
    away = pilot.mean(0) - found.mean
    noise = pilot.var(0, ddof=1).sum() / len(pilot)
    # Of the squared distance of the means, the noise of the pilot's mean is expected.
    shift = max(0.0, 1 - noise / max(float(away @ away), 1e-12)) * away
    measured = len(pilot) / (len(pilot) + PRIOR_CELLS)
    moved = mixture(
        [Population.of(found.states + shift, found.weights), blurred(pilot, seed)], np.array([1 - measured, measured])
    )
    return moved, Calibration(shares.reshape(CLOCKS, -1), times, shift, len(pilot))


def blurred(cells: np.ndarray, seed: int = 0, copies: int = 30) -> Population:
    """A smooth population around measured cells (n, d): Gaussian kernels of half of Silverman's width, as populations have more
    than one centre (Silverman 1986, eq. 4.14)."""
    n, d = cells.shape
    width = 0.5 * (4 / ((d + 2) * n)) ** (1 / (d + 4)) * cells.std(0, ddof=1)
    noise = np.random.default_rng(seed).normal(size=(copies, n, d))
    return Population.of((cells + width * noise).reshape(-1, d))


def _mean_distances(samples: list[np.ndarray]) -> np.ndarray:
    """Mean distance of a cell of one sample to one of another, (samples, samples); of itself, to another cell."""
    found = np.empty((len(samples), len(samples)))
    for i, a in enumerate(samples):
        for j, b in enumerate(samples[: i + 1]):
            pairs = len(a) * (len(a) - 1) if i == j else len(a) * len(b)
            found[i, j] = found[j, i] = cdist(a, b).sum() / pairs
    return found


def _nearest_shares(to_target: np.ndarray, within: np.ndarray, pull: float) -> np.ndarray:
    """Shares w of sum 1 with the least 2 w.to_target - w'within w + pull * n |w - 1/n|^2, by exponentiated gradient (n,)."""
    n = len(to_target)
    shares = np.full(n, 1 / n)
    rate = 0.3 / max(float(np.ptp(to_target)), 1e-9)
    for _ in range(2000):
        slope = 2 * to_target - 2 * within @ shares + 2 * pull * n * (shares - 1 / n)
        shares = shares * np.exp(-rate * np.clip(slope - shares @ slope, -1 / rate, 1 / rate))
        shares /= shares.sum()
    return shares
