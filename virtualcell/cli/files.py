"""The files that commands read and write; what cannot be read, used or written is a DataError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtualcell.schema import DataError

if TYPE_CHECKING:
    from mudata import MuData

    from virtualcell.model import VirtualCell


def read_cells(path: Path) -> MuData:
    from virtualcell.data.read import read

    return read(path)


def load_model(folder: Path, device: str, *, generators: bool = True) -> VirtualCell:
    from virtualcell.model import VirtualCell

    known_device(device)
    return VirtualCell.load(folder, device=device, generators=generators)


def known_device(name: str) -> None:
    from virtualcell.training.device import choose_device

    try:
        choose_device(name)
    except ValueError as error:
        raise DataError(str(error), next_step="leave --device out to take the best there is.", field="--device") from None


def require_suffix(out: Path, *kinds: str) -> None:
    """Refuse an unknown kind of output before anything is computed."""
    if out.suffix not in kinds:
        raise DataError(f"Cannot write {out.name!r}.", next_step=f"end its name in {' or '.join(kinds)}.", field="--out")


def with_parent(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def write_provenance(model: VirtualCell, out: Path, **asked: Any) -> None:
    """A table holds no metadata, so what it was made with stands in a file beside it."""
    beside = out.with_suffix(".provenance.json")
    beside.write_text(json.dumps(model.provenance() | asked, indent=1) + "\n", encoding="utf-8")
