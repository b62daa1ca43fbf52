"""What every fusion has to do: read the scores of the measured modalities into one latent, whichever they are."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from virtualcell.autoencoder.fusion.expert import Expert
from virtualcell.autoencoder.linear import LinearCore


class Fusion(nn.Module, ABC):
    """Scores of any measured modalities -> mean and log-variance (cells, d) of the latent; starts as the linear floor.

    inputs: width of each modality's scores, in the order of the mask's columns; d: latent dimensions; hidden: width of networks.
    What was not measured is set to zero before anything is computed, so that it cannot have an influence; a cell without any
    measured modality gets the standard normal prior. In evaluation mode equal input gives equal output.
    """

    blocks: dict[str, slice] | None = None
    """Where a fusion keeps the modalities apart: the part of the latent that belongs to each one (empty where it has none)."""
    deep_experts = False
    """Whether each modality's expert has a network of its own beside its linear map."""

    def __init__(self, inputs: dict[str, int], d: int, hidden: int):
        super().__init__()
        self.names = tuple(inputs)
        self.d = d
        self.expert = nn.ModuleDict({m: Expert(n, d, hidden if self.deep_experts else None) for m, n in inputs.items()})

    @abstractmethod
    def fuse(self, seen: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (cells, d); seen: scores with zeros where not measured; mask: (cells, modalities) bool."""

    def forward(self, scores: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        """scores[m]: (cells, inputs), batch-corrected, any numbers where not measured; mask: (cells, modalities) bool."""
        # torch.where and not a product: nothing times zero is zero for numbers that are not finite.
        seen = {m: torch.where(mask[:, i, None], scores[m], 0.0) for i, m in enumerate(self.names)}
        return self.fuse(seen, mask)

    def start_from(self, core: LinearCore) -> None:
        """Sets the experts to the ridge regressions of the linear floor."""
        for m in self.names:
            self.expert[m].start_from(core, m)

    def speak(self, scores: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (modalities, cells, d) of each modality's expert, before the prior is multiplied."""
        said = [self.expert[m](scores[m]) for m in self.names]
        return torch.stack([mean for mean, _ in said]), torch.stack([logvar for _, logvar in said])

    def alone(self, scores: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (modalities, cells, d) of the latent as each modality alone gives it, prior included."""
        one = torch.eye(len(self.names), dtype=torch.bool, device=scores[self.names[0]].device)
        said = [self(scores, one[i].expand(len(scores[m]), -1)) for i, m in enumerate(self.names)]
        return torch.stack([mean for mean, _ in said]), torch.stack([logvar for _, logvar in said])
