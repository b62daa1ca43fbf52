"""Fusion by name: the experts of the measured modalities become one latent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Fusion = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def product_of_experts(mean: Tensor, logvar: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Product of Gaussian experts and a standard normal prior.

    mean, logvar: (modalities, cells, d); mask: (cells, modalities) True where an expert may speak. Returns mean and log-variance
    (cells, d): precisions add, means are weighted by them; a cell without any expert gets the prior (Wu & Goodman 2018, MVAE,
    sec. 2.2).
    """
    precision = torch.exp(-logvar) * mask.T[:, :, None]
    total = 1.0 + precision.sum(0)
    return (precision * mean).sum(0) / total, -torch.log(total)


FUSIONS: dict[str, Fusion] = {"product": product_of_experts}
