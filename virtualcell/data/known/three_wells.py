"""Three wells: a progenitor high above two fates, both reached over low passes."""

from __future__ import annotations

import numpy as np

from virtualcell.data import three_wells
from virtualcell.data.known.system import KnownSystem, around, bump

GROWTH = 0.6
"""Rate of division at the centre of Fate B, per unit of time."""

_WELLS = {well.name: well.xy for well in three_wells.wells()}
_START = _WELLS["Progenitor"]

THREE_WELLS = KnownSystem(
    name="three wells",
    diffusion=three_wells.DIFFUSION,
    times=(0.0, 1.0, 2.0, 4.0, 6.0, 8.0),
    drift=lambda xy: -three_wells.gradient(xy),
    potential=three_wells.potential,
    attractors=_WELLS,
    forward=(("Progenitor", "Fate A"), ("Progenitor", "Fate B")),
    # Boltzmann's law in the well's own parabola.
    start=around(_START, three_wells.DIFFUSION * np.linalg.inv(three_wells.hessian(_START))),
    box=(-3.2, 3.2, -2.8, 3.2),
    growth=bump(three_wells.CENTRES[2], float(three_wells.WIDTHS[2]), GROWTH),
)
