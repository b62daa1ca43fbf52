"""``virtualcell check`` and ``virtualcell train``: from measured cells to a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from virtualcell.cli.files import known_device, read_cells
from virtualcell.cli.options import (
    Batch,
    CellsFile,
    Clones,
    Control,
    Device,
    Donor,
    Kind,
    Perturbation,
    Seed,
    State,
    Time,
    TimeUnit,
    pairs,
)
from virtualcell.cli.terminal import console, say
from virtualcell.schema import Columns, DataError, Settings


def check(
    cells: CellsFile,
    time: Time = None,
    time_unit: TimeUnit = "h",
    perturbation: Perturbation = None,
    control: Control = "control",
    batch: Batch = None,
    donor: Donor = None,
    state: State = None,
    clones: Clones = None,
    kind: Kind = None,
) -> None:
    """Say what is in a file, what is wrong with it and what to do. Exit status 2 where the cells cannot be used."""
    from virtualcell.data.check import check as check_cells
    from virtualcell.data.check import guess_columns
    from virtualcell.training.given import kinds_of

    measured = read_cells(cells)
    columns = Columns(time, time_unit, perturbation, control, batch, state, clones, donor=donor)
    if columns == Columns():
        columns = guess_columns(measured)
        named = {k: v for k, v in dataclasses.asdict(columns).items() if v and k not in ("control", "time_unit")}
        if named:
            say("Columns guessed from their names: " + ", ".join(f"--{k} {v}" for k, v in named.items()))
    say(f"{measured.n_obs:,} cells: " + ", ".join(f"{m} {a.n_obs:,} x {a.n_vars:,}" for m, a in measured.mod.items()))
    if columns.time in measured.obs:
        counts = measured.obs[columns.time].value_counts().sort_index()
        say(f"Cells by {columns.time}: " + ", ".join(f"{moment}: {n:,}" for moment, n in counts.items()))
    findings = check_cells(measured, columns, kinds_of(measured, pairs("--kind", kind)))
    table = Table("", "field", "what is so", "what to do")
    for finding in findings:
        table.add_row(finding.severity, finding.field, finding.problem, finding.next_step)
    if findings:
        console().print(table)
    errors = sum(finding.severity == "error" for finding in findings)
    say(f"{errors} error(s): these cells cannot be used yet." if errors else "These cells can be used.")
    if errors:
        raise typer.Exit(2)


def train(
    cells: Annotated[Path | None, typer.Argument(metavar="[CELLS]", help="File or folder with the cells; or use --demo.")] = None,
    demo: Annotated[str | None, typer.Option(help="Train on demo data instead: see `virtualcell demos`.")] = None,
    time: Time = None,
    time_unit: TimeUnit = "h",
    perturbation: Perturbation = None,
    control: Control = "control",
    batch: Batch = None,
    donor: Donor = None,
    state: State = None,
    clones: Clones = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write the model to. Default: runs/ and the name of the data.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes of the autoencoder over the cells.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the predictor.")] = None,
    latent_dim: Annotated[int | None, typer.Option(min=2, help="Dimensions of a cell's state.")] = None,
    fusion: Annotated[str | None, typer.Option(help="How measurements become one state: product, early, attention, ...")] = None,
    kind: Kind = None,
    objective: Annotated[
        list[str] | None, typer.Option(help="Weight of an objective, such as contrast=0.1; may be given several times.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Folder to write to on the way; stopped, it goes on there.")] = None,
) -> None:
    """Learn states of cells and, from several times or treatments, how they move."""
    if (cells is None) == (demo is None):
        raise typer.BadParameter("give either a file with cells or --demo NAME.")
    columns = Columns(time, time_unit, perturbation, control, batch, state, clones, donor=donor)
    if demo is not None and columns != Columns():
        raise typer.BadParameter(
            "the columns of a demo are known; leave out --time, --perturbation, --batch, --donor, --state and --clones."
        )
    known_device(device)
    if demo is not None:
        from virtualcell.data.catalogue import DEMOS, load_demo
        from virtualcell.demo import DEMO_SETTINGS

        measured = load_demo(demo)
        columns, settings, name = DEMOS[demo].columns, DEMO_SETTINGS[demo], demo
    else:
        assert cells is not None
        measured, settings, name = read_cells(cells), Settings(), cells.resolve().name.split(".")[0] or "model"
    folder = out or Path("runs") / name
    if folder.exists() and not folder.is_dir():
        raise DataError("A file of this name is in the way.", next_step="choose another folder with --out.", file=str(folder))
    autoencoder, predictor = settings.autoencoder, settings.predictor
    weights = {name: _number(name, weight) for name, weight in pairs("--objective", objective).items()}
    settings = dataclasses.replace(
        settings,
        seed=seed,
        kinds=settings.kinds | pairs("--kind", kind),
        autoencoder=dataclasses.replace(
            autoencoder,
            epochs=epochs or autoencoder.epochs,
            latent_dim=latent_dim or autoencoder.latent_dim,
            fusion=fusion or autoencoder.fusion,
            objectives=autoencoder.objectives | weights,
        ),
        predictor=dataclasses.replace(predictor, steps=steps or predictor.steps),
    )
    from virtualcell.data.check import check as check_cells
    from virtualcell.data.check import file_of, require
    from virtualcell.demo import bar
    from virtualcell.model import VirtualCell
    from virtualcell.training.given import kinds_of

    findings = check_cells(measured, columns, kinds_of(measured, settings.kinds))
    require(findings, file=file_of(measured))
    for finding in findings:
        if finding.severity == "warning":
            say(f"Warning: {finding.field}: {finding.problem} {finding.next_step}")
    shown, progress = bar()
    with shown:
        given = dataclasses.asdict(columns) | {"device": device, "progress": progress, "checkpoint": checkpoint}
        model = VirtualCell(settings).fit(measured, **given)
    model.save(folder)
    record = model.record
    say(
        f"{record['n_cells']:,} cells, {', '.join(f'{n:,} {m}' for m, n in record['modalities'].items())}; "
        f"{record['parameters']:,} parameters; "
        f"{record['latent_dim']} latent dimensions, effective rank {record['effective_rank']:.1f}"
    )
    if not model.moves:
        say("No predictor: give --time (two or more times) or --perturbation (treated beside control) to learn how cells move.")
    say(f"Written: {folder}")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--objective {name}={text}: the weight is a number.") from None
