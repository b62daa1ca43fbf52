"""Exact answers for cells that move in the plane with a known drift and diffusion, solved on a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.sparse.linalg import spsolve

Drift = Callable[[np.ndarray], np.ndarray]
"""Places (n, 2) to drifts (n, 2), in units a unit of time."""

FLOOR = 1e-6
"""Where the stationary density is below this share of its highest value, it is too small to be differentiated."""


@dataclass(frozen=True)
class Pass:
    """Where the lowest way between two minima is highest (2,), and its height there over the minimum where it starts."""

    height: float
    xy: np.ndarray


@dataclass(frozen=True)
class Grid:
    """A rectangle cut into cells; x: (gx,), y: (gy,) evenly spaced centres. Fields on it are (gy, gx), float64.

    A cell that moves is a random walk between neighbouring centres whose rates are those of Scharfetter & Gummel (1969): the
    finite-volume form of the Fokker-Planck equation that keeps mass, keeps densities positive, and for the drift -grad U has
    exp(-U / D) as its stationary state. No cell leaves the rectangle, so it must be wide enough.
    """

    x: np.ndarray
    y: np.ndarray

    @classmethod
    def over(cls, box: tuple[float, float, float, float], n: int = 201) -> Grid:
        """n by n centres over the rectangle (x from, x to, y from, y to)."""
        return cls(np.linspace(box[0], box[1], n), np.linspace(box[2], box[3], n))

    @property
    def points(self) -> np.ndarray:
        """All centres, (gy * gx, 2), row by row."""
        return np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)

    @property
    def steps(self) -> tuple[float, float]:
        """Distance of neighbouring centres along x and along y."""
        return float(self.x[1] - self.x[0]), float(self.y[1] - self.y[0])

    def at(self, field: np.ndarray, places: np.ndarray) -> np.ndarray:
        """A field (gy, gx) between centres, (n,), by bilinear interpolation; not a number outside the rectangle."""
        between = RegularGridInterpolator((self.y, self.x), field, bounds_error=False, fill_value=np.nan)
        return between(np.asarray(places, dtype=np.float64)[:, ::-1])

    def rates(self, drift: Drift, diffusion: float) -> sp.csr_matrix:
        """(gy * gx, gy * gx): how often a cell jumps from one centre (row) to another (column); rows add up to 0.

        Its transpose moves densities (Fokker-Planck), itself expectations (backward Kolmogorov).
        """
        gx, gy = len(self.x), len(self.y)
        number = np.arange(gx * gy).reshape(gy, gx)
        jumps = []
        pairs = ((number[:, :-1], number[:, 1:], 0), (number[:-1], number[1:], 1))
        for here, there, axis in ((a.ravel(), b.ravel(), axis) for a, b, axis in pairs):
            step = self.steps[axis]
            middle = (self.points[here] + self.points[there]) / 2
            pull = drift(middle)[:, axis] * step / diffusion
            scale = diffusion / step**2
            jumps += [(here, there, scale * _bernoulli(-pull)), (there, here, scale * _bernoulli(pull))]
        rows, columns, values = (np.concatenate(parts) for parts in zip(*jumps, strict=True))
        matrix = sp.csr_matrix((values, (rows, columns)), shape=(gx * gy, gx * gy))
        return (matrix - sp.diags(np.asarray(matrix.sum(axis=1)).ravel())).tocsr()

    def stationary(self, drift: Drift, diffusion: float) -> np.ndarray:
        """Density (gy, gx) to which every population settles without growth; its integral over the rectangle is 1."""
        flow = self.rates(drift, diffusion).T.tocsc()
        # One density is set and the others follow: at rest there is one solution up to a factor. Where cells hardly drift there
        # are cells, so that the factor is not lost in rounding.
        anchor = int((drift(self.points) ** 2).sum(axis=1).argmin())
        others = np.flatnonzero(np.arange(flow.shape[0]) != anchor)
        density = np.ones(flow.shape[0])
        density[others] = spsolve(flow[others][:, others], -flow[others][:, [anchor]].toarray().ravel())
        if not (np.isfinite(density).all() and (density >= 0).all()):
            raise ArithmeticError("the stationary density did not come out positive; take a finer grid or a smaller rectangle.")
        step_x, step_y = self.steps
        return (density / (density.sum() * step_x * step_y)).reshape(len(self.y), len(self.x))

    def committor(self, drift: Drift, diffusion: float, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
        """Chance (gy, gx) to reach the disc around b (2,) before the one around a (2,): 0 within a's, 1 within b's.

        Solves the backward Kolmogorov equation f . grad q + D laplace q = 0 (E & Vanden-Eijnden 2006).
        """
        in_a, in_b = ((np.linalg.norm(self.points - centre, axis=1) <= radius) for centre in (a, b))
        if not (in_a.any() and in_b.any()) or (in_a & in_b).any():
            raise ValueError(f"discs of radius {radius} around {a} and {b} must each hold a centre of the grid and not overlap.")
        rates = self.rates(drift, diffusion)
        free = np.flatnonzero(~(in_a | in_b))
        chance = in_b.astype(np.float64)
        chance[free] = spsolve(rates[free][:, free].tocsc(), -(rates[free] @ chance))
        return chance.clip(0.0, 1.0).reshape(len(self.y), len(self.x))

    def basins(self, energy: np.ndarray) -> np.ndarray:
        """Number of the centre at which steepest descent from each centre ends, among the eight neighbours; (gy, gx)."""
        number = np.arange(energy.size).reshape(energy.shape)
        lowest, target = energy.copy(), number.copy()
        edge = np.pad(energy, 1, constant_values=np.inf)
        wide = np.pad(number, 1)
        for i, j in ((i, j) for i in range(3) for j in range(3)):
            window = (slice(i, i + energy.shape[0]), slice(j, j + energy.shape[1]))
            lower = edge[window] < lowest
            lowest, target = np.where(lower, edge[window], lowest), np.where(lower, wide[window], target)
        # Every jump doubles how far down a centre looks.
        flat = target.ravel()
        while (flat[flat] != flat).any():
            flat = flat[flat]
        return flat.reshape(energy.shape)

    def lowest_pass(self, energy: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> Pass:
        """The straight pass from the minimum within radius of start (2,) to that of end (2,): through their two basins only.

        energy: (gy, gx), infinite where cells may not go. Ways over a third basin are other passages, which may be lower. Steps
        go to the eight neighbours; the way whose highest point is lowest runs along the minimum spanning tree of a graph whose
        edges are as high as their higher end (Hu 1961). Raises ValueError where the two basins do not touch.
        """
        flat, basin = energy.ravel(), self.basins(energy).ravel()
        bottom = [self._lowest(flat, place, radius) for place in (start, end)]
        if basin[bottom[0]] == basin[bottom[1]]:
            raise ValueError(f"{start} and {end} lie in one basin.")
        open_place = np.isfinite(flat) & np.isin(basin, basin[bottom])
        number = np.arange(flat.size).reshape(energy.shape)
        pairs = [
            (number[:, :-1], number[:, 1:]),
            (number[:-1], number[1:]),
            (number[:-1, :-1], number[1:, 1:]),
            (number[:-1, 1:], number[1:, :-1]),
        ]
        one, two = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
        kept = open_place[one] & open_place[two]
        one, two = one[kept], two[kept]
        height = np.maximum(flat[one], flat[two])
        # Lifted, because the tree takes an edge of height 0 for none.
        graph = sp.csr_matrix((height - height.min() + 1.0, (one, two)), shape=(flat.size, flat.size))
        _, before = breadth_first_order(minimum_spanning_tree(graph), bottom[0], directed=False)
        way = [bottom[1]]
        while way[-1] != bottom[0]:
            way.append(int(before[way[-1]]))
            if way[-1] < 0:
                raise ValueError(f"the basins of {start} and {end} do not touch.")
        top = way[int(flat[way].argmax())]
        return Pass(float(flat[top] - flat[bottom[0]]), self.points[top])

    def non_gradient_share(self, drift: Drift, diffusion: float, cells: np.ndarray, floor: float = FLOOR) -> float:
        """Share of the drift that no potential explains, 0 to 1, over cells (n, 2).

        U = -D log p with p the stationary density, R = drift + grad U, share = mean |R|^2 / (mean |grad U|^2 + mean |R|^2) (Wang,
        Xu & Wang 2008). Cells outside the rectangle, or where p is below floor times its highest value, are left out.
        """
        density = self.stationary(drift, diffusion)
        step_x, step_y = self.steps
        with np.errstate(divide="ignore", invalid="ignore"):  # far out the density is 0 in double precision
            down_y, down_x = np.gradient(-diffusion * np.log(density), step_y, step_x, edge_order=2)
        gradient = np.stack([self.at(down_x, cells), self.at(down_y, cells)], axis=1)
        seen = np.isfinite(gradient).all(axis=1) & (self.at(density, cells) > floor * density.max())
        if not seen.any():
            raise ValueError("no cell lies where the stationary density can be differentiated.")
        rest = drift(cells[seen]) + gradient[seen]
        turning, falling = (rest**2).sum(axis=1).mean(), (gradient[seen] ** 2).sum(axis=1).mean()
        return float(turning / (falling + turning))

    def _lowest(self, flat: np.ndarray, place: np.ndarray, radius: float) -> int:
        near = np.flatnonzero(np.linalg.norm(self.points - place, axis=1) <= radius)
        if not len(near):
            raise ValueError(f"no centre of the grid lies within {radius} of {place}.")
        return int(near[flat[near].argmin()])


def _bernoulli(x: np.ndarray) -> np.ndarray:
    """x / (exp(x) - 1), 1 at 0."""
    small = np.abs(x) < 1e-8
    safe = np.where(small, 1.0, x)
    # exp overflows where the rate is 0 anyway.
    return np.where(small, 1 - x / 2, safe / np.expm1(np.minimum(safe, 700.0)))
