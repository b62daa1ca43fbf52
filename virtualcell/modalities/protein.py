"""Surface proteins counted by antibody tags: background and foreground."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from virtualcell.modalities.base import Modality


class Protein(Modality):
    """Antibody-tag counts; centred log-ratio for reading, mixture of two negative binomials for likelihood.

    Every antibody has a background that sticks to all cells; a cell that carries the protein shows more. The decoder's output
    moves the foreground mean and, through one slope a protein, the chance of being foreground (Gayoso et al. 2021, totalVI, eq.
    6-8, with the background per protein instead of per cell).
    """

    name = "prot"
    unit = "tag counts"

    def __init__(self, n_features: int, n_components: int):
        super().__init__(n_features, n_components)
        self.log_background = nn.Parameter(torch.zeros(n_features))
        self.log_theta = nn.Parameter(torch.full((2, n_features), 1.0))
        self.slope = nn.Parameter(torch.ones(n_features))
        self.offset = nn.Parameter(torch.zeros(n_features))

    def normalise(self, counts: Tensor) -> Tensor:
        logs = torch.log1p(counts)
        return logs - logs.mean(1, keepdim=True)

    def fit_weights(self, counts: sp.csr_matrix) -> None:
        dense = counts.toarray()
        low = np.quantile(dense, 0.25, axis=0) + 1.0
        with torch.no_grad():
            self.log_background.copy_(torch.from_numpy(np.log(low)))
        # ``base`` is the log of how much brighter foreground is than background for the average cell.
        self.base.copy_(torch.from_numpy(np.log(dense.mean(0) + 1.0) - np.log(low) + 0.5))

    def parts(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Background mean (features,), foreground mean and logit of being foreground (cells, features)."""
        background = self.log_background.clamp(-5, 9).exp()
        foreground = background * (1.0 + output.clamp(-7, 9).exp())
        return background, foreground, self.slope * (output - self.base) + self.offset

    def log_likelihood(self, counts: Tensor, output: Tensor) -> Tensor:
        background, foreground, logit = self.parts(output)
        theta = self.log_theta.clamp(-6, 8).exp()
        low = F.logsigmoid(-logit) + _log_nb(counts, background.expand_as(counts), theta[0])
        high = F.logsigmoid(logit) + _log_nb(counts, foreground, theta[1])
        return torch.logaddexp(low, high).sum(1)

    def expectation(self, output: Tensor) -> Tensor:
        background, foreground, logit = self.parts(output)
        share = torch.sigmoid(logit)
        return (1 - share) * background + share * foreground


def _log_nb(counts: Tensor, mean: Tensor, theta: Tensor) -> Tensor:
    # Entry by entry: the mixture needs the two terms apart, and proteins are few.
    return (
        torch.lgamma(counts + theta)
        - torch.lgamma(theta)
        - torch.lgamma(counts + 1)
        + theta * (torch.log(theta) - torch.log(theta + mean))
        + counts * (torch.log(mean + 1e-12) - torch.log(theta + mean))
    )
