"""One file per kind of measurement: its likelihood and its input transform."""

from __future__ import annotations

from virtualcell.modalities.atac import Atac
from virtualcell.modalities.base import Modality
from virtualcell.modalities.protein import Protein
from virtualcell.modalities.rna import Rna

MODALITIES: dict[str, type[Modality]] = {kind.name: kind for kind in (Rna, Atac, Protein)}

__all__ = ["MODALITIES", "Atac", "Modality", "Protein", "Rna"]
