"""Where runs lie, what they are called, and the names of their files."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from virtualcell.schema import DataError

REQUEST, STATUS, PROGRESS, FIGURES = "request.json", "status.json", "progress.jsonl", "figures.json"
CELLS, MODEL, CHECKPOINT, HIDDEN_CHECKPOINT = "cells.h5mu", "model", "checkpoint", "checkpoint-hidden-time"
LOCK, CANCEL, LOG = "lock", "cancel", "log.txt"
RUNNER_LOCK, RUNNER_LOG = "runner.lock", "runner.log"

UNFINISHED, DOOMED = ".new-", ".deleted-"
"""What a folder's name starts with while a run is put together, and while it is taken apart."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read for another
_ID = re.compile(rf"run-[{_LETTERS}]{{6}}")


def runs_folder() -> Path:
    """The folder that holds every run: the environment's VIRTUALCELL_RUNS, else ``runs`` where the app was started."""
    return Path(os.environ.get("VIRTUALCELL_RUNS") or "runs").absolute()


def data_root() -> Path | None:
    """The folder whose files readers may open by their path: the environment's VIRTUALCELL_DATA, else None."""
    named = os.environ.get("VIRTUALCELL_DATA")
    return Path(named).resolve() if named else None


AT_ONCE, THREADS = "VIRTUALCELL_JOBS", "VIRTUALCELL_JOB_THREADS"
"""Environment variables: runs that are trained at a time, and cores of each."""


def whole_number(variable: str) -> int:
    """AT_ONCE or THREADS, 1 where it is not set. Raises DataError where it is no whole number from 1 on."""
    text = os.environ.get(variable) or "1"
    if not text.isdecimal() or int(text) < 1:
        raise DataError(
            f"{variable} is {text!r}, which is no whole number from 1 on, so no training can start.",
            next_step="ask whoever runs this app to set it to a number, or not at all, and to start the app again.",
            field=variable,
        )
    return int(text)


def new_id() -> str:
    """A short name that is no other run's, for a link: "run-7f3k2c"."""
    while True:
        made = "run-" + "".join(secrets.choice(_LETTERS) for _ in range(6))
        if not (runs_folder() / made).exists():
            return made


def is_id(text: object) -> bool:
    """Whether it is written like a run's id: then it names a folder of its own and no way to another one."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def folder_of(run_id: str) -> Path:
    """The folder of a run. Raises DataError where there is none; an id comes from a link, so it is checked letter by letter."""
    folder = runs_folder() / run_id if is_id(run_id) else None
    if folder is None or not folder.is_dir() or folder.is_symlink():
        raise DataError("There is no such run on this server.", next_step="choose one from the list of runs.", field="run")
    return folder
