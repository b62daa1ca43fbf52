"""What is drawn, with what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class MissingDraw:
    """embeddings (draws, cells, d) float32: of the target alone; states (draws, cells, d) float32: of the whole cell; both NaN
    where refused (cells,) bool; why (cells,) str, "" where not refused; names (cells,): of the cells that were looked at; batch
    (cells,): code of the batch of each, -1 where it is not known."""

    source: str
    target: str
    embeddings: np.ndarray
    states: np.ndarray
    refused: np.ndarray
    why: np.ndarray
    names: np.ndarray
    time: np.ndarray | None
    treatment: np.ndarray | None
    batch: np.ndarray
    noise: float
    conditions: dict[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class CellDraw:
    """states (n, d) float32 of new cells; labels (n,) str; time (n,) and treatment (n,), None where there is none; batch
    (n,): code of the batch that each is read in."""

    states: np.ndarray
    labels: np.ndarray
    time: np.ndarray | None
    treatment: np.ndarray | None
    batch: np.ndarray
    noise: float
    conditions: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
