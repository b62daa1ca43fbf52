"""Which force at which dose leads from here to there, of a model that has forces and times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from virtualcell.perturbation.arrival import FEWEST, Arrival, Share
from virtualcell.perturbation.inverse import some
from virtualcell.perturbation.release import MOST_DOSE
from virtualcell.perturbation.response import apart
from virtualcell.predictor.dynamics import Dynamics

DOSES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the measured one."""


@torch.no_grad()
def rank_doses(
    dynamics: Dynamics,
    start: np.ndarray,
    goal: np.ndarray,
    *,
    doses: Sequence[float] = DOSES,
    treatments: Sequence[str] | None = None,
    duration: float = 1.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Treatments and doses, the one first whose push ends nearest to the goal; by default all forces.

    start (n, d), goal (m, d): states; doses: times the measured one, above 0 and at most 16; duration: of the push, in spans. All
    start from the same cells with the same random numbers. Columns: treatment; dose; apart: energy distance to the goal; closer:
    how much less that is than after as long without a push, over that, NaN where it is none; measured: whether cells were
    measured at that dose; arriving, low, high: share of the start that lies among the goal's cells (``Arrival``);
    arriving_untreated: after as long without a push; arriving_goal: of the goal's own cells; NaN for fewer than ten cells on
    either side. A dose other than 1 is what the landscape says of a force that was measured at 1 only. ValueError for fewer than
    two cells on either side, no force, or such doses; LookupError for a treatment without a force.
    """
    if min(len(start), len(goal)) < 2:
        raise ValueError("Two cells or more are needed on either side to tell how far apart they are.")
    if not all(np.isfinite(dose) and 0 < dose <= MOST_DOSE for dose in doses) or not len(doses):
        raise ValueError(f"Doses are above 0 and at most {MOST_DOSE:g} times the measured one, not {list(doses)}.")
    names = list(dynamics.treatments) if treatments is None else list(treatments)
    missing = [name for name in names if name not in dynamics.treatments]
    if missing:
        raise LookupError(f"{missing[0]!r} has no force: it was not measured over time.")
    if not names:
        raise ValueError("This model has no force of any treatment: nothing is known of doses.")
    here, there = (np.asarray(some(cells, seed), dtype=np.float32) for cells in (start, goal))

    def pushed(treatment: str | None, dose: float) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        return dynamics.rollout(torch.from_numpy(here), duration, generator, treatment, dose=dose)[0].numpy()

    arrival = Arrival(here, there, seed) if min(len(here), len(there)) >= FEWEST else None
    unpushed, rows = pushed(None, 1.0), []
    for name in names:
        for dose in doses:
            end = pushed(name, dose)
            share = arrival.of(end) if arrival else Share(np.nan, np.nan, np.nan)
            rows.append((name, float(dose), apart(end, there), share.value, share.low, share.high))
    alone = apart(unpushed, there)
    table = pd.DataFrame(rows, columns=["treatment", "dose", "apart", "arriving", "low", "high"])
    table["closer"] = (alone - table["apart"]) / alone if alone > 0 else np.nan
    table["arriving_untreated"] = arrival.of(unpushed).value if arrival else np.nan
    table["arriving_goal"] = arrival.of_goal.value if arrival else np.nan
    table["measured"] = table["dose"] == 1.0
    return table.sort_values("apart", kind="stable").reset_index(drop=True)
