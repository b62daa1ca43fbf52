"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `train` wrote, or one of assets/models.")]
CellsFile = Annotated[Path, typer.Argument(metavar="CELLS", help=".h5ad, .h5mu, .zarr, 10x .h5 or 10x mtx folder.")]
Time = Annotated[str | None, typer.Option(help="Column of obs with the time, as numbers.")]
TimeUnit = Annotated[str, typer.Option(help="Unit of the time column.")]
Perturbation = Annotated[str | None, typer.Option(help="Column of obs with the treatment.")]
Control = Annotated[str, typer.Option(help="Name of the untreated cells in that column.")]
Batch = Annotated[str | None, typer.Option(help="Column of obs with the batch, donor or plate.")]
Donor = Annotated[str | None, typer.Option(help="Column of obs with the donor, where it is known beside the batch.")]
State = Annotated[str | None, typer.Option(help="Column of obs that names cell types or states.")]
Clones = Annotated[str | None, typer.Option(help="Slot of obsm with the clone barcodes, cells x clones.")]
Kind = Annotated[
    list[str] | None, typer.Option(help="Kind of a measurement, such as atac=atac-poisson; may be given several times.")
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a dictionary."""
    found = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise typer.BadParameter(f"{option} {text}: write NAME=VALUE.")
        found[name] = value
    return found
