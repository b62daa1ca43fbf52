"""Mixture of experts: each modality alone must find the latent."""

from __future__ import annotations

import torch
from torch import Tensor

from virtualcell.autoencoder.fusion.base import Fusion
from virtualcell.autoencoder.fusion.product import product_of_experts


def draw_stratified(mask: Tensor) -> Tensor:
    """One measured modality of each cell, drawn so that cells of one pattern share out evenly: (cells, modalities) one-hot.

    mask: (cells, modalities) bool. Every measured modality of a cell has equal probability; within a pattern the numbers of cells
    differ by at most one (stratified sampling, Shi et al. 2019, MMVAE). A cell without a modality draws none.
    """
    cells, modalities = mask.shape
    device = mask.device
    pattern = (mask * 2 ** torch.arange(modalities, device=device)).sum(1)
    shuffled = torch.randperm(cells, device=device)
    order = shuffled[torch.argsort(pattern[shuffled], stable=True)]  # by pattern, at random within it
    grouped = pattern[order]
    start = torch.searchsorted(grouped, grouped)
    # Each pattern starts its round at a random modality, else a pattern of a single cell would always draw the first.
    turn = torch.arange(cells, device=device) - start + torch.randint(2**30, (cells,), device=device)[start]
    measured = mask[order]
    chosen = turn % measured.sum(1).clamp_min(1)
    one_hot = torch.zeros_like(mask)
    one_hot[order] = measured & (measured.cumsum(1) - 1 == chosen[:, None])
    return one_hot


class Mixture(Fusion):
    """Mixture of the measured modalities, each multiplied with the prior (Shi et al. 2019, MMVAE), in equal shares.

    In training one measured modality of each cell is drawn, and alone gives the latent: a sample of the mixture. In evaluation
    the mixture is replaced by the Gaussian of equal mean and variance: the average of the components' means, and the average of
    their variances plus the variance of their means.
    """

    deep_experts = True

    def fuse(self, seen: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        means, logvars = self.speak(seen)
        if self.training:
            return product_of_experts(means, logvars, draw_stratified(mask))
        precision = torch.exp(-logvars)
        component_mean, component_variance = precision * means / (1 + precision), 1 / (1 + precision)
        measured = mask.T[:, :, None]
        share = measured / measured.sum(0).clamp_min(1)
        mean = (share * component_mean).sum(0)
        variance = (share * (component_variance + (component_mean - mean) ** 2)).sum(0)
        return mean, torch.where(mask.any(1, keepdim=True), torch.log(variance.clamp_min(1e-12)), 0.0)
