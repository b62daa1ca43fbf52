"""Fusion by two streams: each modality looks at itself and at the others, half and half."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from virtualcell.autoencoder.fusion.attention import n_heads
from virtualcell.autoencoder.fusion.joint import Joint
from virtualcell.autoencoder.residual import Residual

TOKENS = 4
"""Pieces that each modality's scores are cut into."""


class Stream(nn.Module):
    """One modality's tokens, its attention to itself and its attention to the other modalities' tokens."""

    def __init__(self, n_in: int, hidden: int):
        super().__init__()
        self.piece = -(-n_in // TOKENS)
        self.padding = self.piece * TOKENS - n_in
        self.project = nn.Parameter(torch.randn(TOKENS, self.piece, hidden) / self.piece**0.5)
        self.position = nn.Parameter(0.1 * torch.randn(TOKENS, hidden))  # also says which modality it is: no two share one
        self.itself = nn.MultiheadAttention(hidden, n_heads(hidden), batch_first=True)
        self.others = nn.MultiheadAttention(hidden, n_heads(hidden), batch_first=True)
        self.norm = nn.LayerNorm(hidden)

    def tokens(self, scores: Tensor) -> Tensor:
        """(cells, inputs) -> (cells, TOKENS, hidden): neighbouring components make a token, each piece with its own map."""
        pieces = functional.pad(scores, (0, self.padding)).unflatten(1, (TOKENS, self.piece))
        return torch.einsum("ctp,tph->cth", pieces, self.project) + self.position

    def forward(self, own: Tensor, others: Tensor | None, measured: Tensor | None) -> Tensor:
        """own: (cells, TOKENS, hidden); others: (cells, tokens, hidden) of the other modalities, measured: (cells, tokens) bool;
        None where there is no other modality. Returns (cells, TOKENS, hidden)."""
        mixed, _ = self.itself(own, own, own, need_weights=False)
        if others is not None and measured is not None:
            some = measured.any(1, keepdim=True)
            # Where no other modality was measured the mask is lifted, as nothing can be attended to, and the result not used.
            crossed, _ = self.others(own, others, others, key_padding_mask=~measured & some, need_weights=False)
            mixed = torch.where(some[:, :, None], 0.5 * mixed + 0.5 * crossed, mixed)
        return self.norm(own + mixed)


class TwoStream(Joint):
    """Self-attention within each modality and cross-attention to the others, averaged half and half; pooled over the measured.

    Each modality's scores are cut into TOKENS pieces. Where no other modality was measured, self-attention stands alone. The mean
    over the tokens of measured modalities is read by a network that starts at zero, as correction of the linear floor.
    """

    def __init__(self, inputs: dict[str, int], d: int, hidden: int):
        super().__init__(inputs, d, hidden)
        self.stream = nn.ModuleDict({m: Stream(n, hidden) for m, n in inputs.items()})
        self.encoder = Residual(hidden, hidden, 2 * d)

    def correct(self, seen: dict[str, Tensor], mask: Tensor) -> Tensor:
        tokens = [self.stream[m].tokens(seen[m]) for m in self.names]
        pooled = []
        for i, m in enumerate(self.names):
            rest = [j for j in range(len(self.names)) if j != i]
            others = torch.cat([tokens[j] for j in rest], 1) if rest else None
            measured = mask[:, rest].repeat_interleave(TOKENS, 1) if rest else None
            pooled.append(self.stream[m](tokens[i], others, measured).mean(1))
        share = mask / mask.sum(1, keepdim=True).clamp_min(1)
        return self.encoder((torch.stack(pooled, 1) * share[:, :, None]).sum(1))
