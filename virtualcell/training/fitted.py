"""What a fit leaves behind: all that a model needs to answer, and all that is saved of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from virtualcell.autoencoder.conversion import Translator
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import Settings
from virtualcell.training.described import encode_table
from virtualcell.training.table import CellTable


@dataclass(frozen=True)
class Fitted:
    """A trained model on its device.

    kinds: modality -> kind of measurement; features: modality -> names that are read; batches: known ones; dynamics: None where
    nothing said how cells move; refits: dynamics fitted to resampled cells; arrays: "states" (cells, d) of the training cells
    and, where there were several, their "time" (cells,); record: everything else that is said of the fit, as JSON takes it.
    """

    settings: Settings
    device: torch.device
    autoencoder: Autoencoder
    translator: Translator
    kinds: dict[str, str]
    features: dict[str, list[str]]
    batches: list[str]
    dynamics: Dynamics | None
    refits: tuple[Dynamics, ...]
    arrays: dict[str, np.ndarray]
    record: dict[str, Any]


def states_of(core: Autoencoder, table: CellTable, device: torch.device) -> np.ndarray:
    """States of cells, float32 (cells, d), scaled as the predictor takes them."""
    return (encode_table(core, table, device) * core.latent_scale.cpu().numpy()).astype(np.float32)
