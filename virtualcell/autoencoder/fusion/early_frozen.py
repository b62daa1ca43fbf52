"""Early fusion of extracted features: what each modality's own extractor found is read side by side, and never changed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.autoencoder.fusion.extractor import Extractor
from virtualcell.autoencoder.fusion.joint import Joint
from virtualcell.autoencoder.residual import Residual
from virtualcell.schema import DataError


class EarlyFrozen(Joint):
    """One encoder of the concatenated features of frozen extractors.

    A modality's extractor is its linear expert (ridge, from ``start_from``) and a small network that was trained on the
    reconstruction of its own scores (``fit_extractors``; without it the linear experts alone are read). No gradient reaches
    either of them. The fused encoder starts as the product of the linear experts and learns a linear map and a network on the
    concatenation of [expert means, features, mask]; features of a modality that was not measured are zero.
    """

    def __init__(self, inputs: dict[str, int], d: int, hidden: int):
        super().__init__(inputs, d, hidden)
        self.expert.requires_grad_(False)
        self.features = {m: min(n, max(d, 2)) for m, n in inputs.items()}
        self.extractor = nn.ModuleDict({m: Extractor(n, hidden, self.features[m]) for m, n in inputs.items()})
        width = sum(self.features.values()) + len(inputs) * (d + 1)
        self.linear = nn.Linear(width, 2 * d)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.encoder = Residual(width, hidden, 2 * d)

    def fit_extractors(self, scores: dict[str, np.ndarray], measured: dict[str, np.ndarray], seed: int) -> dict[str, float]:
        """Trains each modality's feature network on its own measured cells (seconds); returns the share of the scores' variance
        that the features give back.

        scores[m]: (cells, inputs) of training cells, corrected as in ``forward``; measured[m]: (cells,) bool. DataError where a
        modality was measured in fewer than two of them.
        """
        shares = {}
        for m in self.names:
            if measured[m].sum() < 2:
                raise DataError(
                    "No features can be learned from fewer than two cells.",
                    next_step="measure it in more training cells, leave it out, or choose another fusion.",
                    field=m,
                )
            shares[m] = self.extractor[m].fit(torch.from_numpy(np.asarray(scores[m])[measured[m]]), seed)
        return shares

    @torch.no_grad()
    def speak(self, scores: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        # no_grad and not only requires_grad=False: a training loop may switch the gradients of all parameters on again.
        return super().speak(scores)

    @torch.no_grad()
    def extract(self, seen: dict[str, Tensor], mask: Tensor) -> Tensor:
        """Features of all modalities side by side (cells, features), then the mask."""
        parts = []
        for i, m in enumerate(self.names):
            found = torch.cat([self.expert[m](seen[m])[0], self.extractor[m](seen[m])], 1)
            parts.append(torch.where(mask[:, i, None], found, 0.0))
        return torch.cat([*parts, mask.to(parts[0].dtype)], 1)

    def correct(self, seen: dict[str, Tensor], mask: Tensor) -> Tensor:
        features = self.extract(seen, mask).detach()
        return self.linear(features) + self.encoder(features)
