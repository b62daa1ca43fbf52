"""Product of experts: the modalities that were measured add up their evidence."""

from __future__ import annotations

import torch
from torch import Tensor

from virtualcell.autoencoder.fusion.base import Fusion


def product_of_experts(mean: Tensor, logvar: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Product of Gaussian experts and a standard normal prior.

    mean, logvar: (modalities, cells, d); mask: True where an expert may speak, (cells, modalities) or (cells, modalities, d).
    Returns mean and log-variance (cells, d): precisions add, means are weighted by them; a cell without any expert gets the prior
    (Wu & Goodman 2018, MVAE, sec. 2.2).
    """
    may_speak = (mask if mask.ndim == 3 else mask[:, :, None]).transpose(0, 1)
    precision = torch.exp(-logvar) * may_speak
    total = 1.0 + precision.sum(0)
    return (precision * mean).sum(0) / total, -torch.log(total)


class Product(Fusion):
    """Product of the measured modalities' experts and a standard normal prior (Wu & Goodman 2018, MVAE)."""

    deep_experts = True

    def fuse(self, seen: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        return product_of_experts(*self.speak(seen), mask)
