"""``virtualcell embed`` and ``virtualcell translate``: what a model reads from cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virtualcell.cli.files import load_model, read_cells, require_suffix, with_parent, write_provenance
from virtualcell.cli.options import CellsFile, Device, ModelFolder
from virtualcell.cli.terminal import say
from virtualcell.schema import LATENT_KEY, UNS_KEY


def embed(
    model: ModelFolder,
    cells: CellsFile,
    out: Annotated[Path, typer.Option(help=".h5mu (all measurements), .h5ad (RNA, or the only one) or .csv (states only).")],
    device: Device = "auto",
) -> None:
    """Give each cell its state, in obsm["X_vc"]."""
    require_suffix(out, ".h5mu", ".h5ad", ".csv")
    loaded, measured = load_model(model, device), read_cells(cells)
    states = loaded.embed(measured)
    if out.suffix == ".h5mu":
        measured.write_h5mu(with_parent(out))
    elif out.suffix == ".csv":
        import pandas as pd

        named = pd.DataFrame(
            states, index=measured.obs_names.rename("cell"), columns=[f"vc_{i + 1}" for i in range(states.shape[1])]
        )
        named.to_csv(with_parent(out))
        write_provenance(loaded, out)
    else:
        name = "rna" if "rna" in measured.mod else next(iter(measured.mod))
        table = measured.mod[name].copy()
        rows = measured.obs_names.get_indexer(table.obs_names)
        table.obs = measured.obs.iloc[rows].copy()
        table.obsm[LATENT_KEY] = states[rows]
        table.uns[UNS_KEY] = loaded.provenance()
        table.write_h5ad(with_parent(out))
        if len(rows) < len(states):
            say(f"{len(states) - len(rows):,} cells without {name} are left out; write .h5mu to keep all.")
    say(f"Written: {out} ({states.shape[0]:,} cells, {states.shape[1]} dimensions)")


def translate(
    model: ModelFolder,
    cells: CellsFile,
    source: Annotated[str, typer.Option(help="Measurement to read, such as rna.")],
    target: Annotated[str, typer.Option(help="Measurement to predict, such as atac.")],
    out: Annotated[Path, typer.Option(help=".h5ad")],
    device: Device = "auto",
) -> None:
    """Predict one kind of measurement from another in the same cells."""
    require_suffix(out, ".h5ad")
    loaded = load_model(model, device)
    found = loaded.translate(read_cells(cells), source=source, target=target)
    found.write_h5ad(with_parent(out))
    say(f"Written: {out} ({found.n_obs:,} cells x {found.n_vars:,} {target} features, {found.uns[UNS_KEY]['unit']})")
