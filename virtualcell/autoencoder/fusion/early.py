"""Early fusion: one encoder reads the modalities side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from virtualcell.autoencoder.fusion.joint import Joint
from virtualcell.autoencoder.residual import Residual


class Early(Joint):
    """One encoder of the concatenated scores.

    Its linear part is the product of linear experts, of which a missing modality is left out; its network reads all scores, with
    zeros for what was not measured, and the mask, by which it can tell a zero from a missing value.
    """

    def __init__(self, inputs: dict[str, int], d: int, hidden: int):
        super().__init__(inputs, d, hidden)
        self.encoder = Residual(sum(inputs.values()) + len(inputs), hidden, 2 * d)

    def correct(self, seen: dict[str, Tensor], mask: Tensor) -> Tensor:
        parts = [seen[m] for m in self.names]
        return self.encoder(torch.cat([*parts, mask.to(parts[0].dtype)], 1))
