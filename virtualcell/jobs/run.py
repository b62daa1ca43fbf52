"""A run and how far it is, read from its folder each time it is asked."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from virtualcell.jobs.files import read_json
from virtualcell.jobs.folder import CANCEL, LOCK, MODEL, REQUEST, STATUS, folder_of, is_id, runs_folder
from virtualcell.jobs.locks import is_held
from virtualcell.schema import Columns, DataError, Settings

logger = logging.getLogger("virtualcell")

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
WAITING: tuple[State, ...] = ("queued", "interrupted")
"""States that a runner takes up."""


@dataclass(frozen=True)
class Status:
    """How far a run is. Times are seconds since 1970; error: {"problem", "next_step"} and, where one was kept, "log" (path)."""

    state: State
    stage: str = ""
    """What is done now, in the words of ``virtualcell.jobs.stages``."""
    done: int = 0
    total: int = 0
    """Steps of the stage; 0 where it counts none."""
    started: float | None = None
    """First taken up."""
    updated: float | None = None
    seconds: float = 0.0
    """Worked so far, all attempts together."""
    seconds_left: float | None = None
    """None until known."""
    place_in_queue: int | None = None
    """1 is next; None where it does not wait."""
    attempts: int = 0
    error: dict[str, str] | None = None
    note: dict[str, str] | None = None
    """Why its generators could not be trained, in the form of ``error``; the run went on without them."""

    @property
    def over(self) -> bool:
        """Whether nothing more happens unless someone asks for it."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Run:
    """One training: what was asked and where it lies. created: seconds since 1970; measure: whether a hidden time is predicted
    too; modalities: features of each kind of measurement; file: name of the file that the cells came from."""

    id: str
    name: str
    folder: Path
    columns: Columns
    settings: Settings
    created: float
    measure: bool = False
    device: str = "cpu"
    n_cells: int = 0
    modalities: dict[str, int] = field(default_factory=dict)
    file: str = ""

    @property
    def model_folder(self) -> Path:
        """The trained model with its views, as ``VirtualCell.load`` takes it; complete where the run is done."""
        return self.folder / MODEL

    def status(self) -> Status:
        """Raises DataError where the run's files are gone or damaged."""
        found = read_json(self.folder / STATUS)
        state = _state(self.folder, found)
        left = found.get("seconds_left")
        if left is not None and state == "running":
            since = max(0.0, time.time() - found["updated"])
            # What takes longer than was thought is not about to end: it is given a tenth more than it has taken.
            left = max(left - since, 0.1 * since)
        return Status(
            state=state,
            stage="stopping" if state == "running" and (self.folder / CANCEL).exists() else found.get("stage", ""),
            done=found.get("done", 0),
            total=found.get("total", 0),
            started=found.get("started"),
            updated=found.get("updated"),
            seconds=found.get("seconds", 0.0),
            seconds_left=left if state == "running" else None,
            place_in_queue=_place(self.id) if state in WAITING else None,
            attempts=found.get("attempts", 0),
            error=found.get("error"),
            note=found.get("note"),
        )


def run(run_id: str) -> Run:
    """Raises DataError where there is no such run or its request cannot be read."""
    folder = folder_of(run_id)
    asked = read_json(folder / REQUEST)
    try:
        settings = Settings.from_dict(asked["settings"])
        return Run(
            id=run_id,
            name=str(asked["name"]),
            folder=folder,
            columns=settings.columns,
            settings=settings,
            created=float(asked["created"]),
            measure=bool(asked["measure"]),
            device=str(asked["device"]),
            n_cells=int(asked["n_cells"]),
            modalities=dict(asked["modalities"]),
            file=str(asked["file"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The run comes from another version ({type(error).__name__}: {error}).",
            next_step="delete it and train again.",
            file=str(folder / REQUEST),
        ) from error


def runs() -> list[Run]:
    """Every run of the folder, newest first; what cannot be read is named in the log and left out."""
    found = []
    for folder in _folders():
        try:
            one = run(folder.name)
            _state(folder, read_json(folder / STATUS))  # a damaged one is not to take the list of all others with it
            found.append(one)
        except DataError as error:
            logger.warning("%s", error)
    return sorted(found, key=lambda one: (one.created, one.id), reverse=True)


def waiting() -> list[str]:
    """Ids of the runs that a runner has to take up, in order: those whose worker died first, then in the order of asking."""
    found = []
    for folder in _folders():
        try:
            status = read_json(folder / STATUS)
            state = _state(folder, status)
        except DataError:
            continue  # being deleted, or damaged: run() says so; the others are taken up all the same
        if state in WAITING:
            found.append((state != "interrupted", status.get("queued", 0.0), folder.name))
    return [name for *_, name in sorted(found)]


def active() -> list[str]:
    """Ids of the runs that a worker holds."""
    return [folder.name for folder in _folders() if is_held(folder / LOCK)]


def _folders() -> list[Path]:
    home = runs_folder()
    if not home.is_dir():
        return []
    return [folder for folder in home.iterdir() if is_id(folder.name) and folder.is_dir() and not folder.is_symlink()]


def _state(folder: Path, found: dict[str, Any]) -> State:
    """What is so, which is not always what was written last: a process that dies writes nothing."""
    written = found.get("state")
    if written not in get_args(State):
        raise DataError("The state of the run is damaged.", next_step="delete the run.", file=str(folder / STATUS))
    if written in ("done", "failed", "cancelled") or is_held(folder / LOCK):
        return cast("State", written)
    # A worker writes how it ended before it lets go: what was written since then is the end.
    written = read_json(folder / STATUS).get("state", written)
    if written in ("queued", "running") and (folder / CANCEL).exists():
        return "cancelled"
    return "interrupted" if written == "running" else cast("State", written)


def _place(run_id: str) -> int | None:
    order = waiting()
    return order.index(run_id) + 1 if run_id in order else None
