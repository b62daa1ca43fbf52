"""What a reader may ask of runs: start one, stop it, take it up again, throw it away; and who does the work."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import virtualcell
from virtualcell.jobs.files import cannot_write, read_json, write_json
from virtualcell.jobs.folder import (
    AT_ONCE,
    CANCEL,
    CELLS,
    DOOMED,
    LOCK,
    REQUEST,
    RUNNER_LOCK,
    RUNNER_LOG,
    STATUS,
    THREADS,
    UNFINISHED,
    folder_of,
    new_id,
    runs_folder,
    whole_number,
)
from virtualcell.jobs.locks import Lock, hold, is_held, require_locks
from virtualcell.jobs.run import Run, run, waiting
from virtualcell.schema import Columns, DataError, Settings

if TYPE_CHECKING:
    from mudata import MuData

logger = logging.getLogger("virtualcell")

MOST_OF_A_NAME = 80
LOOK_AGAIN_S = 2.0
"""Pages ask for a runner each time they are drawn; folders are looked through no more often than this."""

_runners: list[subprocess.Popen[bytes]] = []
_looked = 0.0
_looking = threading.Lock()


def submit(
    cells: Path | MuData,
    columns: Columns,
    settings: Settings,
    *,
    name: str,
    kinds: dict[str, str] | None = None,
    measure: bool = False,
    device: str = "cpu",
    start: bool = True,
) -> Run:
    """Puts a training at the end of the queue and sees that someone works on it.

    The cells are written into the run's folder, so that nothing that happens to the file later touches the run. columns and kinds
    take the place of those of ``settings``. measure: also train without a middle time and predict it, which takes about as long
    again. device: cpu (the same cells give the same model), auto, cuda or mps. start: whether a runner is started. Raises
    DataError where the cells cannot be used, or the folder not be written.
    """
    from dataclasses import replace

    from virtualcell.data.check import check, require
    from virtualcell.data.read import SOURCE_KEY, read
    from virtualcell.evaluation.heldout_time import middle_time, untreated
    from virtualcell.training.given import kinds_of

    require_locks()
    # Now, not in the runner, whose words nobody reads: the run would wait for ever.
    for variable in (AT_ONCE, THREADS):
        whole_number(variable)
    given = read(cells) if isinstance(cells, Path) else cells
    settings = replace(settings, columns=columns, kinds=settings.kinds | (kinds or {}))
    file = str(given.uns.get(SOURCE_KEY, {}).get("file", ""))
    require(check(given, columns, kinds_of(given, settings.kinds)), file=file or None)
    if measure:
        middle_time(untreated(given, columns), columns)
    made = new_id()
    home = runs_folder()
    begun = home / f"{UNFINISHED}{made}"
    now = time.time()
    request = {
        "id": made,
        "name": " ".join(name.split())[:MOST_OF_A_NAME] or made,
        "created": now,
        "settings": settings.to_dict(),
        "measure": measure,
        "device": device,
        "n_cells": int(given.n_obs),
        "modalities": {key: int(adata.n_vars) for key, adata in given.mod.items()},
        "file": file,
        "version": virtualcell.__version__,
    }
    try:
        begun.mkdir(parents=True)
        _write_cells(given, begun / CELLS)
        write_json(begun / REQUEST, request)
        write_json(begun / STATUS, {"state": "queued", "queued": now, "attempts": 0})
        begun.replace(home / made)
    except OSError as error:
        shutil.rmtree(begun, ignore_errors=True)
        raise cannot_write(begun, error) from error
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise
    if start:
        ensure_runner(now=True)
    return run(made)


def cancel(run_id: str) -> None:
    """Stops a run, queued or running; what it has learned so far is kept for ``resume``. Nothing happens to one that is over."""
    folder = folder_of(run_id)
    if run(run_id).status().over:
        return
    try:
        (folder / CANCEL).touch()
    except OSError as error:
        raise cannot_write(folder / CANCEL, error) from error
    held = hold(folder / LOCK, patience_s=0.2)
    if held is None:
        ensure_runner(now=True)  # who stops a worker that does not listen, should the one before be gone
        return
    with held:
        _end_as_cancelled(folder)


def resume(run_id: str) -> None:
    """Puts a cancelled, failed or interrupted run at the end of the queue; it goes on from its last checkpoint.

    Nothing happens to one that waits or works. Raises DataError for one that is done.
    """
    folder = folder_of(run_id)
    state = run(run_id).status().state
    if state == "done":
        raise DataError("This run is finished.", next_step="start a new one with other settings.", field="run")
    with _own(folder) as _:
        found = read_json(folder / STATUS)
        if found["state"] == "queued" and not (folder / CANCEL).exists():
            return
        (folder / CANCEL).unlink(missing_ok=True)
        kept = {key: found[key] for key in ("started", "seconds") if key in found}
        write_json(folder / STATUS, {"state": "queued", "queued": time.time(), "attempts": 0, **kept})
    ensure_runner(now=True)


def delete(run_id: str) -> None:
    """Removes a run with its cells and its model for good. Raises DataError while it is being trained."""
    folder = folder_of(run_id)
    with _own(folder) as _:
        doomed = folder.with_name(f"{DOOMED}{run_id}")
        try:
            folder.replace(doomed)  # in one step: nobody sees half a run
            shutil.rmtree(doomed)
        except OSError as error:
            raise cannot_write(folder, error) from error


def ensure_runner(*, now: bool = False) -> bool:
    """Sees that someone works on what waits: after a crash or a restart of the server this takes all up again.

    Cheap enough to be called each time a page is drawn (looks every two seconds at most, unless ``now``). Returns whether a
    runner was started.
    """
    global _looked
    if sys.platform == "win32":
        return False
    with _looking:
        if not now and time.monotonic() - _looked < LOOK_AGAIN_S:
            return False
        _looked = time.monotonic()
        _runners[:] = [runner for runner in _runners if runner.poll() is None]  # else those that ended stay as zombies
        if not waiting() or is_held(runs_folder() / RUNNER_LOCK):
            return False
        whole_number(AT_ONCE)
        _runners.append(_start_runner())
        return True


def child_environment() -> dict[str, str]:
    """For our processes: they find this package and this folder wherever they start, and leave the other cores to the app."""
    threads = str(whole_number(THREADS))
    source = str(Path(virtualcell.__file__).resolve().parents[1])
    search = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH", "")) if part)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), threads)
    return os.environ | limits | {"PYTHONPATH": search, "VIRTUALCELL_RUNS": str(runs_folder())}


def _start_runner() -> subprocess.Popen[bytes]:
    log = runs_folder() / RUNNER_LOG
    try:
        with log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "virtualcell.jobs.runner"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=child_environment(),
                cwd=runs_folder(),
                start_new_session=True,  # what stops the server does not stop it
            )
    except OSError as error:
        raise cannot_write(log, error) from error


def _own(folder: Path) -> Lock:
    try:
        held = hold(folder / LOCK)
    except FileNotFoundError:  # between a look at the folder and this one
        raise DataError("This run was just deleted.", next_step="choose another one from the list.", field="run") from None
    if held is None:
        raise DataError("This run is being trained.", next_step="cancel it first, and wait until it has stopped.", field="run")
    return held


def _end_as_cancelled(folder: Path) -> None:
    """Called with the run's lock held."""
    found = read_json(folder / STATUS)
    if found["state"] in ("queued", "running"):
        write_json(folder / STATUS, found | {"state": "cancelled", "updated": time.time(), "seconds_left": None})


def _write_cells(cells: MuData, path: Path) -> None:
    try:
        cells.write_h5mu(path)
    except OSError:
        raise
    except Exception as error:  # anndata raises what h5py raises, with a note of the column that it could not write
        raise DataError(
            f"The cells could not be copied for training: {error}",
            next_step="leave out the column or slot that is named there; it is of a kind that .h5mu files do not hold.",
        ) from error
