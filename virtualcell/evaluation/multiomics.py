"""How well one modality is predicted from another, what a latent says about the cells, and the simple predictions that every
learned one must stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from virtualcell.evaluation.metrics import rmse

__all__ = [
    "TunedRidge",
    "auroc_per_feature",
    "foscttm",
    "knn_translate",
    "log_likelihood_gain",
    "pearson_per_feature",
    "permuted",
    "rmse",
    "time_read",
]

ENTRIES = 4_000_000
"""Ranks and distances are found so many at a time, so that memory does not grow with the square of the cells."""


def auroc_per_feature(y: np.ndarray | sp.spmatrix, score: np.ndarray) -> np.ndarray:
    """Chance that a cell in which the feature is present scores above one in which it is absent; (features,), 0 to 1, ties half.

    y: (cells, features) of 0 and 1, dense or sparse; score: (cells, features). NaN where all cells are alike. Source: Hanley &
    McNeil 1982, by the Mann-Whitney statistic with mid-ranks.
    """
    score = _table(score, y.shape)
    n, n_features = score.shape
    result = np.empty(n_features)
    width = max(ENTRIES // n, 1)
    y = y if isinstance(y, np.ndarray) else y.tocsc()
    for start in range(0, n_features, width):
        part = slice(start, start + width)
        present = _binary(y[:, part]).T
        values = np.ascontiguousarray(score[:, part].T)
        order = values.argsort(axis=1)
        values = np.take_along_axis(values, order, axis=1)
        first = np.ones(values.shape, dtype=bool)
        first[:, 1:] = values[:, 1:] != values[:, :-1]
        # A run of equal scores never crosses from one feature to the next, because the first cell of a feature starts a run.
        begin = np.flatnonzero(first)
        length = np.diff(begin, append=values.size)
        rank = np.repeat(begin % n + (length + 1) / 2, length).reshape(values.shape)
        positive = present.sum(axis=1)
        pairs = positive * (n - positive)
        above = (rank * np.take_along_axis(present, order, axis=1)).sum(axis=1) - positive * (positive + 1) / 2
        result[part] = np.divide(above, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return result


def log_likelihood_gain(y: np.ndarray | sp.spmatrix, p: np.ndarray, base: np.ndarray, clip: float = 1e-5) -> np.ndarray:
    """Bernoulli log-likelihood of each cell under p minus that under base, in nats; (cells,), above 0 where p is better.

    y: (cells, features) of 0 and 1, dense or sparse; p: probabilities of the same shape; base: (features,) or (cells, features),
    usually the share of the training cells that have the feature. Both are clipped to [clip, 1 - clip], so that one impossible
    event costs 11.5 nats and not infinitely many. Source: the logarithmic score, Good 1952; Gneiting & Raftery 2007, sec. 4.
    """
    p = np.clip(_table(p, y.shape), clip, 1 - clip)
    base = np.clip(_table(np.broadcast_to(base, y.shape), y.shape), clip, 1 - clip)
    off = np.log1p(-p) - np.log1p(-base)
    on = np.log(p) - np.log(base)
    return off.sum(axis=1) + ((on - off) * _binary(y)).sum(axis=1)


def pearson_per_feature(y: np.ndarray | sp.spmatrix, p: np.ndarray) -> np.ndarray:
    """Pearson correlation over cells of each measured feature with its prediction; (features,), -1 to 1.

    y, p: (cells, features). NaN where the measured feature is constant; 0 where only the prediction is, because it says nothing
    about cells, and leaving such features out would reward a method for not answering. Source: Pearson 1895; used per feature in
    Open Problems' modality prediction, Luecken et al. 2021.
    """
    y = _table(y if isinstance(y, np.ndarray) else y.toarray(), y.shape)
    p = _table(p, y.shape)
    flat_y, flat_p = (np.ptp(x, axis=0) <= 1e-12 * np.abs(x).max(axis=0) for x in (y, p))
    y, p = y - y.mean(axis=0), p - p.mean(axis=0)
    size = np.sqrt((y**2).sum(axis=0) * (p**2).sum(axis=0))
    result = np.divide((y * p).sum(axis=0), size, out=np.zeros(y.shape[1]), where=(size > 0) & ~flat_p)
    return np.where(flat_y, np.nan, result.clip(-1, 1))


def foscttm(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the other cells that lie closer to a cell than its own partner does, averaged over both directions; 0 is best.

    a, b: (cells, d), row i of both is one cell seen by two modalities; Euclidean. By chance .5; a distance that equals the
    partner's counts half, so that a latent in which all cells coincide scores .5 and not 0. Source: Liu et al. 2019 (MMD-MA).
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 2 or a.shape != b.shape or len(a) < 2:
        raise ValueError(f"a {a.shape} and b {b.shape} must be (cells, d) tables of the same cells, at least two.")
    return (_closer(a, b) + _closer(b, a)) / 2


def time_read(latent: np.ndarray, labels: np.ndarray, folds: int = 5, seed: int = 0) -> float:
    """Accuracy with which a multinomial logistic regression on the standardised latent names the label of cells it has not seen.

    latent: (cells, d); labels: (cells,), times as names or numbers, compared as names; mean over stratified folds, 0 to 1.
    Compare it with the share of the commonest label. The latent itself may have been trained on these cells: where that matters,
    hand in held-out cells. Source: linear probing, Alain & Bengio 2016.
    """
    names = np.asarray(labels).astype(str)
    commonness = np.unique(names, return_counts=True)[1]
    if len(commonness) < 2 or commonness.min() < folds:
        raise ValueError(f"{folds} folds need at least two labels with {folds} cells each; the cells a label are {commonness}.")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return float(cross_val_score(model, np.asarray(latent, dtype=np.float64), names, cv=split).mean())


def permuted(rows: np.ndarray, seed: int, within: np.ndarray | None = None) -> np.ndarray:
    """The same rows in random order, so that cells get the partner of another cell: the permuted-pair null.

    rows: (n,); within: (n,) labels such as time or cell type: rows then change places only with rows of the same label, and what
    the null still shows is what the label alone explains. Source: permutation tests, Fisher 1935; Good 2005.
    """
    rows, rng = np.asarray(rows), np.random.default_rng(seed)
    if within is None:
        return rng.permutation(rows)
    label = np.asarray(within)
    if label.shape != rows.shape:
        raise ValueError(f"within {label.shape} must give one label for each of the rows {rows.shape}.")
    result = rows.copy()
    for name in np.unique(label):
        result[label == name] = rng.permutation(rows[label == name])
    return result


def knn_translate(x_train: np.ndarray, y_train: np.ndarray | sp.spmatrix, x_test: np.ndarray, k: int) -> np.ndarray:
    """Mean of the targets of the k training cells nearest to each test cell; (test cells, features), float64.

    x_train, x_test: (cells, d), Euclidean; y_train: (training cells, features). Source: Fix & Hodges 1951; Stone 1977.
    """
    if not 1 <= k <= len(x_train):
        raise ValueError(f"k is {k}, but there are {len(x_train)} training cells to choose from.")
    graph = NearestNeighbors(n_neighbors=k).fit(x_train).kneighbors_graph(x_test, mode="connectivity")
    total = graph @ y_train
    return np.asarray(total.toarray() if sp.issparse(total) else total, dtype=np.float64) / k


class TunedRidge:
    """Ridge regression whose number of components and penalty (alpha) are chosen by inner cross-validation on its own loss.

    kind: "squared" for continuous targets, or "bernoulli" for targets of 0 and 1: predictions are then clipped to probabilities
    (a feature's share b in the training cells bounds them by b / 10 and 1 - (1 - b) / 10) and judged by their log-likelihood.
    components: how many leading columns of the scores may be read; the last column, the log depth, always is. Alpha goes from
    1e-4 to 1e3 times the number of cells in steps of ten, then around the best in steps of 10^(1/4). One eigendecomposition of
    the scores' products serves all alphas and targets. Source: Hoerl & Kennard 1970; Hastie et al. 2009, sec. 3.4.1.
    """

    def __init__(
        self,
        kind: Literal["squared", "bernoulli"] = "squared",
        components: Sequence[int] = (10, 20, 50, 100, 200),
        folds: int = 5,
        seed: int = 0,
    ):
        if kind not in ("squared", "bernoulli"):
            raise ValueError(f"kind must be squared or bernoulli, not {kind!r}.")
        self.kind, self.components, self.folds, self.seed = kind, tuple(components), folds, seed

    def fit(self, scores: np.ndarray, targets: np.ndarray | sp.spmatrix) -> TunedRidge:
        """scores: (cells, k + 1), leading components, then log depth; targets: (cells, features), dense or sparse.

        Sets ``n_components``, ``alpha`` and ``loss``: what they cost on inner held-out cells, a cell: half the squared error, or
        nats.
        """
        x, y = _table(scores, np.shape(scores)), sp.csr_matrix(targets) if self.kind == "bernoulli" else targets
        if x.ndim != 2 or len(x) != y.shape[0]:
            raise ValueError(f"scores {x.shape} and targets {y.shape} must be tables of the same cells.")
        if self.kind == "bernoulli":
            _binary(y.data)
        splits = list(KFold(self.folds, shuffle=True, random_state=self.seed).split(x))

        def held_out(width: int, alphas: np.ndarray) -> np.ndarray:
            """Loss a cell of every alpha, (alphas,)."""
            fits = ((_Ridge.of(x[train], y[train], width, self.kind), valid) for train, valid in splits)
            return np.sum([ridge.losses(alphas, x[valid], y[valid]) for ridge, valid in fits], axis=0) / len(x)

        coarse = len(x) * 10.0 ** np.arange(-4, 4)
        widths = sorted({min(width, x.shape[1] - 1) for width in self.components})
        table = np.stack([held_out(width, coarse) for width in widths])
        row, column = np.unravel_index(table.argmin(), table.shape)
        fine = coarse[column] * 10.0 ** np.linspace(-0.75, 0.75, 7)
        losses = held_out(widths[row], fine)
        self.n_components, self.alpha, self.loss = widths[row], float(fine[losses.argmin()]), float(losses.min())
        self._ridge = _Ridge.of(x, y, self.n_components, self.kind)
        return self

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """Targets expected at scores (cells, k + 1): (cells, features), float64; probabilities where kind is "bernoulli"."""
        return self._ridge.predict(self._ridge.along(_table(scores, np.shape(scores))), self.alpha)


@dataclass(frozen=True)
class _Ridge:
    """Ridge regressions of all alphas on the leading columns and the last one, by the eigenvectors of their products."""

    width: int
    x_mean: np.ndarray
    y_mean: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    products: np.ndarray
    """Eigenvectors' x' y, (columns, features)."""
    n_cells: int
    kind: str

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray | sp.csr_matrix, width: int, kind: str) -> _Ridge:
        x = _columns(x, width)
        x_mean, y_mean = x.mean(axis=0), np.asarray(y.mean(axis=0), dtype=np.float64).ravel()
        x = x - x_mean
        values, vectors = np.linalg.eigh(x.T @ x)
        # The centred scores have columns of sum 0, so that y need not be centred, which would fill a sparse table.
        return cls(width, x_mean, y_mean, vectors, values.clip(min=0), (y.T @ (x @ vectors)).T, len(x), kind)

    def along(self, x: np.ndarray) -> np.ndarray:
        """Scores to places along the eigenvectors, (cells, columns)."""
        return (_columns(x, self.width) - self.x_mean) @ self.vectors

    def predict(self, along: np.ndarray, alpha: float) -> np.ndarray:
        result = (along / (self.values + alpha)) @ self.products + self.y_mean
        if self.kind == "squared":
            return result
        share = (self.y_mean * self.n_cells + 0.5) / (self.n_cells + 1)
        return np.clip(result, share / 10, 1 - (1 - share) / 10)

    def losses(self, alphas: np.ndarray, x: np.ndarray, y: np.ndarray | sp.csr_matrix) -> np.ndarray:
        """Summed loss of each alpha on other cells, (alphas,)."""
        along = self.along(x)
        if self.kind == "bernoulli":
            row, column = y.nonzero()
            result = []
            for alpha in alphas:
                p = self.predict(along, alpha).astype(np.float32)
                seen = p[row, column]
                result.append(np.log1p(-seen).sum(dtype=float) - np.log(seen).sum(dtype=float) - np.log(1 - p).sum(dtype=float))
            return np.array(result)
        # |y - mean - along D products|^2 = |y - mean|^2 - 2 d . linear + d' quadratic d, without a table of predictions.
        linear = ((y.T @ along).T - np.outer(along.sum(axis=0), self.y_mean)) * self.products
        quadratic = (along.T @ along) * (self.products @ self.products.T)
        squares = np.square(y if isinstance(y, np.ndarray) else y.data, dtype=np.float64).sum()
        total = squares - 2 * np.asarray(y.sum(axis=0)).ravel() @ self.y_mean + y.shape[0] * self.y_mean @ self.y_mean
        d = 1 / (self.values + np.asarray(alphas)[:, None])
        return (total - 2 * d @ linear.sum(axis=1) + np.einsum("si,ij,sj->s", d, quadratic, d)) / 2


def _columns(x: np.ndarray, width: int) -> np.ndarray:
    """The leading columns and the last one."""
    return x[:, [*range(width), x.shape[1] - 1]]


def _closer(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the other rows of b that are closer to a row of a than its partner is, ties half."""
    step, total = max(ENTRIES // len(a), 1), 0.0
    for start in range(0, len(a), step):
        distance = cdist(a[start : start + step], b)
        here = np.arange(len(distance))
        own = distance[here, start + here][:, None]
        # The partner itself is one tie of its own row.
        total += (distance < own).sum() + ((distance == own).sum() - len(distance)) / 2
    return float(total / (len(a) * (len(a) - 1)))


def _table(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Finite float64 values of a shape."""
    values = np.asarray(values, dtype=np.float64)
    if values.shape != tuple(shape):
        raise ValueError(f"predictions {values.shape} and measurements {tuple(shape)} must have one and the same shape.")
    if not np.isfinite(values).all():
        raise ValueError("predictions, scores and measurements must be finite numbers.")
    return values


def _binary(y: np.ndarray | sp.spmatrix) -> np.ndarray:
    """Dense table of whether a feature is present; an error where an entry is neither 0 nor 1."""
    y = y if isinstance(y, np.ndarray) else y.toarray()
    present = y == 1
    if not (present | (y == 0)).all():
        raise ValueError("measurements must be 0 or 1: whether a feature is present in a cell, not how often it was counted.")
    return present
