"""One generator to and from the folder of its model: weights in ``NAME.safetensors``, everything else in ``NAME.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from virtualcell.schema import DataError

DIGEST = "digest"
"""Of the cells: a generator answers in the states of one model and says nothing in another's."""


def write_part(folder: Path, name: str, weights: Mapping[str, torch.Tensor], record: Mapping[str, Any], digest: str) -> None:
    """Writes both files; the record goes last, so that a generator with a record is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").unlink(missing_ok=True)
    save_file({key: value.detach().cpu().contiguous() for key, value in weights.items()}, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps({DIGEST: digest, **record}, indent=1) + "\n")


def read_part(folder: Path, name: str, digest: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Weights and record; None where this generator was never written here. Raises DataError naming the file that is missing,
    broken or of another model."""
    weights, record = folder / f"{name}.safetensors", folder / f"{name}.json"
    if not record.is_file() and not weights.is_file():
        return None
    again = "copy the folder again, or train the generators again with `virtualcell generators`."
    for path in (record, weights):
        if not path.is_file():
            raise DataError("This file of the generator is missing.", next_step=again, file=str(path))
    try:
        found = json.loads(record.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"This file of the generator is broken ({error}).", next_step=again, file=str(record)) from error
    if not isinstance(found, dict) or found.get(DIGEST) != digest:
        raise DataError("This generator belongs to another model.", next_step=again, file=str(record))
    try:
        return load_file(weights), found
    except SafetensorError as error:
        raise DataError(f"This file of the generator is broken ({error}).", next_step=again, file=str(weights)) from error
