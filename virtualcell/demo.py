"""The demo models: built from the data by one command, loaded by the pages."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from mudata import MuData
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from virtualcell.data.catalogue import DEMOS, Demo, load_demo, models_folder
from virtualcell.data.preprocess import preprocess
from virtualcell.explore.spaces import write_spaces
from virtualcell.model import VirtualCell
from virtualcell.schema import (
    Attractor,
    AutoencoderSettings,
    Barrier,
    DataError,
    EnergyPath,
    Landscape,
    PredictorSettings,
    Settings,
)
from virtualcell.training.epochs import Progress
from virtualcell.training.given import kinds_of

VIEWS, LANDSCAPE, REPORT = "views.safetensors", "landscape.json", "report.json"

DRAWN = ("x", "y", "energy", "supported", "plane", "origin", "cell_xy", "density", "basin")
"""Arrays of a landscape."""

DEMO_SETTINGS: dict[str, Settings] = {
    "a549": Settings(),
    # Fewer cells and one measurement: a smaller latent does the job, and minima are found more surely in fewer dimensions.
    # 781 cells hardly bound D from above: it ran to twenty times its start, where every well is a puddle.
    "larry": Settings(autoencoder=AutoencoderSettings(latent_dim=8), predictor=PredictorSettings(diffusion_weight=0.3)),
    # One time only: nothing says how untreated cells move, so they start almost at rest instead of mixing.
    "kang": Settings(autoencoder=AutoencoderSettings(latent_dim=12), predictor=PredictorSettings(diffusion=0.05)),
    "norman": Settings(autoencoder=AutoencoderSettings(latent_dim=12), predictor=PredictorSettings(steps=800)),
    "cite": Settings(autoencoder=AutoencoderSettings(latent_dim=12, epochs=120)),
    # The simulated system has two true dimensions. Its noise is told (2 D T over the variance within its populations), as without
    # it no height has a unit; and cells still leave for the fates at the last time, which is no steady state. Of few dimensions
    # but steep, it takes many small steps: one refit less, and it trains in three CPU minutes.
    "simulated": Settings(
        autoencoder=AutoencoderSettings(latent_dim=2),
        predictor=PredictorSettings(diffusion=6.6, diffusion_known=True, stationary_weight=0.0, refits=4),
    ),
    # As the cells on the known landscape: two true dimensions, the noise told, no steady state at the end.
    "switch": Settings(
        autoencoder=AutoencoderSettings(latent_dim=2),
        predictor=PredictorSettings(diffusion=9.3, diffusion_known=True, stationary_weight=0.0, refits=4),
    ),
    # Ten true dimensions: four that the assays share and two of each assay's own.
    "assays": Settings(autoencoder=AutoencoderSettings(latent_dim=10)),
}


@dataclass(frozen=True)
class Bundle:
    """All that the pages show of one data set, computed beforehand: a demo, or a training of one's own (``virtualcell.jobs``).

    cells: preprocessed MuData; state (n, d), umap2 (n, 2), umap3 (n, 3) float32 in the order of cells; report: rows and claims of
    the held-out benchmarks, empty where none was run.
    """

    demo: Demo
    cells: MuData
    model: VirtualCell
    state: np.ndarray
    umap2: np.ndarray
    umap3: np.ndarray
    landscape: Landscape | None
    report: dict[str, Any]
    folder: Path
    """Where the model and its views lie."""


def fit_demo(key: str, settings: Settings | None = None, *, device: str = "cpu", progress: Any = None) -> VirtualCell:
    """Trains a demo's model; on the CPU with one thread by default, so that the same data give the same model."""
    demo = DEMOS[key]
    c = demo.columns
    return VirtualCell(settings or DEMO_SETTINGS[key]).fit(
        load_demo(key),
        time=c.time,
        time_unit=c.time_unit,
        perturbation=c.perturbation,
        control=c.control,
        batch=c.batch,
        state=c.state,
        clones=c.clones,
        donor=c.donor,
        growth=c.growth,
        population_size=c.population_size,
        device=device,
        progress=progress,
    )


def build(key: str, folder: Path, *, settings: Settings | None = None, progress: Any = None) -> VirtualCell:
    """Trains a demo's model and writes it with its views into ``folder``."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = fit_demo(key, settings, progress=progress)
        model.fit_generators(load_demo(key), progress=progress)
        model.save(folder)
        write_views(model, folder)
        write_maps(key, folder)
    finally:
        torch.set_num_threads(threads)
    return model


def write_maps(key: str, folder: Path) -> None:
    """Maps of each kind of measurement alone of a demo that was built; the model and its other views stay as they are."""
    settings = VirtualCell.load(folder).settings
    write_spaces(preprocess(load_demo(key), settings.preprocess), folder, seed=settings.seed)


def write_generators(key: str, folder: Path, *, progress: Any = None) -> VirtualCell:
    """Generators of a demo that was built; the model and its views stay as they are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = VirtualCell.load(folder, generators=False)
        model.fit_generators(load_demo(key), progress=progress).save_generators(folder)
    finally:
        torch.set_num_threads(threads)
    return model


def write_views(model: VirtualCell, folder: Path, progress: Progress | None = None) -> None:
    """Embeddings in two and three dimensions and the landscape of a model's training cells.

    progress: told of the stages "map" (two embeddings) and "landscape" (one).
    """
    from umap import UMAP  # compiles for half a minute: only here

    states = model.states
    arrays = {"state": states}
    tell = progress or _nobody
    tell("map", 0, 2, {})
    for n in (2, 3):
        # UMAP with a seed runs on one thread and gives the same picture each time.
        found = UMAP(n_components=n, n_neighbors=15, min_dist=0.3, random_state=model.settings.seed, n_jobs=1).fit_transform(
            states
        )
        arrays[f"umap{n}"] = np.ascontiguousarray(found, dtype=np.float32)
        tell("map", n - 1, 2, {})
    described: dict[str, Any] = {}
    if model.moves:
        tell("landscape", 0, 1, {})
        landscape = model.landscape()
        for name in DRAWN:
            if getattr(landscape, name) is not None:
                arrays[f"landscape.{name}"] = getattr(landscape, name)
        for i, barrier in enumerate(landscape.barriers):
            arrays[f"barrier{i}.states"], arrays[f"barrier{i}.energy"] = barrier.path.states, barrier.path.energy
        described = {
            "method": landscape.method,
            "axis_names": list(landscape.axis_names),
            "rotation_share": landscape.rotation_share,
            "barriers": [
                {f.name: getattr(barrier, f.name) for f in dataclasses.fields(barrier) if f.name != "path"}
                | {"saddle": barrier.path.saddle}
                for barrier in landscape.barriers
            ],
            "attractors": [
                {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in dataclasses.asdict(a).items()}
                for a in landscape.attractors
            ],
        }
        tell("landscape", 1, 1, {})
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / VIEWS)
    (folder / LANDSCAPE).write_text(json.dumps(described, indent=1) + "\n")


def _nobody(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
    """Listens to no progress."""


def read_landscape(folder: Path) -> Landscape | None:
    """The landscape that ``write_views`` saved; None where the model has no predictor."""
    described = json.loads((folder / LANDSCAPE).read_text())
    if not described:
        return None
    arrays = load_file(folder / VIEWS)
    attractors = tuple(_attractor(found) for found in described["attractors"])
    shown = {name: arrays.get(f"landscape.{name}") for name in DRAWN}
    barriers = []
    for i, found in enumerate(described["barriers"]):
        path = EnergyPath(arrays[f"barrier{i}.states"], arrays[f"barrier{i}.energy"], found.pop("saddle"))
        barriers.append(Barrier(**found, path=path))
    return Landscape(
        **cast("dict[str, Any]", shown),
        attractors=attractors,
        method=described["method"],
        axis_names=tuple(described["axis_names"]),
        barriers=tuple(barriers),
        rotation_share=described["rotation_share"],
    )


def _attractor(found: dict[str, Any]) -> Attractor:
    places = {name: np.asarray(found[name], dtype=np.float32) for name in ("state", "xy")}
    return Attractor(**(found | places))


def load_bundle(key: str, folder: Path | None = None) -> Bundle:
    """A demo with its trained model and views. Raises DataError where the model has not been built."""
    if key not in DEMOS:
        raise DataError(f"There is no demo {key!r}.", next_step=f"choose one of {', '.join(DEMOS)}.", field="demo")
    folder = folder or models_folder() / key
    if not (folder / VIEWS).is_file():
        raise DataError("The trained demo model is missing.", next_step="build it with `make demos`.", file=str(folder))
    return open_bundle(DEMOS[key], load_demo(key), folder, again="build them with `make demos`.")


def open_bundle(demo: Demo, raw: MuData, folder: Path, *, again: str) -> Bundle:
    """A trained model with its views and the cells that it was fitted to, as ``read`` gives them.

    again: what to do where the views are broken. Raises DataError where a file is missing, broken or not of these cells.
    """
    model = VirtualCell.load(folder)
    cells = preprocess(raw, model.settings.preprocess, kinds=kinds_of(raw, model.settings.kinds))
    try:
        arrays, landscape = load_file(folder / VIEWS), read_landscape(folder)
        report = json.loads((folder / REPORT).read_text()) if (folder / REPORT).is_file() else {"rows": [], "claims": []}
    except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
        raise DataError(
            f"The views or the report are broken or come from another version ({type(error).__name__}: {error}).",
            next_step=again,
            file=str(folder),
        ) from error
    try:
        state, umap2, umap3 = arrays["state"], arrays["umap2"], arrays["umap3"]
    except KeyError as error:
        raise DataError(f"The views lack {error}.", next_step=again, file=str(folder)) from error
    if len(state) != cells.n_obs:
        raise DataError(
            f"The views are of {len(state):,} cells, not of these {cells.n_obs:,}.", next_step=again, file=str(folder)
        )
    return Bundle(demo, cells, model, state, umap2, umap3, landscape, report, folder)


def bar() -> tuple[Bar, Any]:
    """A progress bar for the terminal and the callback that drives it."""
    shown = Bar(
        TextColumn("{task.description:14}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}  {task.fields[figures]}"),
        TimeElapsedColumn(),
    )
    tasks: dict[str, Any] = {}

    def progress(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
        if stage not in tasks:
            tasks[stage] = shown.add_task(stage, total=total, figures="")
        shown.update(tasks[stage], completed=done, total=total, figures="  ".join(f"{k} {v:.3g}" for k, v in figures.items()))

    return shown, progress


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Builds the demo models into assets/models.")
    parser.add_argument("demos", nargs="*", help=f"which (default: all of {', '.join(DEMOS)})")
    parser.add_argument("--maps", action="store_true", help="only the maps of each kind of measurement, of models already built")
    parser.add_argument("--generators", action="store_true", help="only the generators, of models already built")
    parser.add_argument("--out", type=Path, default=models_folder())
    chosen = parser.parse_args(arguments)
    for key in chosen.demos or list(DEMOS):
        began = time.perf_counter()
        shown, progress = bar()
        if chosen.maps:
            write_maps(key, chosen.out / key)
            shown.console.print(f"{key}: maps in {time.perf_counter() - began:.0f} s")
            continue
        if chosen.generators:
            with shown:
                write_generators(key, chosen.out / key, progress=progress)
                shown.console.print(f"{key}: generators in {time.perf_counter() - began:.0f} s")
            continue
        with shown:
            build(key, chosen.out / key, progress=progress)
            shown.console.print(f"{key}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
