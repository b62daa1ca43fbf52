"""Reduced-rank regression of many features on a few inputs, with its rank found from the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALLEST_DIRECTION = 1e-6
"""Directions of the inputs with less than this share of the largest one's variance are left out."""
BLOCK = 2048
"""Features read at a time: float64 copies of all of them would not fit."""
EXTREME = 2.0
"""Standard deviations added to the largest permuted singular value: the largest of a few draws alone is exceeded too often."""
TRACY_WIDOM_SD = 1.268


@dataclass(frozen=True)
class ReducedRank:
    """left: (inputs, r), right: (r, features), x_mean: (inputs,); r may be 0: the response is unrelated to the inputs.

    singular: (k,) singular values before shrinkage, in units of the noise, largest first; edge: what noise alone reaches.
    """

    left: Array
    right: Array
    x_mean: Array
    singular: Array
    edge: float

    @property
    def rank(self) -> int:
        return self.left.shape[1]

    def predict(self, x: np.ndarray) -> Array:
        """(cells, inputs) -> (cells, features): the response's deviation from its mean."""
        return (x - self.x_mean) @ self.left @ self.right


class Products:
    """Products of the inputs x (cells, inputs) with a response that is handed over some cells at a time.

    Beside them stand those of ``n_permutations`` copies of x with permuted rows, which show what noise alone gives. ValueError
    where a number is not finite.
    """

    def __init__(self, x: np.ndarray, n_features: int, seed: int, n_permutations: int = 3):
        n = len(x)
        self.x_mean = x.mean(0, dtype=np.float64)
        centred = x.astype(np.float64) - self.x_mean
        if not np.isfinite(centred).all():
            raise ValueError("inputs must be finite")
        rng = np.random.default_rng(seed)
        copies = [centred, *(centred[rng.permutation(n)] for _ in range(n_permutations))]
        self.n_cells = n
        self.gram = np.stack([copy.T @ centred for copy in copies])
        """(1 + permutations, inputs, inputs): products of each copy with the inputs themselves."""
        self._rows = np.concatenate(copies, 1).T
        self.product = np.zeros((len(copies), x.shape[1], n_features))
        """(1 + permutations, inputs, features)."""
        self.squares = np.zeros(n_features)
        """Sum over cells of the squared response."""

    def add(self, cells: np.ndarray, response: np.ndarray) -> None:
        """cells: row numbers of x; response: (those cells, features)."""
        flat = self.product.reshape(-1, self.product.shape[2])
        for at in range(0, response.shape[1], BLOCK):
            columns = slice(at, at + BLOCK)
            block = response[:, columns].astype(np.float64)
            flat[:, columns] += self._rows[:, cells] @ block
            self.squares[columns] += (block**2).sum(0)

    def solve(
        self, weight: np.ndarray, inputs: Sequence[int] | None = None, ridge: float = 0.0, *, shrink: bool = True
    ) -> ReducedRank:
        """Regression of the response that was added, on some of the inputs (default: all).

        ridge: penalty on squared coefficients, a cell; shrink: False for plain ridge or least squares of full rank.

        weight: (features,), zero or more, such that the noise of response * sqrt(weight) has unit variance (a common factor does
        not matter: the noise is measured). In whitened inputs the weighted coefficients are a low-rank matrix plus white noise;
        their singular values are shrunk as is best in Frobenius norm (Gavish & Donoho 2017, IEEE Trans. Inf. Theory 63, eq. 7),
        with the bulk's edge measured instead of assumed: the largest singular value when the rows of x are permuted against the
        residuals of least squares, plus a margin. Residuals and not the response are permuted, as a strong relation would
        otherwise hide a weak one. ValueError where cells are not more than inputs, or a number is not finite.
        """
        chosen = np.arange(len(self.x_mean)) if inputs is None else np.asarray(inputs)
        variance, directions = np.linalg.eigh(self.gram[0][np.ix_(chosen, chosen)])
        large = variance > SMALLEST_DIRECTION * variance[-1]
        whiten = directions[:, large] / np.sqrt(variance[large] + ridge * self.n_cells)
        k, features = whiten.shape[1], self.product.shape[2]
        if self.n_cells - 1 <= k:
            raise ValueError(f"{self.n_cells} cells are too few to measure the noise of a regression on {k} inputs")
        root = np.sqrt(weight.astype(np.float64))
        found = (whiten.T @ self.product[:, chosen]) * root
        if not np.isfinite(found).all():
            raise ValueError("the response and its weights must be finite, weights not negative")
        coefficients = found[0]
        explained = whiten.T @ self.gram[1:][:, chosen[:, None], chosen] @ whiten
        noise = found[1:] - explained @ coefficients
        u, singular, vt = np.linalg.svd(coefficients, full_matrices=False)
        # Least squares took k of the n - 1 degrees of freedom out of the residuals.
        left_over = np.sqrt((self.n_cells - 1) / (self.n_cells - 1 - k))
        tops = left_over * np.array([_largest(block) for block in noise])
        edge = _upper_edge(tops, k, features)
        shrunk = _shrink(singular, edge, min(k, features) / max(k, features))
        if not shrink:
            shrunk = singular
        kept = shrunk > 0
        back = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        return ReducedRank(whiten @ u[:, kept] * shrunk[kept], vt[kept] * back, self.x_mean[chosen], singular, edge)


def reduced_rank(x: np.ndarray, response: np.ndarray, weight: np.ndarray, seed: int, n_permutations: int = 3) -> ReducedRank:
    """Least-squares regression of the response (cells, features) on x (cells, inputs), shrunk for the least prediction error.

    ``Products.solve`` says how; ``Products`` takes a response that is too large to be held at once."""
    products = Products(x, response.shape[1], seed, n_permutations)
    products.add(np.arange(len(x)), response)
    return products.solve(weight)


def _largest(matrix: Array) -> float:
    """Largest singular value."""
    small = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    return float(np.sqrt(max(np.linalg.eigvalsh(small)[-1], 0.0)))


def _upper_edge(tops: Array, rows: int, columns: int) -> float:
    """The largest of the null singular values plus EXTREME standard deviations: the larger of what they show and of the
    Tracy-Widom law of white noise (Johnstone 2001, Ann. Stat. 29, theorem 1.1, for the root of the eigenvalue)."""
    span = np.sqrt(rows) + np.sqrt(columns)
    relative = TRACY_WIDOM_SD * (1 / np.sqrt(rows) + 1 / np.sqrt(columns)) ** (1 / 3) / (2 * span)
    seen = float(tops.std(ddof=1)) if len(tops) > 1 else 0.0
    spread = max(seen, float(tops.max() * relative))
    return float(tops.max() + EXTREME * spread)


def _shrink(singular: Array, edge: float, aspect: float) -> Array:
    """Frobenius-optimal shrinkage for a bulk that ends at ``edge``; 0 below it, unchanged where there is no noise."""
    noise = (edge / (1 + np.sqrt(aspect))) ** 2  # variance of an entry times the longer side
    inside = np.maximum((singular**2 - noise * (1 + aspect)) ** 2 - 4 * aspect * noise**2, 0.0)
    above = (singular > edge) & (singular > 1e-10 * singular[0])
    return np.where(above, np.sqrt(inside) / np.maximum(singular, np.finfo(float).tiny), 0.0)
