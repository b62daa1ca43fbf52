"""Fusion by name: the scores of the measured modalities become one latent."""

from __future__ import annotations

from virtualcell.autoencoder.fusion.attention import Attention
from virtualcell.autoencoder.fusion.base import Fusion
from virtualcell.autoencoder.fusion.early import Early
from virtualcell.autoencoder.fusion.early_frozen import EarlyFrozen
from virtualcell.autoencoder.fusion.late import Late
from virtualcell.autoencoder.fusion.mixture import Mixture
from virtualcell.autoencoder.fusion.product import Product
from virtualcell.autoencoder.fusion.two_stream import TwoStream

FUSIONS: dict[str, type[Fusion]] = {
    "early": Early,
    "early_frozen": EarlyFrozen,
    "product": Product,
    "mixture": Mixture,
    "attention": Attention,
    "two_stream": TwoStream,
    "late": Late,
}

__all__ = ["FUSIONS", "Fusion"]
