"""The answers of the product's own functions to the questions that are asked of a known system."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.landscape.answers import Answer, nearest
from benchmarks.landscape.truth import Passage
from benchmarks.landscape.variants import Variant
from virtualcell.data.known.system import Snapshots
from virtualcell.landscape.attractors import find_valleys
from virtualcell.landscape.barriers import find_barriers
from virtualcell.landscape.committor import committor
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.training.refits import DynamicsFit

COPIES = 200
"""Simulated futures of each cell whose committor is asked: their noise is about .02."""

REST, FRAMES = 5.0, 21
"""Spans that cells are given to come to rest, and how often they are looked at, the second half counting."""


def of_fit(
    fit: DynamicsFit, variant: Variant, cells: Snapshots, asked: np.ndarray, fates: Passage | None, time: np.ndarray
) -> Answer:
    """What the product says: of attractors, passes with their bands, fates, the population at rest, turning and growth.

    asked: rows of cells whose committor is asked; time: (cells,) in spans, as the fit got it.
    """
    system, states = variant.system, cells.xy.astype(np.float32)
    found = find_valleys(fit.dynamics.potential, float(fit.dynamics.diffusion.detach()), states)
    places = found.places.astype(np.float64)
    stand_for = nearest(places, system)
    true_name = {str(row): name for name, row in stand_for.items()} if len(set(stand_for.values())) == len(stand_for) else {}
    barriers = find_barriers(
        fit.dynamics,
        {str(i): at for i, at in enumerate(found.places)},
        states,
        time,
        found.basin,
        fit.refits,
        fit.growth_identified,
    )
    # A pass between attractors that stand for no true one keeps their numbers for a name.
    called = {(true_name.get(b.start, b.start), true_name.get(b.end, b.end)): b for b in barriers}
    named = {passage: b for passage, b in called.items() if set(passage) <= set(true_name.values())}
    ends = [found.places[stand_for[name]] for name in fates or () if name in stand_for]
    chance = None
    if len(ends) == 2 and len(asked) and not np.array_equal(ends[0], ends[1]):
        chance, _ = committor(fit.dynamics, states[asked], ends[0], ends[1], (system.core, system.core), COPIES)
    return Answer(
        attractors=places,
        barriers={passage: b.height for passage, b in named.items()},
        committor=chance,
        unidentified=frozenset(passage for passage, b in named.items() if not b.identifiable),
        identified=frozenset(passage for passage, b in called.items() if b.identifiable),
        covariance=_at_rest(fit.dynamics, states) if system.linear is not None else None,
        share=fit.rotation_share,
        said=fit.growth_known,
        bands={passage: (b.low, b.high) for passage, b in called.items() if b.low is not None and b.high is not None},
    )


@torch.no_grad()
def _at_rest(dynamics: Dynamics, states: np.ndarray) -> np.ndarray:
    """Covariance of a long rollout, (2, 2)."""
    path, _ = dynamics.rollout(torch.from_numpy(states), REST, torch.Generator().manual_seed(0), keep=FRAMES)
    return np.cov(path[FRAMES // 2 :].reshape(-1, path.shape[2]).double().numpy().T)
