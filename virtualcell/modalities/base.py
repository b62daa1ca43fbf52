"""What every kind of measurement has to say: how its counts are read by an encoder, and how likely counts are given a decoder's
output."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.decomposition import PCA, TruncatedSVD
from torch import Tensor, nn

FIT_CELLS = 20_000
"""Components are found on at most so many cells: more change them by less than their own noise."""


class Modality(nn.Module, ABC):
    """Input transform and likelihood of one kind of measurement.

    All that is fitted to data (means, weights of features, components) is fitted once, on training cells, kept as buffers and so
    saved with the weights: a loaded model reads new cells without the cells that it was trained on.
    """

    name: str
    """Key of the modality in a MuData."""

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
        self.register_buffer("base", torch.zeros(n_features))

    # -- reading -----------------------------------------------------------------------------------------------------------------
    @abstractmethod
    def normalise(self, counts: Tensor) -> Tensor:
        """Counts (cells, features) to the values of which components are taken; same shape."""

    @abstractmethod
    def fit_weights(self, counts: sp.csr_matrix) -> None:
        """Sets what ``normalise`` needs and ``base``, the decoder's output for the average cell, from training counts."""

    centred = True
    """Whether features are centred and scaled before components are taken."""

    def fit(self, counts: sp.csr_matrix, seed: int) -> None:
        """Fits the input transform to the counts (cells, features) of training cells."""
        rng = np.random.default_rng(seed)
        if counts.shape[0] > FIT_CELLS:
            counts = counts[np.sort(rng.choice(counts.shape[0], FIT_CELLS, replace=False))]
        self.fit_weights(counts)
        depth = np.asarray(counts.sum(1)).ravel()
        log_depth = np.log1p(depth)
        self.log_depth_mean.fill_(float(log_depth.mean()))
        self.log_depth_scale.fill_(float(log_depth.std() + 1e-6))
        self.median_depth.fill_(float(np.median(depth)))
        with torch.no_grad():
            values = self.normalise(torch.from_numpy(counts.toarray())).double().numpy()
        k = self.n_components
        if self.centred:
            mean, scale = values.mean(0), values.std(0)
            scale = np.where(scale > 1e-8, scale, 1.0)
            self.feature_mean.copy_(torch.from_numpy(mean))
            self.feature_scale.copy_(torch.from_numpy(scale))
            values = np.clip((values - mean) / scale, -10, 10)
            found = (
                PCA(k, svd_solver="full" if min(values.shape) < 200 else "covariance_eigh", random_state=seed)
                .fit(values)
                .components_
            )
        else:
            found = TruncatedSVD(k, random_state=seed).fit(values).components_
        self.projection.copy_(torch.from_numpy(found.T.copy()))
        scores = values @ found.T
        self.score_mean.copy_(torch.from_numpy(scores.mean(0)))
        # One scale for all components: a component keeps the weight that its variance gives it.
        self.score_scale.fill_(float(scores.std(0)[0]) + 1e-8)

    def scores(self, counts: Tensor) -> Tensor:
        """Component scores and standardised log depth of counts (cells, features); (cells, components + 1)."""
        values = self.normalise(counts)
        if self.centred:
            values = ((values - self.feature_mean) / self.feature_scale).clamp(-10, 10)
        scores = (values @ self.projection - self.score_mean) / self.score_scale
        depth = (torch.log1p(counts.sum(1, keepdim=True)) - self.log_depth_mean) / self.log_depth_scale
        return torch.cat([scores, depth], 1)

    # -- likelihood --------------------------------------------------------------------------------------------------------------
    @abstractmethod
    def log_likelihood(self, counts: Tensor, output: Tensor) -> Tensor:
        """Log-likelihood in nats of each cell; counts and decoder output (cells, features) -> (cells,)."""

    @abstractmethod
    def expectation(self, output: Tensor) -> Tensor:
        """What a decoder's output predicts for a cell of median depth, in the unit named by ``unit``; (cells, features)."""

    unit: str
