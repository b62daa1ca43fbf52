"""The command ``virtualcell``: train a model, and ask it what the pages ask it, from a terminal."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from virtualcell.schema import LATENT_KEY, UNS_KEY, Columns, DataError, Settings

if TYPE_CHECKING:
    from mudata import MuData

    from virtualcell.model import VirtualCell

# torch and scanpy take seconds to import: each command imports what it needs, and --help waits for none of it.

cli = typer.Typer(
    help="Measured cells go in; states, trajectories, responses and the landscape come out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

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


@cli.command()
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
    _device(device)
    if demo is not None:
        from virtualcell.data.catalogue import DEMOS, load_demo
        from virtualcell.demo import DEMO_SETTINGS

        measured = load_demo(demo)
        columns, settings = DEMOS[demo].columns, DEMO_SETTINGS[demo]
    else:
        assert cells is not None
        measured, settings = _read(cells), Settings()
    folder = out or Path("runs") / (demo or _stem(cells))
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
            _say(f"Warning: {finding.field}: {finding.problem} {finding.next_step}")
    shown, progress = bar()
    with shown:
        given = _arguments(columns) | {"device": device, "progress": progress, "checkpoint": checkpoint}
        model = VirtualCell(settings).fit(measured, **given)
    model.save(folder)
    record = model.record
    _say(
        f"{record['n_cells']:,} cells, {', '.join(f'{n:,} {m}' for m, n in record['modalities'].items())}; "
        f"{record['parameters']:,} parameters; "
        f"{record['latent_dim']} latent dimensions, effective rank {record['effective_rank']:.1f}"
    )
    if not model.moves:
        _say("No predictor: give --time (two or more times) or --perturbation (treated beside control) to learn how cells move.")
    _say(f"Written: {folder}")


@cli.command()
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

    measured = _read(cells)
    columns = Columns(time, time_unit, perturbation, control, batch, state, clones, donor=donor)
    if columns == Columns():
        columns = guess_columns(measured)
        named = {k: v for k, v in _arguments(columns).items() if v and k not in ("control", "time_unit")}
        if named:
            _say("Columns guessed from their names: " + ", ".join(f"--{k} {v}" for k, v in named.items()))
    _say(f"{measured.n_obs:,} cells: " + ", ".join(f"{m} {a.n_obs:,} x {a.n_vars:,}" for m, a in measured.mod.items()))
    if columns.time in measured.obs:
        counts = measured.obs[columns.time].value_counts().sort_index()
        _say(f"Cells by {columns.time}: " + ", ".join(f"{moment}: {n:,}" for moment, n in counts.items()))
    findings = check_cells(measured, columns, kinds_of(measured, pairs("--kind", kind)))
    table = Table("", "field", "what is so", "what to do")
    for finding in findings:
        table.add_row(finding.severity, finding.field, finding.problem, finding.next_step)
    if findings:
        _console().print(table)
    errors = sum(finding.severity == "error" for finding in findings)
    _say(f"{errors} error(s): these cells cannot be used yet." if errors else "These cells can be used.")
    if errors:
        raise typer.Exit(2)


@cli.command()
def embed(
    model: ModelFolder,
    cells: CellsFile,
    out: Annotated[Path, typer.Option(help=".h5mu (all measurements), .h5ad (RNA, or the only one) or .csv (states only).")],
    device: Device = "auto",
) -> None:
    """Give each cell its state, in obsm["X_vc"]."""
    _suffix(out, ".h5mu", ".h5ad", ".csv")
    loaded, measured = _load(model, device), _read(cells)
    states = loaded.embed(measured)
    if out.suffix == ".h5mu":
        measured.write_h5mu(_parent(out))
    elif out.suffix == ".csv":
        import pandas as pd

        named = pd.DataFrame(
            states, index=measured.obs_names.rename("cell"), columns=[f"vc_{i + 1}" for i in range(states.shape[1])]
        )
        named.to_csv(_parent(out))
        _provenance(loaded, out)
    else:
        name = "rna" if "rna" in measured.mod else next(iter(measured.mod))
        table = measured.mod[name].copy()
        rows = measured.obs_names.get_indexer(table.obs_names)
        table.obs = measured.obs.iloc[rows].copy()
        table.obsm[LATENT_KEY] = states[rows]
        table.uns[UNS_KEY] = loaded.provenance()
        table.write_h5ad(_parent(out))
        if len(rows) < len(states):
            _say(f"{len(states) - len(rows):,} cells without {name} are left out; write .h5mu to keep all.")
    _say(f"Written: {out} ({states.shape[0]:,} cells, {states.shape[1]} dimensions)")


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a dictionary."""
    found = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise typer.BadParameter(f"{option} {text}: write NAME=VALUE.")
        found[name] = value
    return found


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--objective {name}={text}: the weight is a number.") from None


@cli.command()
def translate(
    model: ModelFolder,
    cells: CellsFile,
    source: Annotated[str, typer.Option(help="Measurement to read, such as rna.")],
    target: Annotated[str, typer.Option(help="Measurement to predict, such as atac.")],
    out: Annotated[Path, typer.Option(help=".h5ad")],
    device: Device = "auto",
) -> None:
    """Predict one kind of measurement from another in the same cells."""
    _suffix(out, ".h5ad")
    loaded = _load(model, device)
    found = loaded.translate(_read(cells), source=source, target=target)
    found.write_h5ad(_parent(out))
    _say(f"Written: {out} ({found.n_obs:,} cells x {found.n_vars:,} {target} features, {found.uns[UNS_KEY]['unit']})")


@cli.command()
def generators(
    model: ModelFolder,
    cells: Annotated[Path, typer.Argument(metavar="CELLS", help="The cells that the model was trained on.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the seed of the model.")] = None,
    device: Device = "auto",
) -> None:
    """Train what draws cells and missing measurements, and write it beside the model."""
    from virtualcell.demo import bar
    from virtualcell.model.generator_commands import train_generators

    loaded, measured = _load(model, device, generators=False), _read(cells)
    shown, progress = bar()
    with shown:
        said = train_generators(loaded, model, measured, seed, progress)
    _say(said)


@cli.command()
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
    noise: Annotated[float, typer.Option(min=0, max=2, help="1 as learned, 0 only the most typical, 2 widest.")] = 1.0,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Draw new cells, or what a missing measurement of given cells could have been."""
    from virtualcell.model.generator_commands import draw_cells, draw_missing

    _suffix(out, ".h5mu")
    if (cells is None) != (source is None) or (source is None) != (target is None):
        raise typer.BadParameter("to complete cells give CELLS, --source and --target; to draw new cells give none of them.")
    loaded = _load(model, device)
    if cells is None or source is None or target is None:
        found, said = draw_cells(loaded, number, label=label, time=at, treatment=treatment, noise=noise, seed=seed)
    else:
        if label is not None:
            raise typer.BadParameter("--label is for new cells.")
        held: dict[str, Any] = {"time": at, "treatment": treatment}
        found, said = draw_missing(loaded, _read(cells), source, target, number, noise=noise, seed=seed, **held)
    found.write_h5mu(_parent(out))
    _say(f"{said} Written: {out}")


@cli.command()
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

    _suffix(out, ".h5ad")
    loaded, measured = _load(model, device), _read(cells)
    column, unit = loaded.settings.columns.time, loaded.settings.columns.time_unit
    begin, rows = _start(measured, column, start)
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
        _say(f"Warning: --to {until:g} lies beyond the last measured time, {last:g} {unit}: no cell tells whether this holds.")
    asked: dict[str, Any] = {"from": begin, "to": until, "beyond_last_measured": beyond}
    asked |= {"treatment": treatment or "none", "seed": seed, "copies": copies}
    found.uns[UNS_KEY] = {**loaded.provenance(), "predicted": asked}
    found.write_h5ad(_parent(out))
    table = Table("fate", "share", "95 % interval")
    for fate in loaded.fates(trajectory, until=until).itertuples():
        table.add_row(str(fate.fate), f"{fate.fraction:.3f}", f"{fate.low:.3f} to {fate.high:.3f}")
    _console().print(table)
    _say(f"{found.obs['in_domain'].mean():.0%} of the predicted states lie where cells were measured.")
    _say(f"Written: {out} ({len(rows):,} cells from {begin:g} to {until:g} {unit if column else 'spans'})")


@cli.command()
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
    _suffix(out, ".csv")
    loaded, measured = _load(model, device), _read(cells)
    if start is not None:
        measured = measured[_start(measured, loaded.settings.columns.time, start)[1]].copy()
    push: dict[str, Any] = {"genes": gene, "fold": fold, "level": level} if gene else {"treatment": treatment}
    effect = loaded.perturb(measured, **push, duration=duration, seed=seed)
    if effect.genes.empty:
        raise DataError("This model reads no genes.", next_step="use a model that was trained with RNA.", file=str(model))
    effect.genes.to_csv(_parent(out), index=False)
    _provenance(loaded, out, push=effect.name, kind=effect.kind, seed=seed, in_domain=effect.in_domain)
    table = Table("gene", "log2 fold change", "95 % interval")
    for found in effect.genes.head(10).itertuples():
        table.add_row(str(found.gene), f"{found.log2_fold_change:+.3f}", f"{found.low:+.3f} to {found.high:+.3f}")
    _say(f"{effect.name} ({effect.kind})")
    _console().print(table)
    _say(f"{effect.in_domain:.0%} of the pushed states lie where cells were measured.")
    _say(f"Written: {out} ({len(effect.genes):,} genes)")


@cli.command()
def landscape(
    model: ModelFolder,
    out: Annotated[Path, typer.Option(help=".npz or .json: plane, energy in units of D, attractors, passes.")],
    resolution: Annotated[int, typer.Option(min=8, max=400, help="Points along each side.")] = 60,
) -> None:
    """Compute the surface of the model's own potential with its attractors."""
    import numpy as np

    _suffix(out, ".npz", ".json")
    loaded = _load(model, "cpu")
    try:
        found = loaded.landscape(resolution)
    except DataError as error:
        raise DataError(error.problem, next_step=error.next_step, field=error.field, file=str(model)) from error
    values = {name: value for name, value in dataclasses.asdict(found).items() if value is not None}
    listed = {name: _plain(values.pop(name)) for name in ("attractors", "barriers")} | {"provenance": loaded.provenance()}
    if out.suffix == ".json":
        _parent(out).write_text(json.dumps(_plain(values) | listed, allow_nan=False) + "\n", encoding="utf-8")
    else:
        text = {name: json.dumps(value, allow_nan=False) for name, value in listed.items()}
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in (values | text).items()}
        np.savez_compressed(_parent(out), **arrays)
    table = Table("attractor", "energy (D)", "cells", "purity")
    for a in found.attractors:
        table.add_row(a.name, f"{a.energy:.2f}", f"{a.n_cells:,}", f"{a.purity:.0%}")
    if found.attractors:
        _console().print(table)
    else:
        _say("No attractor: no place where cells come to rest was found among the measured ones.")
    _say(found.method)
    _say(f"Written: {out}")


@cli.command()
def demos() -> None:
    """List the data that come with VirtualCell."""
    from virtualcell.data.catalogue import DEMOS

    table = Table("name", "what", "time", "perturbation")
    for key, demo in DEMOS.items():
        title = f"{demo.title} (simulated)" if demo.simulated and "simulated" not in demo.title.lower() else demo.title
        table.add_row(key, title, demo.columns.time or "", demo.columns.perturbation or "")
    _console().print(table)


@cli.command()
def app(port: Annotated[int, typer.Option(min=1, max=65535)] = 8501) -> None:
    """Open the app in the browser, on this machine only."""
    page = Path(__file__).resolve().parents[1] / "app.py"
    if not page.is_file():
        raise DataError("The app's pages are not installed.", next_step="run this command from a clone.", file=str(page))
    options = ["--server.port", str(port), "--server.address", "localhost", "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", str(page), *options, "--browser.gatherUsageStats", "false"]
    try:
        status = subprocess.call(command, cwd=page.parent)
    except KeyboardInterrupt:
        return
    raise typer.Exit(status)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can put right is one clear message on stderr and exit status 2, never a traceback."""
    warnings.simplefilter("ignore", FutureWarning)  # of the libraries: nothing that a user of the command can change
    try:
        cli(args=None if arguments is None else list(arguments), prog_name="virtualcell")
    except (DataError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise  # not about a file that the user named
        message = str(error) if isinstance(error, DataError) else f"file {error.filename}: {error.strerror}."
        Console(stderr=True, soft_wrap=True).print(f"virtualcell: {message}", markup=False, highlight=False)
        raise SystemExit(2) from None


def _console() -> Console:
    # Made anew each time: the terminal of the moment, and its width.
    return Console()


def _say(text: str) -> None:
    Console(soft_wrap=True).print(text, markup=False, highlight=False)


def _read(path: Path) -> MuData:
    from virtualcell.data.read import read

    return read(path)


def _load(folder: Path, device: str, *, generators: bool = True) -> VirtualCell:
    from virtualcell.model import VirtualCell

    _device(device)
    return VirtualCell.load(folder, device=device, generators=generators)


def _device(name: str) -> None:
    from virtualcell.training.device import choose_device

    try:
        choose_device(name)
    except ValueError as error:
        raise DataError(str(error), next_step="leave --device out to take the best there is.", field="--device") from None


def _start(measured: MuData, column: str | None, start: float | None) -> tuple[float, Any]:
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


def _arguments(columns: Columns) -> dict[str, Any]:
    return dataclasses.asdict(columns)


def _stem(path: Path | None) -> str:
    assert path is not None
    return path.resolve().name.split(".")[0] or "model"


def _suffix(out: Path, *kinds: str) -> None:
    """Refuse an unknown kind of output before anything is computed."""
    if out.suffix not in kinds:
        raise DataError(f"Cannot write {out.name!r}.", next_step=f"end its name in {' or '.join(kinds)}.", field="--out")


def _parent(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def _provenance(model: VirtualCell, out: Path, **asked: Any) -> None:
    """A table holds no metadata, so what it was made with stands in a file beside it."""
    beside = out.with_suffix(".provenance.json")
    beside.write_text(json.dumps(model.provenance() | asked, indent=1) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Arrays as lists; what is not a number as null, which JSON knows."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


if __name__ == "__main__":
    main()
