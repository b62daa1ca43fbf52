"""Takes queued runs in order, each in a process of its own: ``python -m virtualcell.jobs.runner``.

One runner for a folder of runs: the others see its lock and end. It holds no state: one that is killed is followed by another
that finds all in the files. It ends where nothing is left to do.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from virtualcell.jobs.files import read_json, write_json
from virtualcell.jobs.folder import (
    AT_ONCE,
    CANCEL,
    DOOMED,
    LOCK,
    LOG,
    RUNNER_LOCK,
    STATUS,
    UNFINISHED,
    runs_folder,
    whole_number,
)
from virtualcell.jobs.locks import Lock, hold, holder
from virtualcell.jobs.queue import child_environment
from virtualcell.jobs.run import active, waiting
from virtualcell.schema import DataError

logger = logging.getLogger("virtualcell")

MOST_ATTEMPTS = 4
"""A run whose process died is taken up again three times."""
LISTEN_S = 5.0
"""A worker that is told to stop has so long to do it by itself."""
POLL_S = 0.3
STALE_S = 24 * 3600.0


class Runner:
    """The workers of one folder of runs."""

    def __init__(self, home: Path, slots: int):
        self.home, self.slots = home, slots
        self.workers: list[subprocess.Popen[bytes]] = []
        self.asked: dict[str, float] = {}
        """When a run was first seen to be cancelled while it worked."""
        self.left_alone: set[str] = set()
        """Runs whose folder cannot be written: trying again at once would change nothing."""

    def work(self) -> None:
        """Until nothing waits and nothing works."""
        while True:
            self.workers = [worker for worker in self.workers if worker.poll() is None]
            working = active()
            self._stop_cancelled(working)
            ready = [name for name in waiting() if name not in self.left_alone and name not in working]
            for name in ready[: max(0, self.slots - len(working))]:
                self._start(name)
            if not ready and not working:
                return
            time.sleep(POLL_S)

    def _start(self, name: str) -> None:
        folder = self.home / name
        try:
            held = hold(folder / LOCK, patience_s=0.5)
            if held is None:
                return
            with held:
                if self._may_start(folder):
                    self._spawn(folder, held)
        except (OSError, DataError) as error:
            self.left_alone.add(name)
            logger.error("%s cannot be started: %s", name, error)

    def _may_start(self, folder: Path) -> bool:
        """With the run's lock held: counts the attempt, or ends the run."""
        found = read_json(folder / STATUS)
        if found["state"] not in ("queued", "running"):
            return False
        now = time.time()
        if (folder / CANCEL).exists():
            write_json(folder / STATUS, found | {"state": "cancelled", "updated": now, "seconds_left": None})
            return False
        if found.get("attempts", 0) >= MOST_ATTEMPTS:
            error = {
                "problem": f"The training stopped {MOST_ATTEMPTS} times without a word, which happens where memory runs out or "
                "the computer is switched off.",
                "next_step": "free memory or take fewer cells, then resume the run: it goes on from where it was.",
                "log": str(folder / LOG),
            }
            write_json(folder / STATUS, found | {"state": "failed", "updated": now, "seconds_left": None, "error": error})
            return False
        begun = {"state": "running", "stage": "starting", "done": 0, "total": 0, "seconds_left": None, "error": None}
        counted = {"attempts": found.get("attempts", 0) + 1, "started": found.get("started") or now, "updated": now}
        write_json(folder / STATUS, found | begun | counted)
        return True

    def _spawn(self, folder: Path, held: Lock) -> None:
        # The worker is born with the lock: there is no instant in which the run seems to be nobody's.
        with (folder / LOG).open("ab") as out:
            worker = subprocess.Popen(
                [sys.executable, "-m", "virtualcell.jobs.worker", str(folder), str(held.descriptor)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=child_environment(),
                cwd=folder,
                start_new_session=True,
                pass_fds=(held.descriptor,),
            )
        held.keep(str(worker.pid))
        self.workers.append(worker)
        logger.info("%s is worked on by process %d.", folder.name, worker.pid)

    def _stop_cancelled(self, working: list[str]) -> None:
        now = time.monotonic()
        self.asked = {name: since for name, since in self.asked.items() if name in working}
        for name in working:
            if not (self.home / name / CANCEL).exists():
                continue
            waited = now - self.asked.setdefault(name, now)
            if waited < LISTEN_S:
                continue
            pid = holder(self.home / name / LOCK)
            if pid is not None:
                # Nothing is lost: checkpoints are whole files. Its lock is held, so the number is still this worker's.
                _kill(pid, signal.SIGTERM if waited < 2 * LISTEN_S else signal.SIGKILL)


def tidy(home: Path) -> None:
    """Removes what a crash left of runs that were being written or deleted."""
    for folder in home.iterdir():
        left = folder.name.startswith(DOOMED) or (
            folder.name.startswith(UNFINISHED) and time.time() - folder.stat().st_mtime > STALE_S
        )
        if left and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _kill(pid: int, what: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    home = runs_folder()
    runner = Runner(home, whole_number(AT_ONCE))
    while True:
        lock = hold(home / RUNNER_LOCK)
        if lock is None:
            return
        with lock:
            tidy(home)
            runner.work()
        # Who asked for a runner just before the lock was let go saw one at work: look once more.
        if not set(waiting()) - runner.left_alone:
            return


if __name__ == "__main__":
    main()
