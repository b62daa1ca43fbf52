"""Runs from a terminal, for instance on a cluster: ``python -m virtualcell.jobs submit cells.h5mu --time time_h``."""

from __future__ import annotations

import dataclasses
import time as clock
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from virtualcell.cli.options import (
    Batch,
    CellsFile,
    Clones,
    Control,
    Donor,
    Kind,
    Perturbation,
    Seed,
    State,
    Time,
    TimeUnit,
    pairs,
)
from virtualcell.cli.terminal import console, say, stop
from virtualcell.jobs import queue
from virtualcell.jobs.folder import runs_folder
from virtualcell.jobs.history import history
from virtualcell.jobs.results import figures
from virtualcell.jobs.run import Status, run, runs
from virtualcell.jobs.stages import words
from virtualcell.schema import Columns, DataError, Settings

jobs = typer.Typer(
    help="Trainings that run by themselves, in the folder that VIRTUALCELL_RUNS names (default: runs). The app shows them, too.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="As `list` prints it, such as run-7f3k2c.")]


@jobs.command()
def submit(
    cells: CellsFile,
    name: Annotated[str | None, typer.Option(help="What to call the run. Default: the name of the file.")] = None,
    time: Time = None,
    time_unit: TimeUnit = "h",
    perturbation: Perturbation = None,
    control: Control = "control",
    batch: Batch = None,
    donor: Donor = None,
    state: State = None,
    clones: Clones = None,
    kind: Kind = None,
    seed: Seed = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes of the autoencoder over the cells.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the predictor.")] = None,
    latent_dim: Annotated[int | None, typer.Option(min=2, help="Dimensions of a cell's state.")] = None,
    measure: Annotated[bool, typer.Option(help="Train again without the middle time and predict it.")] = False,
    device: Annotated[str, typer.Option(help="cpu (the same cells give the same model), auto, cuda or mps.")] = "cpu",
    start: Annotated[bool, typer.Option(help="Whether to begin at once; the app begins it otherwise.")] = True,
) -> None:
    """Put a training at the end of the queue."""
    usual = Settings()
    settings = dataclasses.replace(
        usual,
        seed=seed,
        autoencoder=dataclasses.replace(
            usual.autoencoder,
            epochs=epochs or usual.autoencoder.epochs,
            latent_dim=latent_dim or usual.autoencoder.latent_dim,
        ),
        predictor=dataclasses.replace(usual.predictor, steps=steps or usual.predictor.steps),
    )
    columns = Columns(time, time_unit, perturbation, control, batch, state, clones, donor=donor)
    made = queue.submit(
        cells,
        columns,
        settings,
        name=name or cells.name.split(".")[0],
        kinds=pairs("--kind", kind),
        measure=measure,
        device=device,
        start=start,
    )
    say(made.id)


@jobs.command("list")
def list_runs() -> None:
    """All runs, newest first."""
    table = Table("run", "name", "cells", "state", "stage", "")
    for one in runs():
        status = one.status()
        table.add_row(one.id, one.name, f"{one.n_cells:,}", status.state, *_progress(status))
    console().print(table)
    say(f"in {runs_folder()}")


@jobs.command()
def show(run_id: RunId) -> None:
    """One run: what was asked, how far it is, and what came of it."""
    one = run(run_id)
    status = one.status()
    say(f"{one.id}  {one.name}")
    features = ", ".join(f"{n:,} {key}" for key, n in one.modalities.items())
    say(f"{one.n_cells:,} cells from {one.file or 'memory'}: {features}; asked {clock.ctime(one.created)}")
    say(" ".join(part for part in (status.state, *_progress(status)) if part) + f"; worked {status.seconds:.0f} s")
    for before, fault in (("", status.error), ("Without generators: ", status.note)):
        if fault is not None:
            say(f"{before}{fault['problem']} What to do: {fault['next_step']}")
            if "log" in fault:
                say(f"Log: {fault['log']}")
    reached = history(one)
    for stage, steps in reached.groupby("stage", sort=False):
        last = steps.iloc[-1].drop(["stage", "step", "total", "seconds"]).dropna()
        say(f"  {stage}: {int(steps['step'].iloc[-1])} of {int(steps['total'].iloc[-1])}  " + _listed(last.to_dict()))
    found = figures(one)
    if found:
        say(f"On {found['held_out_cells']} cells that no gradient came from: " + _listed(found))
        say(f"Model: {one.model_folder}")


@jobs.command()
def cancel(run_id: RunId) -> None:
    """Stop a run; what it has learned so far is kept for `resume`."""
    queue.cancel(run_id)
    say(run(run_id).status().state)


@jobs.command()
def resume(run_id: RunId) -> None:
    """Take up a cancelled or failed run where it was; it goes to the end of the queue."""
    queue.resume(run_id)
    say(run(run_id).status().state)


@jobs.command()
def delete(run_id: RunId) -> None:
    """Remove a run with its cells and its model for good."""
    queue.delete(run_id)
    say(f"{run_id} is gone.")


@jobs.command()
def start() -> None:
    """See that someone works on what waits, for instance after a restart of the machine."""
    say("Started." if queue.ensure_runner(now=True) else "Nothing waits, or it is worked on already.")


def _progress(status: Status) -> tuple[str, str]:
    if status.place_in_queue is not None:
        return "", f"number {status.place_in_queue} in the queue"
    if status.state != "running":
        return "", ""
    steps = f"{status.done} of {status.total}" if status.total else ""
    left = f"{status.seconds_left:.0f} s left" if status.seconds_left is not None else ""
    return words(status.stage), ", ".join(part for part in (steps, left) if part)


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{key} {value:.4g}" for key, value in values.items() if isinstance(value, int | float))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; what a user can cause is told in one line."""
    try:
        jobs(args=None if arguments is None else list(arguments), prog_name="python -m virtualcell.jobs")
    except DataError as error:
        stop(str(error))


if __name__ == "__main__":
    main()
