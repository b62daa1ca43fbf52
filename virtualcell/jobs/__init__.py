"""Training as a job: a process of its own that outlives the browser and the server, with all of its state in files.

A run is a folder of ``runs_folder()``. One runner process takes the queued runs in order, each in a worker process of its own.
Needs Linux or macOS: who is alive is told by locks of the system.
"""

from __future__ import annotations

from virtualcell.jobs.folder import data_root, runs_folder
from virtualcell.jobs.history import history
from virtualcell.jobs.queue import cancel, delete, ensure_runner, resume, submit
from virtualcell.jobs.results import figures
from virtualcell.jobs.run import Run, Status, run, runs

__all__ = [
    "Run",
    "Status",
    "cancel",
    "data_root",
    "delete",
    "ensure_runner",
    "figures",
    "history",
    "resume",
    "run",
    "runs",
    "runs_folder",
    "submit",
]
