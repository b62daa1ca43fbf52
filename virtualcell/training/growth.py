"""What is known of growth, and how the growth of a predictor follows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.couplings import growth_targets
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.growth import MAX_RATE
from virtualcell.schema import DataError
from virtualcell.training.transitions import Transition

MODES = ("transport", "none", "given", "sizes")
COUNTING = "whitened"
"""The distance that compares numbers of cells where sizes are known."""
EVEN = 0.3
"""Pull to even growth over the cells of a time: with 1,000 of them a tenth of what would bend the growth of three wells."""
FEW = 4.0
"""Where a quarter of the cells makes a population grow, it grows so many times as fast as the whole."""
FITTED, BATCH, RATE = 600, 256, 1e-2
MOST = 600
"""Cells of a population of which a transport plan is made."""


@dataclass(frozen=True)
class KnownGrowth:
    """What the experiment says of division and death.

    mode: "transport" (nothing known: what unbalanced transport asks for, pulled to zero), "none" (cells are taken neither to
    divide nor to die), "given" (rates: (cells,) per span, from division markers or a known system) or "sizes" (sizes: time in
    spans -> relative number of cells; the distribution over cells follows the populations).
    """

    mode: str = "transport"
    rates: np.ndarray | None = None
    sizes: dict[float, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise DataError(f"growth={self.mode!r} is not known.", next_step=f"choose one of {', '.join(MODES)}.", field="growth")
        if (self.mode == "given") != (self.rates is not None):
            raise DataError("Rates belong to growth='given' and to nothing else.", next_step="give both or none.", field="growth")
        if (self.mode == "sizes") != bool(self.sizes):
            raise DataError("Sizes belong to growth='sizes' and to nothing else.", next_step="give both or none.", field="growth")
        if self.rates is not None and not np.isfinite(self.rates).all():
            raise DataError("A growth rate is not a number.", next_step="give a finite rate for every cell.", field="growth")
        if any(not (np.isfinite(size) and size > 0) for size in self.sizes.values()):
            raise DataError(
                "A population size is not above 0.", next_step="give the number of cells at each time.", field="growth"
            )

    def check(self, time: np.ndarray | None, *, treated: bool, distance: str, field: str = "growth") -> None:
        """Raises DataError where sizes cannot be used; time: (cells,) in spans; treated: whether some cells are; distance: a key
        of ``virtualcell.predictor.distance.LOSSES``; field: where the sizes were given."""
        if self.mode != "sizes" or time is None:
            return
        missing = sorted({float(t) for t in np.unique(time)} - {float(t) for t in self.sizes})
        if missing:
            raise DataError(
                f"There is no population size for {len(missing)} of the measured times.",
                next_step="give the number of cells at every measured time.",
                field=field,
            )
        if treated:
            raise DataError(
                "A time has one population size, and treated and untreated cells need one each.",
                next_step="leave the sizes out, or fit untreated and treated cells apart.",
                field=field,
            )
        if distance != COUNTING:
            raise DataError(
                f"distance={distance!r} compares shares of cells, not numbers of them.",
                next_step=f"choose distance={COUNTING!r} where population sizes are given.",
                field="distance",
            )

    @property
    def counts(self) -> bool:
        """Whether cells of a predicted population weigh by their growth."""
        return self.mode != "none"

    def said(self, timed: bool) -> str:
        """What a reader must know; empty where growth does not come in."""
        if not timed:
            return ""
        return {
            "transport": "No division markers or population sizes were given: growth follows unbalanced transport between "
            "adjacent time points, and cannot be told apart from drift by these snapshots alone.",
            "none": "Growth is ignored: cells are taken neither to divide nor to die. Where they do, barriers, fates and "
            "shares are wrong, and these snapshots cannot say so.",
            "given": "Growth rates were given with the cells.",
            "sizes": "Growth follows the population sizes that were given; which cells divide is inferred.",
        }[self.mode]

    @property
    def identified(self) -> bool:
        """Whether something other than the snapshots themselves says how cells grow."""
        return self.mode in ("given", "sizes")


class GrowthTerm:
    """The part of a predictor's loss that speaks of growth."""

    def __init__(
        self,
        known: KnownGrowth,
        z: np.ndarray,
        states: Tensor,
        transitions: list[Transition],
        time: np.ndarray | None,
        rng: np.random.Generator,
    ):
        self.known, self.states, self.rng, self.time = known, states, rng, time
        self.rows, self.values = np.empty(0, np.int64), np.empty(0)
        self.usual = float(np.median([len(t.source) for t in transitions]))
        if time is not None and known.mode == "transport":
            self.rows, self.values = _asked(z, transitions, rng)
        if known.rates is not None:
            if len(known.rates) != len(z):
                raise DataError(
                    f"{len(known.rates)} growth rates were given for {len(z)} cells.",
                    next_step="give one a cell.",
                    field="growth",
                )
            self.rows, self.values = np.arange(len(z)), np.asarray(known.rates, dtype=float)

    @property
    def by_numbers(self) -> bool:
        """Whether populations are compared by numbers of cells: their sizes are known, and say how growth is spread over them."""
        return self.known.mode == "sizes" and self.time is not None

    @property
    def uneven(self) -> bool:
        """Whether cells are known to divide unequally: followed for long, few stand for many, and say little but noise."""
        return self.by_numbers or self.known.mode == "given"

    def prepare(self, model: Dynamics, generator: torch.Generator) -> None:
        """Given rates are a fact: the growth of the model is fitted to them first and then kept. Sizes say how fast cells may
        have to divide."""
        if self.known.mode == "none":
            model.growth.requires_grad_(requires_grad=False)
        if self.by_numbers:
            model.growth.max_rate.fill_(max(MAX_RATE, FEW * self._steepest()))
        if self.known.mode != "given":
            return
        asked = torch.from_numpy(self.values).float().to(self.states.device)
        model.growth.max_rate.fill_(max(MAX_RATE, 2 * float(asked.abs().max())))
        optimiser = torch.optim.Adam(model.growth.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, FITTED)
        for _ in range(FITTED):
            some = torch.randint(len(asked), (BATCH,), generator=generator).to(asked.device)
            loss = ((model.growth(self.states[some]) - asked[some]) ** 2).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
        model.growth.requires_grad_(requires_grad=False)

    def loss(self, model: Dynamics, penalty: float) -> Tensor:
        """() to be added to the populations' distance."""
        anywhere = self.states[torch.from_numpy(self.rng.integers(0, len(self.states), BATCH)).to(self.states.device)]
        if self.known.mode == "transport" and len(self.rows):
            some = torch.from_numpy(self.rng.integers(0, len(self.rows), BATCH))
            asked = torch.from_numpy(self.values[some.numpy()]).float().to(self.states.device)
            given = model.growth(self.states[torch.from_numpy(self.rows[some.numpy()]).to(self.states.device)])
            return penalty * 0.05 * (((given - asked) ** 2).mean() + (model.growth(anywhere) ** 2).mean())
        if self.by_numbers:
            # Numbers of cells bind it; where few cells leave it open, a weak pull to evenness.
            rates = model.growth(anywhere)
            return penalty * EVEN / self.usual * ((rates - rates.mean()) ** 2).mean()
        return torch.zeros((), device=self.states.device)

    def log_ratio(self, t: Transition) -> float:
        """Log of how many cells of the later population there are for one of the earlier, by their sizes."""
        assert self.time is not None
        first, last = (float(self.time[rows[0]]) for rows in (t.source, t.target))
        return float(np.log(self.known.sizes[last] / self.known.sizes[first]))

    def _steepest(self) -> float:
        """Fastest change of log size between adjacent times, per span."""
        times = sorted(self.known.sizes)
        sizes = np.log([self.known.sizes[t] for t in times])
        return float(np.abs(np.diff(sizes) / np.diff(times)).max())


def _asked(z: np.ndarray, transitions: list[Transition], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rows, values = [], []
    for t in transitions:
        if t.stationary or t.weight < 1.0:
            continue
        a = rng.choice(t.source, min(MOST, len(t.source)), replace=False)
        b = rng.choice(t.target, min(MOST, len(t.target)), replace=False)
        rows.append(a)
        values.append(growth_targets(z[a], z[b], t.duration))
    return np.concatenate(rows), np.concatenate(values)
