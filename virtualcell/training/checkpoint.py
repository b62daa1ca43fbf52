"""A model on disk: weights and arrays in safetensors, everything else in JSON. Nothing is pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from virtualcell.schema import DataError

WEIGHTS, ARRAYS, RECORD = "model.safetensors", "cells.safetensors", "model.json"


def write_checkpoint(
    folder: Path, weights: dict[str, torch.Tensor], arrays: dict[str, np.ndarray], record: dict[str, Any]
) -> None:
    """Writes the three files of a model; the record goes last, so that a folder with a record is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).unlink(missing_ok=True)
    save_file({k: v.detach().cpu().contiguous() for k, v in weights.items()}, folder / WEIGHTS)
    save_arrays({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / ARRAYS)
    # Keys stay in their order: that of the modalities is what a fusion's weights and masks go by.
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")


def read_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, np.ndarray], dict[str, Any]]:
    """Weights, arrays and record of a saved model. Raises DataError naming the file that is missing or broken."""
    for name in (RECORD, WEIGHTS, ARRAYS):
        if not (folder / name).is_file():
            raise DataError(
                f"There is no {name} in this folder: it is not a saved model, or it was not saved to the end.",
                next_step="name the folder that `virtualcell train --out FOLDER` wrote, or train again.",
                file=str(folder),
            )
    found = []
    for name, read in ((WEIGHTS, load_file), (ARRAYS, load_arrays), (RECORD, lambda path: json.loads(path.read_text()))):
        try:
            found.append(read(folder / name))
        except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise DataError(
                f"This file of the model is broken ({error}).",
                next_step="copy the folder again or train again.",
                file=str(folder / name),
            ) from error
    weights, arrays, record = found
    return weights, arrays, record
