"""What an autoencoder says of every cell of a table: scores, states and likelihoods."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.training.table import CellTable

CHUNK = 256
"""Cells described at a time: larger arrays are handed back to the system after each use, which costs more than the arithmetic."""


@torch.no_grad()
def score_table(model: Autoencoder, table: CellTable, device: torch.device) -> dict[str, Tensor]:
    """What the encoders read of every cell, (cells, inputs) by modality; computed once, since components do not change."""
    found: dict[str, list[Tensor]] = {m: [] for m in model.names}
    for start in range(0, table.n_cells, CHUNK):
        values, _, batch = table.rows(np.arange(start, min(start + CHUNK, table.n_cells)), device)
        for m, scores in model.scores(values, batch).items():
            found[m].append(scores)
    return {m: torch.cat(parts) for m, parts in found.items()}


@torch.no_grad()
def encode_table(model: Autoencoder, table: CellTable, device: torch.device, part: np.ndarray | None = None) -> np.ndarray:
    """Latent means (cells, d) in the network's coordinates; part: (cells, modalities) bool, the modalities that may be read."""
    model.eval()
    found = []
    for start in range(0, table.n_cells, CHUNK):
        rows = np.arange(start, min(start + CHUNK, table.n_cells))
        values, mask, batch = table.rows(rows, device)
        if part is not None:
            mask = mask & torch.from_numpy(part[rows]).to(device)
        found.append(model.encode(values, mask, batch)[0].cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def nats_of_cells(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Log-likelihood of all that was measured, from all that was measured, (rows, modalities); 0 where not measured."""
    model.eval()
    found = []
    for piece in np.array_split(rows, max(1, len(rows) // CHUNK)):
        values, mask, batch = table.rows(piece, device)
        z, _ = model.encode(values, mask, batch)
        nats = model.log_likelihood(values, model.decode(z, batch))
        found.append((torch.stack(list(nats.values()), 1) * mask).cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def nats_of_average(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """The same, (rows, modalities), where the average training cell describes every cell."""
    found = []
    for piece in np.array_split(rows, max(1, len(rows) // CHUNK)):
        values, mask, _ = table.rows(piece, device)
        average = {m: kind.base.expand(len(piece), -1) for m, kind in model.modalities.items()}
        nats = model.log_likelihood(values, average)
        found.append((torch.stack(list(nats.values()), 1) * mask).cpu().numpy())
    return np.concatenate(found)


def nats_per_cell(model: Autoencoder, table: CellTable, rows: np.ndarray, device: torch.device) -> float:
    """Mean over cells of ``nats_of_cells``, all modalities together."""
    return float(nats_of_cells(model, table, rows, device).sum(1).mean())
