"""What a peer predicts: numpy only, so that the peers' own environment writes it and ours reads it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = ("p_atac", "p_atac_train", "rna", "protein", "latent_train", "latent_test")


@dataclass(frozen=True)
class PeerResult:
    """Predictions of one trained peer for the test cells; an array is None where the method says nothing of it.

    Each translation is made with the weights of the checkpoint that made it best on the method's own validation cells; latents
    and reconstruction with the weights at the end of its training.
    """

    method: str
    seed: int
    settings: dict[str, Any]
    cpu_seconds: float = 0.0
    """Of training, inner validation included, our own checkpoints left out."""
    epochs: int = 0
    cells_per_second: float = 0.0
    """Training cells per CPU-second, all epochs together; for throughput the median epoch after the first."""
    p_atac: np.ndarray | None = None
    """P(open | RNA only), (test cells, peaks), float16."""
    p_atac_train: np.ndarray | None = None
    """Mean of the same over the training cells, (peaks,), float32: shows how far a peak's own rate is missed (``calibrated``)."""
    rna: np.ndarray | None = None
    """log1p of the expected counts per 10,000, given ATAC only, (test cells, genes), float16."""
    protein: np.ndarray | None = None
    """Expected protein counts given RNA only as centred log ratio, (test cells, proteins), float16."""
    latent_train: np.ndarray | None = None
    """Joint latent, (training cells, latent), float32."""
    latent_test: np.ndarray | None = None
    curve: dict[str, list[float]] = field(default_factory=dict)
    """By checkpoint: epoch, cpu_seconds, and scores on the method's own validation cells and on the test cells."""
    nats: dict[str, float] = field(default_factory=dict)
    """Reconstruction of the test cells from their joint latent, -log likelihood in nats per cell, by modality."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Versions, widths, and what was chosen on the method's own validation cells."""
    digest: str = ""
    """sha256 of the cells, method, seed and settings that it was computed from."""

    def calibrated(self, base: np.ndarray) -> np.ndarray:
        """P(open | RNA only) after each peak's mean over training cells is brought to the measured one, ``base`` (peaks,).

        No step of the method itself: it parts what a method says of cells from how well it fits the rates of peaks.
        """
        if self.p_atac is None or self.p_atac_train is None:
            raise ValueError(f"{self.method} says nothing of open peaks.")
        return np.clip(self.p_atac.astype(np.float64) * (base / np.maximum(self.p_atac_train, 1e-7)), 0.0, 1.0)

    def save(self, path: Path) -> None:
        """One npz file: the arrays, and all else as JSON in "record"."""
        record = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ARRAYS}
        arrays = {name: getattr(self, name) for name in ARRAYS if getattr(self, name) is not None}
        np.savez_compressed(path, record=np.array(json.dumps(record)), **arrays)

    @classmethod
    def load(cls, path: Path) -> PeerResult:
        with np.load(path, allow_pickle=False) as file:
            return cls(**json.loads(str(file["record"])), **{name: file[name] for name in ARRAYS if name in file.files})
