"""What decides a fit, in one digest: the measurements, what is said of the cells, the settings and the programme itself."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from mudata import MuData

from virtualcell.schema import MEASURED_KEY, Settings

PARTS = ("autoencoder", "data", "landscape", "modalities", "perturbation", "predictor", "training")
"""Packages that a fit runs through: half a fit by other code is not gone on with."""


def fingerprint(cells: MuData, digest: str, settings: Settings) -> str:
    """Digest of all that decides the fit of these cells; digest: that of their measurements (``data_digest``)."""
    columns = settings.columns
    found = hashlib.sha256(json.dumps([digest, settings.to_dict(), torch.__version__]).encode())
    found.update("\n".join(cells.obs_names).encode())
    named = {getattr(columns, field.name) for field in dataclasses.fields(columns)}
    for name in sorted(name for name in named if name in cells.obs):
        found.update("\n".join([name, *cells.obs[name].astype(str)]).encode())
    for name in (MEASURED_KEY, columns.clones):
        if name in cells.obsm:
            values = cells.obsm[name]
            rows, at = values.nonzero() if sp.issparse(values) else np.nonzero(np.asarray(values))
            for part in (rows, at):
                found.update(np.asarray(part, dtype="<i8").tobytes())
    for text in _sources():
        found.update(text)
    return found.hexdigest()


def _sources() -> list[bytes]:
    root = Path(__file__).resolve().parent.parent
    files = [root / "schema.py", *(path for part in PARTS for path in sorted((root / part).rglob("*.py")))]
    return [path.read_bytes() for path in files]
