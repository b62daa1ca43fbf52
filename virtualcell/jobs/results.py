"""What a finished run says of itself on the cells that no gradient came from, so that runs can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from virtualcell.jobs.files import read_json
from virtualcell.jobs.folder import FIGURES
from virtualcell.jobs.run import Run

if TYPE_CHECKING:
    from mudata import MuData

    from virtualcell.model import VirtualCell


def figures(run: Run) -> dict[str, Any]:
    """Figures of a finished run; {} before it is finished.

    held_out_cells: cells of which no gradient came (they chose the epoch); nats_over_average, nats_over_linear: mean
    log-likelihood of one of them, all measurements together, over that of the average cell and of the linear start (nats; above 0
    is better); nats_over_average_error: standard error of the first over these cells; nats_over_average_of: the first by kind of
    measurement; effective_rank, of latent_dim; parameters; seconds of training; moves: whether it learned how cells move;
    attractors: valleys of its landscape (None without one).
    """
    path = run.folder / FIGURES
    return read_json(path) if path.is_file() else {}


def held_out_figures(model: VirtualCell, cells: MuData, seconds: float) -> dict[str, Any]:
    """Computes them for a model and the cells that it was fitted to."""
    record = model.record
    # Cells in the file that are none of those kept are left out by the names.
    held = cells[cells.obs_names.isin(record["held_out"])].copy()
    ours, average = model.log_likelihood(held), model.baseline_log_likelihood(held)
    gain = (ours - average).fillna(0.0)  # NaN: not measured in that cell, which is nothing to describe
    linear = record["history"]["autoencoder"][0]["validation_nats"]
    return {
        "held_out_cells": len(gain),
        "nats_over_average": float(gain.sum(axis=1).mean()),
        "nats_over_average_error": float(gain.sum(axis=1).std(ddof=1) / len(gain) ** 0.5) if len(gain) > 1 else None,
        "nats_over_linear": float(ours.fillna(0.0).sum(axis=1).mean() - linear),
        "nats_over_average_of": {m: float(np.nanmean(ours[m] - average[m])) for m in gain if ours[m].notna().any()},
        "effective_rank": float(record["effective_rank"]),
        "latent_dim": int(record["latent_dim"]),
        "parameters": int(record["parameters"]),
        "seconds": float(seconds),
        "moves": bool(model.moves),
    }
