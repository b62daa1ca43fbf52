"""The answers of the product's own functions to the questions that are asked of a known system."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.landscape.answers import Answer
from benchmarks.landscape.variants import Variant
from virtualcell.data.known.system import Snapshots
from virtualcell.landscape.attractors import find_attractors
from virtualcell.training.predictor import PredictorFit


def of_fit(fit: PredictorFit, variant: Variant, cells: Snapshots, *, rotation: bool) -> Answer:
    """Attractors, the share of the drift that is no gradient (where such a part was fitted), and what the fit says of growth."""
    states = cells.xy.astype(np.float32)
    diffusion = variant.system.diffusion * variant.system.span
    found, _ = find_attractors(
        fit.dynamics.potential, diffusion, states, cells.state, np.eye(2, dtype=np.float32), np.zeros(2, np.float32), 0.0
    )
    return Answer(
        attractors=np.array([attractor.state for attractor in found], dtype=np.float64).reshape(-1, 2),
        barriers=None,
        share=fit.dynamics.rotation_share(torch.from_numpy(states)) if rotation else None,
        said=fit.growth_known,
    )
