"""Fusions that see all modalities at once and correct the linear floor."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from virtualcell.autoencoder.fusion.base import Fusion
from virtualcell.autoencoder.fusion.expert import LOGVAR
from virtualcell.autoencoder.fusion.product import product_of_experts


class Joint(Fusion):
    """Product of linear experts, plus a correction from all measured modalities together that starts at zero.

    For cells with the same modalities measured, the product of linear experts is one linear map of the concatenated scores; a
    missing modality leaves the product, so the linear part needs no invented values.
    """

    @abstractmethod
    def correct(self, seen: dict[str, Tensor], mask: Tensor) -> Tensor:
        """What is added to mean and log-variance, (cells, 2 d), finite also for cells without any modality."""

    def fuse(self, seen: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = product_of_experts(*self.speak(seen), mask)
        if len(mask) == 0:  # attention over no cells at all is an error in torch
            return mean, logvar
        correction = torch.where(mask.any(1, keepdim=True), self.correct(seen, mask).float(), 0.0)
        more_mean, more_logvar = correction.chunk(2, 1)
        return mean + more_mean, (logvar + more_logvar).clamp(*LOGVAR)
