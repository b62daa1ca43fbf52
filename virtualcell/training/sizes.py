"""What a predictor starts from, read off the measured populations: noise, slopes, the wall, and which forces there are."""

from __future__ import annotations

import numpy as np

from virtualcell.schema import PredictorSettings
from virtualcell.training.transitions import Transition

WALL = 20.0
"""Height of the wall, twice the radius out, over the energy that moves populations in one span."""


def pushes_of(transitions: list[Transition]) -> tuple[str, ...]:
    """What has a force of its own: parts of treatments, and combinations of which each part was measured alone, too: there
    alone can what they do together be told from what the parts do."""
    measured = dict.fromkeys(t.treatment for t in transitions if t.treatment)
    parts = dict.fromkeys(part for name in measured for part in name.split("+"))
    together = [name for name in measured if "+" in name and all(part in measured for part in name.split("+"))]
    return (*parts, *together)


def start_diffusion(z: np.ndarray, transitions: list[Transition], settings: PredictorSettings) -> float:
    """D to start from where it is not known, per span: settings.diffusion over the spread within populations of cells z."""
    populations = {rows.tobytes(): rows for t in transitions for rows in (t.source, t.target)}
    within = np.mean([z[rows].var(0).mean() for rows in populations.values() if len(rows) > 1])
    return float(0.5 * settings.diffusion * within)


def slope_scale(z: np.ndarray, transitions: list[Transition], diffusion: float) -> float:
    """How steep a valley is a standard deviation off its floor, where a population of the width of those measured rests: D over
    that deviation, in latent units a span. Forces are of its size, and are learned as fast: a step is what it is by Adam, however
    far there is to go. At least 1."""
    populations = {rows.tobytes(): rows for t in transitions for rows in (t.source, t.target)}
    within = np.mean([z[rows].var(0).mean() for rows in populations.values() if len(rows) > 1])
    return max(1.0, float(diffusion / np.sqrt(within)))


def wall_strength(z: np.ndarray, transitions: list[Transition], diffusion: float) -> float:
    """As strong as what carries the populations of cells z (cells, d): the wall must hold whatever drift they call for."""
    moved = max(float(((z[t.target].mean(0) - z[t.source].mean(0)) ** 2).sum()) / t.duration for t in transitions)
    return WALL * (moved + diffusion * z.shape[1])
