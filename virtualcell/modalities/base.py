"""What every kind of measurement has to say: how its values are read by an encoder, and how likely values are given a decoder's
output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from anndata import AnnData
from sklearn.decomposition import PCA, TruncatedSVD
from torch import Tensor, nn

from virtualcell.data.counts import counts_of
from virtualcell.modalities.values import Counts, Values

FIT_CELLS = 20_000
"""Components are found on at most so many cells: more change them by less than their own noise."""

CLIP = 10.0
"""Standardised features are cut here before components are taken: one cell must not make a component of its own."""


class Modality(nn.Module, ABC):
    """Input transform and likelihood of one kind of measurement; a new kind is one new file with a subclass in it.

    All that is fitted to data (means, weights of features, components) is fitted once, on training cells, kept as buffers and so
    saved with the weights: a loaded model reads new cells without the cells that it was trained on. Values: ``Counts`` where
    ``sparse``, else float32 (cells, width * features). A decoder's output: (cells, heads * features).

    A subclass has to give ``transform``, ``fit_weights``, ``log_prob`` and ``expectation``; the rest has a default.
    """

    name: ClassVar[str]
    """Name of the kind, as it stands in settings."""
    unit: ClassVar[str]
    """Unit of ``expectation``."""
    reading_unit: ClassVar[str]
    """Unit of ``normalise``, in a biologist's words."""
    sparse: ClassVar[bool] = False
    centred: ClassVar[bool] = True
    """Whether features are centred and scaled before components are taken."""
    counted: ClassVar[bool] = True
    """Whether zero is what was found: a feature that a file lacks is then read as zeros, and a cell of zeros as not measured."""
    width: ClassVar[int] = 1
    """Columns of values for each feature."""
    heads: ClassVar[int] = 1
    """Outputs of the decoder for each feature."""
    bounds: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    """Between which every reading lies."""
    feature_by_feature: ClassVar[bool] = False
    """Whether a block of features has a likelihood of its own, which needs their outputs and the cell's depth alone (sparse
    values, one head, no parameter of a feature): training may then score one block a step."""
    yes_or_no: ClassVar[bool] = False
    """Whether a reading is 0 or 1 and its prediction a probability."""

    def __init__(self, n_features: int, n_components: int):
        super().__init__()
        self.n_features = n_features
        self.n_components = n_components
        self.register_buffer("feature_weight", torch.ones(n_features))
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_scale", torch.ones(n_features))
        self.register_buffer("projection", torch.zeros(n_features, n_components))
        self.register_buffer("score_mean", torch.zeros(n_components))
        self.register_buffer("score_scale", torch.ones(n_components))
        self.register_buffer("log_depth_mean", torch.zeros(()))
        self.register_buffer("log_depth_scale", torch.ones(()))
        self.register_buffer("median_depth", torch.ones(()))
        self.register_buffer("base", torch.zeros(self.heads * n_features))
        self.register_buffer("reading_mean", torch.zeros(n_features))
        self.register_buffer("transform_mean", torch.zeros(n_features))
        self.register_buffer("response_weight", torch.ones(n_features))

    # -- reading -----------------------------------------------------------------------------------------------------------------
    @classmethod
    def read(cls, adata: AnnData, key: str) -> Any:
        """Raw values of an AnnData under a key of the MuData: csr float32 where sparse, else float32 (cells, width * features).

        By default counts. Raises DataError that names the field.
        """
        counts = counts_of(adata, modality=key)
        return counts if cls.sparse else counts.toarray()

    @abstractmethod
    def transform(self, values: Values) -> Values:
        """Values to those of which components are taken, (cells, features); zeros of sparse values stay zero."""

    @abstractmethod
    def fit_weights(self, values: Values) -> None:
        """Sets what ``transform`` needs, ``base`` (the decoder's output for the average cell) and where parameters start."""

    def normalise(self, values: Values) -> Tensor:
        """``transform`` as a dense tensor (cells, features)."""
        found = self.transform(values)
        return found.dense() if isinstance(found, Counts) else found

    def depth(self, values: Values) -> Tensor:
        """How much was counted in each cell, (cells, 1); zeros for what is not counted."""
        return values.depth() if isinstance(values, Counts) else values.sum(1, keepdim=True)

    @torch.no_grad()
    def fit(self, values: sp.csr_matrix | np.ndarray, seed: int) -> None:
        """Fits the input transform to the values of training cells, on the CPU."""
        rng = np.random.default_rng(seed)
        if values.shape[0] > FIT_CELLS:
            values = values[np.sort(rng.choice(values.shape[0], FIT_CELLS, replace=False))]
        read: Values = Counts.of(values) if self.sparse else torch.from_numpy(np.asarray(values, dtype=np.float32))
        depth = self.depth(read).double()
        self.median_depth.copy_(torch.quantile(depth, 0.5))
        log_depth = torch.log1p(depth)
        spread = log_depth.std(correction=0)
        self.log_depth_mean.copy_(log_depth.mean())
        self.log_depth_scale.copy_(torch.where(spread > 1e-3, spread, 1.0))  # equal depths say nothing; keep new cells in bounds
        self.fit_weights(read)
        transformed = self.transform(read)
        total = transformed.column_sums(transformed.value) if isinstance(transformed, Counts) else transformed.sum(0)
        self.transform_mean.copy_(total / len(depth))
        self._fit_components(transformed, read, seed)
        self.fit_reading(read)

    def feature_spread(self, values: Values, seed: int) -> Tensor:
        """What centred features are divided by before components are taken, (features,): by default their standard deviation."""
        spread = self.normalise(values).double().std(0, correction=0)
        return torch.where(spread > 1e-8, spread, 1.0)

    def _fit_components(self, values: Values, raw: Values, seed: int) -> None:
        n, k = len(values.start) - 1 if isinstance(values, Counts) else len(values), self.n_components
        if self.centred:
            found = (values.dense() if isinstance(values, Counts) else values).double().numpy()
            mean, scale = found.mean(0), self.feature_spread(raw, seed).double().numpy()
            self.feature_mean.copy_(torch.from_numpy(mean))
            self.feature_scale.copy_(torch.from_numpy(scale))
            found = np.clip((found - mean) / scale, -CLIP, CLIP)
            solver = "full" if min(found.shape) < 200 else "covariance_eigh"
            axes = PCA(k, svd_solver=solver, random_state=seed).fit(found).components_
        else:
            found = _matrix(values) if isinstance(values, Counts) else values.double().numpy()
            axes = TruncatedSVD(k, random_state=seed).fit(found).components_
        self.projection.copy_(torch.from_numpy(axes.T.copy()))
        scores = np.asarray(found @ axes.T).reshape(n, k)
        self.score_mean.copy_(torch.from_numpy(scores.mean(0)))
        # One scale for all components: a component keeps the weight that its variance gives it.
        self.score_scale.fill_(float(scores.std(0)[0]) + 1e-8)

    def scores(self, values: Values) -> Tensor:
        """Component scores and standardised log depth (0 for what has no depth), (cells, components + 1).

        Sparse values are never made dense: what a zero gives is the same in every cell, a stored entry adds its difference.
        """
        found = self.transform(values)
        return self._with_depth(
            self._sparse_scores(found) if isinstance(found, Counts) else self._dense_scores(found), self.depth(values)
        )

    def scores_where_hidden(self, values: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (cells, components + 1) and depth (cells, 1) of cells in which some entries were never looked at.

        values: dense (cells, width * features); hidden: (cells, features) bool. A hidden entry is taken out before anything is
        computed and then stands at the training cells' mean; the depth is that of the visible entries, scaled up by the share of
        features that is hidden.
        """
        visible = values.masked_fill(hidden.repeat(1, self.width), 0.0)
        seen: Values = Counts.of_dense(visible) if self.sparse else visible
        depth = self.depth(seen) / (1 - hidden.float().mean(1, keepdim=True)).clamp_min(1e-3)
        return self._with_depth(self._dense_scores(torch.where(hidden, self.transform_mean, self.normalise(seen))), depth), depth

    def _dense_scores(self, found: Tensor) -> Tensor:
        if self.centred:
            found = ((found - self.feature_mean) / self.feature_scale).clamp(-CLIP, CLIP)
        return found @ self.projection

    def _with_depth(self, scores: Tensor, depth: Tensor) -> Tensor:
        log_depth = (torch.log1p(depth) - self.log_depth_mean) / self.log_depth_scale
        return torch.cat([(scores - self.score_mean) / self.score_scale, log_depth], 1)

    def _sparse_scores(self, found: Counts) -> Tensor:
        if not self.centred:
            return found @ self.projection
        of_zero = (-self.feature_mean / self.feature_scale).clamp(-CLIP, CLIP)
        mean, scale, zero = torch.stack([self.feature_mean, self.feature_scale, of_zero], 1)[found.column].unbind(1)
        more = ((found.value - mean) / scale).clamp(-CLIP, CLIP) - zero
        return of_zero @ self.projection + found.with_values(more) @ self.projection

    def thin(self, values: Values, keep: float, generator: torch.Generator) -> Values:
        """Keeps each counted molecule with probability ``keep``: exactly what sequencing less deeply would have given.

        What is not counted comes back as it is.
        """
        if not isinstance(values, Counts):
            return values
        value = values.value.cpu()
        # Most entries are one molecule, kept or lost: a binomial draw costs ten times a uniform one.
        left = (torch.rand(len(value), generator=generator) < keep).float()
        several = (value > 1).nonzero()[:, 0]
        total = value[several]
        left[several] = torch.binomial(total, torch.full_like(total, keep), generator=generator)
        left = left.to(values.value.device)
        return values.with_values(left).kept(left > 0)

    # -- likelihood --------------------------------------------------------------------------------------------------------------
    @abstractmethod
    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        """Log-probability of every entry in nats, (cells, features).

        values: dense (cells, width * features); output: (cells, heads * features); depth: (cells, 1), what ``depth`` gives or the
        depth of the part that may be looked at.
        """

    def log_likelihood(self, values: Values, output: Tensor) -> Tensor:
        """Log-likelihood of each cell in nats, (cells,): ``log_prob`` added up, in float32 whatever the output's precision."""
        with torch.autocast(output.device.type, enabled=False):
            return self.nats(values, output.float())

    def nats(self, values: Values, output: Tensor) -> Tensor:
        """``log_likelihood`` of a float32 output: the place for a faster way to the same number."""
        dense = values.dense() if isinstance(values, Counts) else values
        return self.log_prob(dense, output, self.depth(values)).sum(1)

    @abstractmethod
    def expectation(self, output: Tensor) -> Tensor:
        """What a decoder's output predicts for a cell of median depth, in the unit named by ``unit``; (cells, features)."""

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        """Values drawn from the likelihood that ``log_prob`` scores, float32 (cells, width * features), on the CPU.

        output: (cells, heads * features); depth: (cells, 1), as ``depth`` counts it, of the cells that are drawn.
        """
        raise NotImplementedError(f"{type(self).__name__} gives no draws of its values.")

    # -- translation -------------------------------------------------------------------------------------------------------------
    def fit_reading(self, values: Values) -> None:
        """Sets ``reading_mean`` and ``response_weight`` from training values: by default means and 1 / variances of readings."""
        found = self.transform(values)
        n = found.n_cells if isinstance(found, Counts) else len(found)
        if isinstance(found, Counts):
            value = found.value.double()
            mean, square = found.column_sums(value) / n, found.column_sums(value**2) / n
        else:
            mean, square = found.double().mean(0), found.double().square().mean(0)
        variance = square - mean**2
        self.reading_mean.copy_(mean)
        # A feature that never changes cannot be predicted better or worse.
        self.response_weight.copy_(torch.where(variance > 1e-8, 1 / variance.clamp_min(1e-8), 0.0))

    def response(self, values: Values) -> Tensor:
        """What a linear map from another modality is to predict, (cells, features)."""
        return self.normalise(values) - self.reading_mean

    def conversion_loss(self, values: Values, eta: Tensor) -> Tensor:
        """What a learned conversion minimises, (cells,): half the squared error of the response, weighted by its information."""
        return 0.5 * ((self.response(values) - eta).square() @ self.response_weight)

    def predict(self, eta: Tensor, log_depth_mean: Tensor, log_depth_sd: Tensor | float) -> Tensor:
        """The expected reading where a linear map predicts ``eta`` (cells, features) of the response; same shape.

        log_depth_mean: (cells,), log_depth_sd: (), the natural logarithm of the depth that the cell might have.
        """
        return self.reading_mean + eta

    def reading(self, values: Values) -> Tensor:
        """The measured values that ``predict`` is compared with, (cells, features)."""
        return self.normalise(values)

    def reading_score(self, reading: Tensor, predicted: Tensor) -> Tensor:
        """How well readings were predicted, (cells,), higher is better: minus half the squared error in training variances."""
        return -0.5 * ((reading - predicted).square() @ self.response_weight)


def _matrix(values: Counts) -> sp.csr_matrix:
    # Double precision: randomised components are to be the same whatever the number of threads.
    return sp.csr_matrix((values.value.double().numpy(), values.column.numpy(), values.start.numpy()), shape=values.shape)
