"""``virtualcell landscape``: the energy on the plane that is drawn, in a file."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from virtualcell.cli.files import load_model, require_suffix, with_parent
from virtualcell.cli.options import ModelFolder
from virtualcell.cli.terminal import console, say
from virtualcell.schema import DataError


def landscape(
    model: ModelFolder,
    out: Annotated[Path, typer.Option(help=".npz or .json: plane, energy in units of D, attractors, passes.")],
    resolution: Annotated[int, typer.Option(min=8, max=400, help="Points along each side.")] = 60,
) -> None:
    """Compute the surface of the model's own potential with its attractors."""
    import numpy as np

    require_suffix(out, ".npz", ".json")
    loaded = load_model(model, "cpu")
    try:
        found = loaded.landscape(resolution)
    except DataError as error:
        raise DataError(error.problem, next_step=error.next_step, field=error.field, file=str(model)) from error
    values = {name: value for name, value in dataclasses.asdict(found).items() if value is not None}
    listed = {name: _plain(values.pop(name)) for name in ("attractors", "barriers")} | {"provenance": loaded.provenance()}
    if out.suffix == ".json":
        with_parent(out).write_text(json.dumps(_plain(values) | listed, allow_nan=False) + "\n", encoding="utf-8")
    else:
        text = {name: json.dumps(value, allow_nan=False) for name, value in listed.items()}
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in (values | text).items()}
        np.savez_compressed(with_parent(out), **arrays)
    table = Table("attractor", "energy (D)", "cells", "purity")
    for a in found.attractors:
        table.add_row(a.name, f"{a.energy:.2f}", f"{a.n_cells:,}", f"{a.purity:.0%}")
    if found.attractors:
        console().print(table)
    else:
        say("No attractor: no place where cells come to rest was found among the measured ones.")
    say(found.method)
    say(f"Written: {out}")


def _plain(value: Any) -> Any:
    """Arrays as lists; what is not a number as null, which JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
