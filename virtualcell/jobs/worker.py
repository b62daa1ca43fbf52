"""Trains one run and ends: ``python -m virtualcell.jobs.worker FOLDER``."""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from virtualcell.jobs.files import write_json
from virtualcell.jobs.folder import CELLS, CHECKPOINT, FIGURES, HIDDEN_CHECKPOINT, LOCK, LOG, MODEL
from virtualcell.jobs.locks import Lock, hold
from virtualcell.jobs.progress import CancelledError, Recorder
from virtualcell.jobs.run import Run, run
from virtualcell.jobs.stages import Plan
from virtualcell.schema import DataError

if TYPE_CHECKING:
    from mudata import MuData

    from virtualcell.model import VirtualCell

logger = logging.getLogger("virtualcell")

NICE = 10
"""The pages come first."""


def work(asked: Run) -> None:
    """The whole of a run, from where it was: what earlier attempts finished is not done again."""
    recorder = Recorder(asked.folder)
    recorder.begin("reading")
    try:
        fault = _fault_of(asked, partial(_train, asked, recorder))
    except CancelledError:
        recorder.end("cancelled")
    else:
        recorder.end("failed" if fault else "done", fault)


def _fault_of(asked: Run, part: Callable[[], None]) -> dict[str, str] | None:
    """Does a part of the work; says what stopped it (problem, next_step and, where it was unforeseen, log), None where nothing
    did. Raises CancelledError."""
    try:
        part()
    except CancelledError:
        raise
    except DataError as error:
        return {"problem": error.problem, "next_step": error.next_step}
    except MemoryError:
        return {
            "problem": "The memory of this computer was not enough.",
            "next_step": "train on fewer cells, or on a larger computer.",
        }
    except Exception as error:
        logger.exception("The training stopped.")
        return {
            "problem": f"The training stopped on something unforeseen ({type(error).__name__}: {str(error)[:300]}).",
            "next_step": "change the settings or the cells and train again; the log says where it happened.",
            "log": str(asked.folder / LOG),
        }
    return None


def _train(asked: Run, recorder: Recorder) -> None:
    from virtualcell.data.preprocess import preprocess
    from virtualcell.data.read import SOURCE_KEY, read
    from virtualcell.demo import REPORT, read_landscape, write_views
    from virtualcell.explore.spaces import write_spaces
    from virtualcell.generative.watermark import refuse_synthetic
    from virtualcell.jobs.hidden_time import hidden_time
    from virtualcell.jobs.results import held_out_figures
    from virtualcell.training.given import kinds_of

    cells = read(asked.folder / CELLS)
    cells.uns[SOURCE_KEY]["file"] = asked.file or CELLS
    refuse_synthetic(cells)  # at once, not after the minutes that the model takes
    recorder.follow(_plan(asked, cells))
    model = _model(asked, cells, recorder)
    seconds = recorder.seconds
    if not model.generators:
        # A model that draws nothing is whole for all other pages: what went wrong here is told, and stops nothing.
        recorder.note = _fault_of(
            asked, lambda: model.fit_generators(cells, progress=recorder).save_generators(asked.model_folder)
        )
    write_views(model, asked.model_folder, recorder)
    kinds = kinds_of(cells, asked.settings.kinds)
    write_spaces(
        preprocess(cells, model.settings.preprocess, kinds=kinds),
        asked.model_folder,
        seed=model.settings.seed,
        progress=lambda done, of: recorder("spaces", done, of, {}),
    )
    recorder.begin("figures")
    landscape = read_landscape(asked.model_folder)
    valleys = {"attractors": None if landscape is None else len(landscape.attractors)}
    found = held_out_figures(model, cells, seconds) | valleys
    write_json(asked.folder / FIGURES, found)
    if asked.measure:
        write_json(asked.model_folder / REPORT, hidden_time(asked, cells, asked.folder / HIDDEN_CHECKPOINT, recorder))
    for name in (CHECKPOINT, HIDDEN_CHECKPOINT):
        shutil.rmtree(asked.folder / name, ignore_errors=True)


def _model(asked: Run, cells: MuData, recorder: Recorder) -> VirtualCell:
    from virtualcell.model import VirtualCell

    if asked.model_folder.is_dir():
        return VirtualCell.load(asked.model_folder, device=asked.device)
    model = VirtualCell(asked.settings)
    arguments = dataclasses.asdict(asked.columns)
    model.fit(cells, **arguments, device=asked.device, progress=recorder, checkpoint=asked.folder / CHECKPOINT)
    # Put in place in one step: a model folder that is there is whole.
    beside = asked.folder / f".{MODEL}"
    shutil.rmtree(beside, ignore_errors=True)
    model.save(beside)
    beside.replace(asked.model_folder)
    return model


def _plan(asked: Run, cells: MuData) -> Plan:
    columns = asked.columns
    return Plan.of(
        asked.settings,
        cells.n_obs,
        sum(adata.n_vars for adata in cells.mod.values()),
        len(cells.mod),
        cells.obs[columns.time].nunique() if columns.time is not None else 0,
        columns.perturbation is not None,
        asked.measure,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """FOLDER, and the number of the descriptor that holds the run's lock where the runner hands it over."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder, *handed = sys.argv[1:] if arguments is None else arguments
    home = Path(folder).absolute()
    os.environ["VIRTUALCELL_RUNS"] = str(home.parent)
    lock = Lock(int(handed[0])) if handed else hold(home / LOCK)
    if lock is None:
        raise SystemExit(f"{home.name} is being trained by another process.")
    with lock:
        os.set_inheritable(lock.descriptor, False)  # what this process starts must not keep the run alive
        lock.keep(str(os.getpid()))
        os.nice(NICE)
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        work(run(home.name))


if __name__ == "__main__":
    main()
