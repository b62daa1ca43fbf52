"""Toggle switch: two genes that shut each other off, one a little stronger; not quite the gradient of any potential."""

from __future__ import annotations

import numpy as np

from virtualcell.data.known.system import KnownSystem, around, bump, rest

RATES, HILL = (1.8, 2.0), 4
DIFFUSION = 0.08
GROWTH = 0.2


def drift(xy: np.ndarray) -> np.ndarray:
    """dx/dt = a / (1 + y^4) - x, dy/dt = b / (1 + x^4) - y (Gardner, Cantor & Collins 2000); xy: (..., 2), result: (..., 2)."""
    x, y = xy[..., 0], xy[..., 1]
    return np.stack([RATES[0] / (1 + y**HILL) - x, RATES[1] / (1 + x**HILL) - y], axis=-1)


_FIRST, _SECOND = rest(drift, (1.8, 0.18)), rest(drift, (0.11, 2.0))

TOGGLE_SWITCH = KnownSystem(
    name="toggle switch",
    diffusion=DIFFUSION,
    times=(0.0, 3.0, 6.0, 12.0, 18.0, 24.0),
    drift=drift,
    potential=None,
    attractors={"First gene on": _FIRST, "Second gene on": _SECOND},
    forward=(("First gene on", "Second gene on"),),
    start=around(_FIRST, DIFFUSION * np.eye(2)),  # without the other gene each decays at rate 1
    box=(-1.6, 3.6, -1.6, 3.8),
    growth=bump(_SECOND, 0.5, GROWTH),
)
