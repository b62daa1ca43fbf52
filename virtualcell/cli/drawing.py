"""``virtualcell generators`` and ``virtualcell draw``: cells and measurements that were never made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from virtualcell.cli.files import load_model, read_cells, require_suffix, with_parent
from virtualcell.cli.options import Device, ModelFolder, Seed
from virtualcell.cli.terminal import say


def generators(
    model: ModelFolder,
    cells: Annotated[Path, typer.Argument(metavar="CELLS", help="The cells that the model was trained on.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the seed of the model.")] = None,
    device: Device = "auto",
) -> None:
    """Train what draws cells and missing measurements, and write it beside the model."""
    from virtualcell.demo import bar
    from virtualcell.model.generator_commands import train_generators

    loaded, measured = load_model(model, device, generators=False), read_cells(cells)
    shown, progress = bar()
    with shown:
        said = train_generators(loaded, model, measured, seed, progress)
    say(said)


def draw(
    model: ModelFolder,
    out: Annotated[Path, typer.Option(help=".h5mu: drawn cells with counts, marked as synthetic.")],
    cells: Annotated[Path | None, typer.Argument(metavar="[CELLS]", help="Cells to complete; none: new cells.")] = None,
    source: Annotated[str | None, typer.Option(help="Measurement to read in these cells, such as rna.")] = None,
    target: Annotated[str | None, typer.Option(help="Measurement to draw, such as atac.")] = None,
    number: Annotated[int, typer.Option("--n", min=1, help="New cells, or draws of each given cell.")] = 1,
    at: Annotated[float | None, typer.Option("--time", help="Time to hold, in the unit of the time column.")] = None,
    treatment: Annotated[str | None, typer.Option(help="Treatment to hold.")] = None,
    label: Annotated[str | None, typer.Option(help="Cell type or state of new cells.")] = None,
    balanced: Annotated[bool, typer.Option("--balanced", help="New cells: each type or state as often as any other.")] = False,
    noise: Annotated[float, typer.Option(min=0, max=2, help="1 as learned, 0 only the expected value, 2 widest.")] = 1.0,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Draw new cells, or what a missing measurement of given cells could have been."""
    from virtualcell.model.generator_commands import draw_cells, draw_missing

    require_suffix(out, ".h5mu")
    if (cells is None) != (source is None) or (source is None) != (target is None):
        raise typer.BadParameter("to complete cells give CELLS, --source and --target; to draw new cells give none of them.")
    if cells is not None and (label is not None or balanced):
        raise typer.BadParameter("--label and --balanced are for new cells.")
    held: dict[str, Any] = {"time": at, "treatment": treatment, "noise": noise, "seed": seed}
    loaded = load_model(model, device)
    if cells is None or source is None or target is None:
        found, said = draw_cells(loaded, number, label=label, balanced=balanced, **held)
    else:
        found, said = draw_missing(loaded, read_cells(cells), source, target, number, **held)
    found.write_h5mu(with_parent(out))
    say(f"{said} Written: {out}")
