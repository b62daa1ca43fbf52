"""Fusion by attention: one query asks the modalities that were measured."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virtualcell.autoencoder.fusion.joint import Joint
from virtualcell.autoencoder.residual import Residual


def n_heads(hidden: int) -> int:
    """The most attention heads, up to four, that divide the width."""
    return next(h for h in (4, 3, 2, 1) if hidden % h == 0)


class Attention(Joint):
    """A learned query attends to one token a modality: its scores projected to ``hidden``, plus the modality's embedding.

    Tokens of modalities that were not measured are masked; what the query takes is read by a network that starts at zero, as
    correction of the linear floor.
    """

    def __init__(self, inputs: dict[str, int], d: int, hidden: int):
        super().__init__(inputs, d, hidden)
        self.project = nn.ModuleDict({m: nn.Linear(n, hidden) for m, n in inputs.items()})
        self.embedding = nn.Parameter(0.1 * torch.randn(len(inputs), hidden))
        self.query = nn.Parameter(0.1 * torch.randn(1, 1, hidden))
        self.attend = nn.MultiheadAttention(hidden, n_heads(hidden), batch_first=True)
        self.encoder = Residual(hidden, hidden, 2 * d)

    def correct(self, seen: dict[str, Tensor], mask: Tensor) -> Tensor:
        tokens = torch.stack([self.project[m](seen[m]) for m in self.names], 1) + self.embedding
        # Over nothing a softmax is not a number: a cell without any modality sees all tokens, and its correction is left out.
        hide = ~mask & mask.any(1, keepdim=True)
        query = self.query.expand(len(tokens), -1, -1)
        taken, _ = self.attend(query, tokens, tokens, key_padding_mask=hide, need_weights=False)
        return self.encoder(taken[:, 0])
