"""What Home draws of a demo before its model is opened: where the cells are, and what to colour them by.

Reads two small files of the trained model and nothing that needs torch or scanpy, which take seconds to load.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from virtualcell.data.catalogue import DEMOS, models_folder
from virtualcell.figures.embedding import ordered
from virtualcell.figures.look import Look
from virtualcell.schema import Columns

if TYPE_CHECKING:
    from virtualcell.demo import Bundle

MOST_COLOURS = 14
"""Groups that a reader can tell apart by colour; of more treatments only whether there was one is shown."""

MOST_CODES = 255
"""Groups that a small picture can colour; of more, all cells have one colour."""


@dataclass(frozen=True)
class Glance:
    """positions: (n, 2) float32. values: (n,) times or names, None where nothing was recorded; ``kind`` as for ``embedding``."""

    positions: np.ndarray
    values: np.ndarray | None
    name: str
    kind: str

    def colours(self, look: Look) -> tuple[np.ndarray, list[str]]:
        """Code of each cell, (n,) uint8, and the colours of the codes: those of the figure on the same page."""
        groups = [] if self.values is None else ordered(self.values)
        # A picture holds 255 colours; a reader may name a column with a thousand kinds, and Home shows everyone's cells.
        if self.values is None or len(groups) > MOST_CODES:
            return np.zeros(len(self.positions), dtype=np.uint8), [look.accent]
        tints = look.times(len(groups)) if self.kind == "time" else look.categories(len(groups))
        codes = np.zeros(len(self.values), dtype=np.uint8)
        for code, group in enumerate(groups):
            codes[self.values == group] = code
        pairs = zip(groups, tints, strict=True)
        return codes, [look.faint if str(group) in ("nan", "unknown") else tint for group, tint in pairs]


def choose(
    columns: Columns, times: np.ndarray | None, labels: np.ndarray | None, treatments: np.ndarray | None
) -> tuple[np.ndarray | None, str, str]:
    """Values, name and kind of what tells most at first sight: kinds that were named where cells move, then times, treatments,
    kinds. Each is (n,) or None where it was not recorded."""
    named = labels if columns.state is not None else None
    if columns.time is not None and times is not None and named is None:
        return times, "time", "time"
    if columns.time is not None and named is not None:
        return named, "cell state", "category"
    if columns.perturbation is not None and treatments is not None:
        if len(set(treatments.tolist())) <= MOST_COLOURS:
            return treatments, "treatment", "category"
        return np.where(treatments == columns.control, "control", "treated"), "treatment", "category"
    if named is not None:
        return named, "cell state", "category"
    return None, "cells", "category"


def of_bundle(b: Bundle) -> Glance:
    """The same of cells whose model is open."""
    obs, c = b.cells.obs, b.demo.columns
    times = None if c.time is None else obs[c.time].to_numpy(dtype=float)
    labels = None if c.state is None else obs[c.state].astype(str).to_numpy()
    treatments = None if c.perturbation is None else obs[c.perturbation].astype(str).to_numpy()
    return Glance(b.umap2, *choose(c, times, labels, treatments))


@lru_cache(maxsize=32)
def _read(folder: Path, columns: Columns, changed: int) -> Glance:
    record = json.loads((folder / "model.json").read_text("utf-8"))["record"]
    positions = load_file(folder / "views.safetensors")["umap2"]
    times = load_file(folder / "cells.safetensors").get("time")
    labels, treatments = (None if record.get(key) is None else np.asarray(record[key]) for key in ("labels", "treatment_of"))
    return Glance(positions, *choose(columns, times, labels, treatments))


def of_demo(key: str) -> Glance | None:
    """A demo at a glance; None where there is none of this name, or it was not built."""
    return of_folder(models_folder() / key, DEMOS[key].columns) if key in DEMOS else None


def of_folder(folder: Path, columns: Columns) -> Glance | None:
    """The cells of a trained model with its views; None where it has none, of which the page that opens it tells."""
    try:
        return _read(folder, columns, (folder / "views.safetensors").stat().st_mtime_ns)
    except (KeyError, OSError, ValueError, SafetensorError):
        return None
