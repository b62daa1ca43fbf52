"""The part of a landscape that is drawn: a fine grid with a smooth rim, on which cells and ways are laid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import distance_transform_edt, gaussian_filter, label, map_coordinates

from virtualcell.schema import Landscape

FINE = 150
"""Grid lines a side that are drawn, interpolated from the computed grid so that edges are smooth."""

RIM = 1.6
"""Grid lines outside the rim up to which points are pulled onto it."""


@dataclass(frozen=True)
class Relief:
    """The drawn part of a landscape: x, y, height are (FINE, FINE), pulled to the rim where they would lie just outside.

    height is in units of D and NaN where nothing is drawn; inside: not pulled; depth: grid lines from the rim, negative outside.
    at: energy at (y, x). top, low: ends of the colour scale. corner, step: of the grid before it was pulled, (2,) as x, y.
    """

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    inside: np.ndarray
    depth: np.ndarray
    at: RegularGridInterpolator
    top: float
    low: float
    corner: np.ndarray
    step: np.ndarray

    @classmethod
    def of(cls, landscape: Landscape) -> Relief:
        """Raises ValueError where no part of the landscape is supported by cells."""
        energy = np.asarray(landscape.energy, float)
        if not landscape.supported.any():
            raise ValueError("no part of the landscape is supported by measured cells, so there is nothing to draw")
        at = RegularGridInterpolator((landscape.y, landscape.x), energy, bounds_error=False, fill_value=None)
        # Steep walls would flatten everything else: what lies above the rim is cut off, never squeezed, unless cells are there.
        top = float(np.quantile(energy[landscape.supported], 0.985))
        top = max(top, float(np.quantile(at(np.asarray(landscape.cell_xy, float)[:, ::-1]), 0.99)))
        x, y = np.linspace(landscape.x[0], landscape.x[-1], FINE), np.linspace(landscape.y[0], landscape.y[-1], FINE)
        near = RegularGridInterpolator((landscape.y, landscape.x), landscape.supported.astype(float))
        grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
        inside = np.pad(_without_islands((near(grid) > 0.5) & (at(grid) <= top)), 1)
        depth = gaussian_filter(distance_transform_edt(inside) - distance_transform_edt(~inside), 2.0)[1:-1, 1:-1]
        place = _pulled(depth)
        yy, xx = np.interp(place[0], np.arange(FINE), y), np.interp(place[1], np.arange(FINE), x)
        height = np.minimum(at(np.stack([yy, xx], axis=-1)), top)
        height[depth <= -RIM] = np.nan
        # A few deep grid points must not push all the others into one colour.
        low = float(np.quantile(height[np.isfinite(height)], 0.005))
        corner, step = np.array([x[0], y[0]]), np.array([x[1] - x[0], y[1] - y[0]])
        return cls(xx, yy, height, depth >= 0, depth, at, top, low, corner, step)

    def shows(self, xy: np.ndarray) -> np.ndarray:
        """Whether the drawn part is under points (..., 2), boolean (...); half a grid line beyond the rim still counts."""
        place = (np.asarray(xy, float) - self.corner) / self.step
        return map_coordinates(self.depth, [place[..., 1], place[..., 0]], order=1, mode="constant", cval=-FINE) > -0.5

    def lay(self, xy: np.ndarray, lift: float = 0.0) -> np.ndarray:
        """Points (..., 2) laid on the drawn part, (..., 3); NaN where nothing is drawn under them."""
        xy = np.asarray(xy, float)
        height = np.clip(self.at(xy[..., ::-1]), self.low, self.top) + lift
        laid = np.concatenate([xy, height[..., None]], axis=-1)
        laid[~self.shows(xy)] = np.nan
        return laid

    @property
    def spacing(self) -> float:
        """Distance of contour lines: about fourteen, at a round number of D."""
        rough = max(self.top - self.low, 1e-6) / 14
        power = 10 ** np.floor(np.log10(rough))
        return float(power * min((1, 2, 5, 10), key=lambda step: abs(step * power - rough)))


def _without_islands(inside: np.ndarray) -> np.ndarray:
    """Leaves out pieces of less than 2 % of the whole: a single stray cell makes no landscape."""
    pieces, n = label(inside)
    size = np.bincount(pieces.ravel(), minlength=n + 1)
    keep = size >= 0.02 * inside.sum()
    keep[0] = False
    return keep[pieces]


def _pulled(depth: np.ndarray) -> np.ndarray:
    """Grid places (2, FINE, FINE), those just outside pulled onto the rim, so that it is a smooth curve and not a staircase."""
    slope = np.stack(np.gradient(depth))
    place = np.stack(np.meshgrid(np.arange(FINE), np.arange(FINE), indexing="ij")).astype(float)
    outside = (depth < 0) & (depth > -RIM)
    for _ in range(4):
        where = place[:, outside]
        value = map_coordinates(depth, where, order=1, mode="nearest")
        along = np.stack([map_coordinates(part, where, order=1, mode="nearest") for part in slope])
        place[:, outside] = where - value * along / np.maximum((along**2).sum(0), 0.05)
    return np.clip(place, 0, FINE - 1)
