"""``virtualcell predict`` and ``virtualcell perturb``: where cells go by themselves, and when they are pushed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from virtualcell.cli.files import load_model, read_cells, require_suffix, with_parent, write_provenance
from virtualcell.cli.options import CellsFile, Device, ModelFolder, Seed
from virtualcell.cli.terminal import console, say
from virtualcell.schema import LATENT_KEY, UNS_KEY, Columns, DataError

if TYPE_CHECKING:
    from mudata import MuData


def predict(
    model: ModelFolder,
    cells: CellsFile,
    until: Annotated[float, typer.Option("--to", help="Time to predict, in the unit of the model's time column.")],
    out: Annotated[Path, typer.Option(help=".h5ad: one row for a cell at a time, with its weight (growth minus death).")],
    start: Annotated[float | None, typer.Option("--from", help="Measured time to start from. Default: the first one.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Evenly spaced times to write, the last of them --to.")] = 1,
    copies: Annotated[int, typer.Option(min=1, help="Simulated futures of each cell.")] = 1,
    treatment: Annotated[str | None, typer.Option(help="Measured treatment to apply on the way.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Carry cells forward in time: states, expected expression, weights and fates."""
    import anndata
    import numpy as np

    require_suffix(out, ".h5ad")
    loaded, measured = load_model(model, device), read_cells(cells)
    column, unit = loaded.settings.columns.time, loaded.settings.columns.time_unit
    begin, rows = _starting_cells(measured, column, start)
    if not (math.isfinite(until) and until > begin):
        raise DataError(f"--to {until:g} is not after the start at {begin:g}.", next_step="choose a later time.", field="--to")
    trajectory = loaded.predict(
        measured[rows].copy(), duration=until - begin, frames=frames + 1, copies=copies, perturbation=treatment, seed=seed
    )
    names = np.asarray(measured.obs_names)[rows]
    states = np.concatenate(trajectory.states[1:])
    modality = "rna" if "rna" in loaded.record["modalities"] else next(iter(loaded.record["modalities"]))
    found = anndata.AnnData(loaded.decode(states, modality=modality))
    found.var_names = loaded.features(modality)
    found.obs_names = [
        f"{names[i]}/{copy % copies}@{begin + moment:g}"
        for moment in trajectory.times[1:]
        for copy, i in enumerate(trajectory.start)
    ]
    found.obs["time"] = np.repeat(begin + trajectory.times[1:], len(trajectory.start))
    found.obs["start_cell"] = np.tile(names[trajectory.start], frames)
    found.obs["weight"] = np.exp(np.concatenate(trajectory.log_weights[1:]))
    found.obs["in_domain"] = loaded.in_domain(states)
    found.obsm[LATENT_KEY] = states
    beyond = loaded.is_beyond(until)
    if beyond and loaded.times is not None:
        last = float(loaded.times.max())
        say(f"Warning: --to {until:g} lies beyond the last measured time, {last:g} {unit}: no cell tells whether this holds.")
    asked: dict[str, Any] = {"from": begin, "to": until, "beyond_last_measured": beyond}
    asked |= {"treatment": treatment or "none", "seed": seed, "copies": copies}
    found.uns[UNS_KEY] = {**loaded.provenance(), "predicted": asked}
    found.write_h5ad(with_parent(out))
    table = Table("fate", "share", "95 % interval")
    for fate in loaded.fates(trajectory, until=until).itertuples():
        table.add_row(str(fate.fate), f"{fate.fraction:.3f}", f"{fate.low:.3f} to {fate.high:.3f}")
    console().print(table)
    say(f"{found.obs['in_domain'].mean():.0%} of the predicted states lie where cells were measured.")
    say(f"Written: {out} ({len(rows):,} cells from {begin:g} to {until:g} {unit if column else 'spans'})")


def perturb(
    model: ModelFolder,
    cells: CellsFile,
    out: Annotated[Path, typer.Option(help=".csv: genes with fold change and interval.")],
    treatment: Annotated[str | None, typer.Option(help="Measured treatment to apply.")] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(help="Gene whose counts are edited (what the model's reading depends on); repeat it for several."),
    ] = None,
    fold: Annotated[
        float | None, typer.Option(help="Times the gene's counts: 0 knock-out (default), .5 halved, 2 doubled.")
    ] = None,
    level: Annotated[
        float | None, typer.Option(help="Counts per 10,000 to which each cell is raised, also where it counted none.")
    ] = None,
    start: Annotated[float | None, typer.Option("--from", help="Measured time of the cells to push. Default: all cells.")] = None,
    duration: Annotated[float | None, typer.Option(help="How long they move. Default: the whole measured span.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Push cells by a measured treatment, or edit genes, and list the genes that answer."""
    if (treatment is None) == (not gene):
        raise typer.BadParameter("give either --treatment or --gene.")
    if treatment is not None and (fold, level) != (None, None):
        raise typer.BadParameter("--fold and --level go with --gene.")
    if duration is not None and not (math.isfinite(duration) and duration > 0):
        raise typer.BadParameter("--duration must be a time above 0.")
    require_suffix(out, ".csv")
    loaded, measured = load_model(model, device), read_cells(cells)
    if start is not None:
        measured = measured[_starting_cells(measured, loaded.settings.columns.time, start)[1]].copy()
    push: dict[str, Any] = {"genes": gene, "fold": fold, "level": level} if gene else {"treatment": treatment}
    effect = loaded.perturb(measured, **push, duration=duration, seed=seed)
    if effect.genes.empty:
        raise DataError("This model reads no genes.", next_step="use a model that was trained with RNA.", file=str(model))
    effect.genes.to_csv(with_parent(out), index=False)
    write_provenance(loaded, out, push=effect.name, kind=effect.kind, seed=seed, in_domain=effect.in_domain)
    table = Table("gene", "log2 fold change", "95 % interval")
    for found in effect.genes.head(10).itertuples():
        table.add_row(str(found.gene), f"{found.log2_fold_change:+.3f}", f"{found.low:+.3f} to {found.high:+.3f}")
    say(f"{effect.name} ({effect.kind})")
    console().print(table)
    say(f"{effect.in_domain:.0%} of the pushed states lie where cells were measured.")
    say(f"Written: {out} ({len(effect.genes):,} genes)")


def _starting_cells(measured: MuData, column: str | None, start: float | None) -> tuple[float, Any]:
    """Time and rows (n,) of the cells to start from; all cells at time 0 where the model knows no time."""
    import numpy as np

    from virtualcell.data.check import check as check_cells
    from virtualcell.data.check import require

    if column is None:
        if start:
            raise DataError("The model was trained without time.", next_step="leave --from out.", field="--from")
        return 0.0, np.arange(measured.n_obs)
    time = Columns(time=column)
    require([finding for finding in check_cells(measured, time) if finding.field in ("time", column)])
    values = measured.obs[column].to_numpy(dtype=float)
    begin = float(values.min()) if start is None else start
    rows = np.flatnonzero(np.isclose(values, begin))
    if not len(rows):
        known = ", ".join(f"{value:g}" for value in np.unique(values))
        raise DataError(f"No cell was measured at {begin:g}.", next_step=f"choose one of {known}.", field=column)
    return begin, rows
