"""The command that trains the model on screen again, on a reader's own computer."""

from __future__ import annotations

import shlex

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle
from virtualcell.schema import Columns, Settings


def train_again(b: Bundle) -> str:
    """A line for a terminal: of a demo its name, of a run the file that its cells came from, the columns and what was set."""
    if b.demo.key in DEMOS:
        return f"virtualcell train --demo {b.demo.key} --out my-model"
    return command(b.demo.file or "cells.h5mu", b.model.settings)


def command(file: str, settings: Settings) -> str:
    """A line for a terminal that trains on a file with these settings."""
    usual, none = Settings(), Columns()
    columns = settings.columns
    timed, treated = columns.time is not None, columns.perturbation is not None
    options: dict[str, object] = {
        "--time": columns.time,
        "--time-unit": columns.time_unit if timed else None,
        "--perturbation": columns.perturbation,
        "--control": columns.control if treated and columns.control != none.control else None,
        "--batch": columns.batch,
        "--donor": columns.donor,
        "--state": columns.state,
        "--clones": columns.clones,
        "--seed": settings.seed or None,
        "--epochs": _set(settings.autoencoder.epochs, usual.autoencoder.epochs),
        "--latent-dim": _set(settings.autoencoder.latent_dim, usual.autoencoder.latent_dim),
        "--fusion": _set(settings.autoencoder.fusion, usual.autoencoder.fusion),
        "--steps": _set(settings.predictor.steps, usual.predictor.steps),
    }
    parts = ["virtualcell", "train", shlex.quote(file)]
    for name, value in options.items():
        if value is not None:
            parts += [name, shlex.quote(str(value))]
    for key, kind in settings.kinds.items():
        parts += ["--kind", shlex.quote(f"{key}={kind}")]
    for name, weight in settings.autoencoder.objectives.items():
        if weight != usual.autoencoder.objectives.get(name):
            parts += ["--objective", f"{name}={weight:g}"]
    return " ".join([*parts, "--out", "my-model"])


def _set(value: object, usual: object) -> object | None:
    return None if value == usual else value
