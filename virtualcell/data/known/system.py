"""A law of motion that we wrote down, and the cells that are measured when it rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_continuous_lyapunov
from scipy.optimize import root

POOL = 4
"""With growth so many times more cells are simulated than sampled, so that sisters are rarely sampled together. Sizes then stray
as those of cultures from so few founders do."""

DIVISIONS = 40
"""With growth, cells divide at so many moments of the measured period; their daughters then move each on its own."""

Field = Callable[[np.ndarray], np.ndarray]
"""Places (n, 2) to vectors (n, 2) or numbers (n,)."""


@dataclass(frozen=True)
class Snapshots:
    """Cells of a known system as an experiment gives them: other cells at every time.

    xy: (cells, 2) float64; time: (cells,); state: (cells,) name of the nearest attractor. sizes: time -> number of cells in the
    whole population over the number at the start. crossings: (from, to) -> how often the sampled cells' own paths went from the
    core of one attractor to that of another, summed over all times.
    """

    xy: np.ndarray
    time: np.ndarray
    state: np.ndarray
    sizes: dict[float, float]
    crossings: dict[tuple[str, str], int]

    @property
    def spans(self) -> np.ndarray:
        """Time with the whole measured period as unit, (cells,)."""
        return self.time / self.time.max()

    @property
    def sizes_by_span(self) -> dict[float, float]:
        """``sizes`` by time in spans."""
        return {time / float(self.time.max()): size for time, size in self.sizes.items()}


@dataclass(frozen=True)
class KnownSystem:
    """dz = drift(z) dt + sqrt(2 D) dW in the plane, D the same everywhere.

    potential: U with drift = -grad U, None where there is none. attractors: name -> place (2,), the one that cells start near
    first where they start near one. forward: (from, to) of the passages that many cells make in the measured period; no entry
    where cells start on no attractor. start: (n, generator) -> places (n, 2) at time 0. times: when cells are measured. box:
    rectangle (x from, x to, y from, y to) that cells practically never leave. step: of the simulation, small beside the fastest
    relaxation. core: radius within which a cell counts as arrived at an attractor. growth: rate of division at a place, used
    where growth is asked for. linear: A (2, 2) where drift = -A (z - the one attractor).
    """

    name: str
    diffusion: float
    times: tuple[float, ...]
    drift: Field
    potential: Field | None
    attractors: dict[str, np.ndarray]
    forward: tuple[tuple[str, str], ...]
    start: Callable[[int, np.random.Generator], np.ndarray]
    box: tuple[float, float, float, float]
    step: float = 0.005
    core: float = 0.3
    growth: Field | None = None
    linear: np.ndarray | None = None

    @property
    def span(self) -> float:
        """The measured period, in the system's unit of time."""
        return self.times[-1]

    @property
    def places(self) -> np.ndarray:
        """The attractors, (attractors, 2)."""
        return np.stack(list(self.attractors.values()))

    @property
    def covariance(self) -> np.ndarray:
        """Stationary covariance (2, 2) of a linear drift: A C + C A' = 2 D I. Raises ValueError for another drift."""
        if self.linear is None:
            raise ValueError(f"{self.name}: the drift is not linear, so its stationary covariance has no closed form.")
        return solve_continuous_lyapunov(self.linear, 2 * self.diffusion * np.eye(2))

    def move(
        self,
        xy: np.ndarray,
        duration: float,
        rng: np.random.Generator,
        *,
        growing: bool = False,
        last: np.ndarray | None = None,
    ) -> Moved:
        """Carries cells (n, 2) by Euler-Maruyama, float64, counting the passages between cores on the way.

        growing: also integrate the rate of division along each path. last: (n,) core that each cell was in last, from an earlier
        ``Moved``; by default the one that it is in.
        """
        xy = np.array(xy, dtype=np.float64)
        k, n = len(self.attractors), len(xy)
        log_weight, passages = np.zeros(n), np.zeros((n, k, k), dtype=np.int64)
        last = self._core(xy) if last is None else last
        steps = max(round(duration / self.step), 1) if duration > 0 else 0
        dt = duration / steps if steps else 0.0
        for _ in range(steps):
            if growing:
                log_weight += self._rate(xy) * dt
            xy += self.drift(xy) * dt + np.sqrt(2 * self.diffusion * dt) * rng.standard_normal(xy.shape)
            if k > 1:
                inside = self._core(xy)
                arrived = np.flatnonzero((inside >= 0) & (last >= 0) & (inside != last))
                passages[arrived, last[arrived], inside[arrived]] += 1
                last = np.where(inside >= 0, inside, last)
        return Moved(xy, log_weight, passages, last)

    def snapshots(self, seed: int, n: int = 1000, *, growing: bool = False, pool: int = POOL) -> Snapshots:
        """n cells at each time, every time from cells of its own; growing: sampled by the number of cells they have become, from
        a culture of ``pool`` * n founders.

        Raises ValueError where growth is asked for and the system has none.
        """
        if growing and self.growth is None:
            raise ValueError(f"{self.name}: no growth is defined.")
        rng = np.random.default_rng(seed)
        places, sizes, names = [], {}, list(self.attractors)
        passages = np.zeros((len(names), len(names)), dtype=np.int64)
        for time in self.times:
            moved, size = self._grown(n, pool * n, time, rng) if growing else (self.move(self.start(n, rng), time, rng), 1.0)
            sizes[time] = size
            places.append(moved.xy)
            passages += moved.passages.sum(axis=0)
        xy = np.concatenate(places)
        nearest = ((xy[:, None] - self.places) ** 2).sum(axis=-1).argmin(axis=1)
        crossings = {(a, b): int(passages[i, j]) for i, a in enumerate(names) for j, b in enumerate(names) if i != j}
        return Snapshots(xy, np.repeat(self.times, n), np.array(names)[nearest], sizes, crossings)

    def _grown(self, n: int, founders: int, time: float, rng: np.random.Generator) -> tuple[Moved, float]:
        """n of the cells into which a population of so many has grown, each as likely as any other, and its size over that at the
        start.

        The simulated pool stays as large as it is: at every division a cell is followed in as many copies as its share of the
        population (systematic resampling, Kitagawa 1996), and the growth that is so taken out is counted in the size.
        """
        xy = self.start(founders, rng)
        last, size = self._core(xy), 1.0
        passages = np.zeros((len(xy), len(self.attractors), len(self.attractors)), dtype=np.int64)
        parts = max(round(DIVISIONS * time / self.span), 1)
        for _ in range(parts):
            moved = self.move(xy, time / parts, rng, growing=True, last=last)
            weight = np.exp(moved.log_weight)
            size *= float(weight.mean())
            level = np.cumsum(weight) / weight.sum()
            rows = np.searchsorted(level, (rng.random() + np.arange(len(xy))) / len(xy)).clip(max=len(xy) - 1)
            xy, last, passages = moved.xy[rows], moved.last[rows], (passages + moved.passages)[rows]
        kept = rng.choice(len(xy), n, replace=False)
        return Moved(xy[kept], np.zeros(n), passages[kept], last[kept]), size

    def _rate(self, xy: np.ndarray) -> np.ndarray:
        if self.growth is None:
            raise ValueError(f"{self.name}: no growth is defined.")
        return self.growth(xy)

    def _core(self, xy: np.ndarray) -> np.ndarray:
        """Number of the attractor in whose core a cell is, -1 for none, (n,)."""
        square = ((xy[:, None] - self.places) ** 2).sum(axis=-1)
        nearest = square.argmin(axis=1)
        return np.where(square[np.arange(len(xy)), nearest] < self.core**2, nearest, -1)


@dataclass(frozen=True)
class Moved:
    """Cells after a while: xy (n, 2); log_weight (n,), log of how many each has become; passages (n, attractors, attractors);
    last (n,), number of the core that each was in last, -1 for none."""

    xy: np.ndarray
    log_weight: np.ndarray
    passages: np.ndarray
    last: np.ndarray


def bump(centre: np.ndarray, width: float, rate: float) -> Field:
    """A rate of division (n,) that is ``rate`` at centre (2,) and falls off as a Gaussian."""
    return lambda xy: rate * np.exp(-((xy - centre) ** 2).sum(axis=-1) / (2 * width**2))


def around(centre: np.ndarray, covariance: np.ndarray) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Draws places (n, 2) from a Gaussian with centre (2,) and covariance (2, 2)."""
    spread = np.linalg.cholesky(covariance)
    return lambda n, rng: centre + rng.standard_normal((n, 2)) @ spread.T


def rest(drift: Field, guess: tuple[float, float]) -> np.ndarray:
    """Place (2,) near the guess where a drift is zero, by Newton with differences. Raises ArithmeticError where none is found."""
    found = root(lambda xy: drift(xy[None])[0], guess, tol=1e-12)
    if not found.success:
        raise ArithmeticError(f"the drift is nowhere zero near {guess}.")
    return found.x
