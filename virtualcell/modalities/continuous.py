"""Anything that is measured on a continuous scale: mass cytometry, features of images, data that exist as logarithms only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from anndata import AnnData
from torch import Tensor, nn

from virtualcell.modalities.base import Modality
from virtualcell.schema import DataError


class Continuous(Modality):
    """Real numbers; standardised for reading, Gaussian with one learned variance a feature for likelihood.

    The decoder's output is the mean of the standardised value, and likelihoods are those of standardised values: nats do not
    depend on the unit of measurement. A missing value is no zero: there may be none.
    """

    name = "continuous"
    unit = "as measured"
    reading_unit = "standard deviations from the mean of the training cells"
    counted = False

    def __init__(self, n_features: int, n_components: int):
        super().__init__(n_features, n_components)
        self.register_buffer("value_mean", torch.zeros(n_features))
        self.register_buffer("value_scale", torch.ones(n_features))
        self.log_variance = nn.Parameter(torch.zeros(n_features))

    @classmethod
    def read(cls, adata: AnnData, key: str) -> np.ndarray:
        found: Any = adata.X
        if found is None:
            raise DataError("There is no matrix of values.", next_step="put the measured values into X.", field=f"{key}: X")
        dense = np.asarray(found.toarray() if sp.issparse(found) else found)
        if dense.dtype.kind not in "biuf":
            raise DataError("The matrix holds text, not numbers.", next_step="put the measured values into X.", field=f"{key}: X")
        missing = int((~np.isfinite(dense)).sum())
        if missing:
            raise DataError(
                f"{missing} value(s) are missing (NaN) or infinite.",
                next_step="leave out the features or cells that lack values, or fill them in and say how.",
                field=f"{key}: X",
            )
        return dense.astype(np.float32)

    def depth(self, values: Tensor) -> Tensor:
        return values.new_zeros(len(values), 1)

    def transform(self, values: Tensor) -> Tensor:
        return (values - self.value_mean) / self.value_scale

    def fit_weights(self, values: Tensor) -> None:
        wide = values.double()
        spread = wide.std(0, correction=0)
        self.value_mean.copy_(wide.mean(0))
        self.value_scale.copy_(torch.where(spread > 0, spread, 1.0))

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        log_variance = self.log_variance.clamp(-8, 4)
        squared = (self.transform(values) - output).square()
        return -0.5 * (squared * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        noise = torch.from_numpy(generator.standard_normal(output.shape).astype(np.float32))
        spread = torch.exp(0.5 * self.log_variance.clamp(-8, 4)).detach().cpu()
        return self.expectation(output).detach().cpu() + self.value_scale.cpu() * spread * noise

    def expectation(self, output: Tensor) -> Tensor:
        return self.value_mean + self.value_scale * output
