"""The guard against confident inventions: conditions that look like nothing measured draw from the whole population, widely."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

RATE = 0.02
"""Share of conditions at hand that are taken for nonsense before they are looked at."""
WIDER = 1.25
"""The population that nonsense draws from is so much wider than the measured one."""


class Stray(nn.Module):
    """Chance that a condition is nonsense, (cells, 1), from how far its embedding (the first ``embedded`` columns) lies from
    those measured: a logistic regression learned on real conditions and on unstructured examples. 0 without an embedding.

    Teaching a generator what unstructured looks like, so that it does not invent structure: AlphaFold 3 (Abramson et al. 2024,
    methods, cross-distillation on disordered regions).
    """

    centre: Tensor
    root: Tensor
    coef: Tensor
    bias: Tensor

    def __init__(self, embedded: int):
        super().__init__()
        self.embedded = embedded
        self.register_buffer("centre", torch.zeros(embedded))
        self.register_buffer("root", torch.eye(embedded))
        self.register_buffer("coef", torch.zeros(2, 1))
        self.register_buffer("bias", torch.full((1,), -torch.inf))

    def _features(self, c: Tensor) -> Tensor:
        away = ((c[:, : self.embedded] - self.centre) @ self.root).square()
        far = away.mean(1, keepdim=True)
        return torch.cat([torch.log(far + 1e-3), torch.log(away.amax(1, keepdim=True) + 1e-3)], 1)

    def forward(self, c: Tensor) -> Tensor:
        if self.embedded == 0:
            return torch.zeros(len(c), 1)
        return torch.sigmoid(self._features(c) @ self.coef + self.bias)

    def fit(self, embedding: np.ndarray, root: np.ndarray, seed: int) -> None:
        """embedding: real (cells, embedded); root: (embedded, embedded), by which they are whitened."""
        rng = np.random.default_rng(seed)
        self.centre.copy_(torch.from_numpy(embedding.mean(0)))
        self.root.copy_(torch.from_numpy(root))
        real = torch.from_numpy(np.asarray(embedding, dtype=np.float32))
        odd = torch.from_numpy(unstructured(embedding, root, rng).astype(np.float32))
        x = torch.cat([self._features(real), self._features(odd)]).numpy()
        y = np.repeat([0, 1], [len(real), len(odd)])
        found = LogisticRegression(C=10.0, max_iter=500).fit(x, y)
        self.coef.copy_(torch.from_numpy(found.coef_.T))
        # Of the examples more are nonsense than of what is asked: the odds are put right (King & Zeng 2001, prior correction).
        right = np.log(RATE / (1 - RATE)) - np.log(len(odd) / len(real))
        self.bias.copy_(torch.from_numpy(found.intercept_ + right))


def unstructured(embedding: np.ndarray, root: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Embeddings that are none, as many as real ones (cells, d): Gaussian noise 3 to 10 standard deviations wide in every
    direction, real ones thrown 3 to 10 times as far from the mean, and such with their columns mixed between cells."""
    n, d = embedding.shape
    mean, back = embedding.mean(0), np.linalg.pinv(root)
    far = rng.uniform(3, 10, (n, 1))
    noise = mean + far * rng.standard_normal((n, d)) @ back
    thrown = mean + far * (embedding[rng.permutation(n)] - mean)
    mixed = mean + far * (np.stack([rng.permutation(column) for column in embedding.T], 1) - mean)
    which = rng.integers(3, size=(n, 1))
    return np.asarray(np.select([which == 0, which == 1], [noise, thrown], mixed))
