"""Who is alive: locks that the system takes from a process when it ends, however it ends.

A process id tells nothing of this kind: after a crash or a restart the same number belongs to another process.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from virtualcell.schema import DataError

if sys.platform != "win32":
    import fcntl

PATIENCE_S = 2.0
"""Asking whether a lock is held touches it for an instant: whoever wants it tries again for so long."""


class Lock:
    """A lock on a file, held until ``release`` or the end of the process."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def release(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None) -> None:
        self.release()

    def keep(self, text: str) -> None:
        """Writes a few words into the locked file, such as the holder's process id."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)


def hold(path: Path, patience_s: float = PATIENCE_S) -> Lock | None:
    """Takes the lock; None where another process holds it for longer than ``patience_s``."""
    require_locks()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    until = time.monotonic() + patience_s
    while not _take(descriptor, shared=False):
        if time.monotonic() > until:
            os.close(descriptor)
            return None
        time.sleep(0.02)
    return Lock(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock now."""
    require_locks()
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two that ask at once do not take each other for a holder.
        return not _take(descriptor, shared=True)
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """Process id that the holder of a lock wrote into it; None where nobody holds it."""
    if not is_held(path):
        return None
    text = path.read_text()
    return int(text) if text.isdecimal() else None


def require_locks() -> None:
    """Raises DataError on a system without these locks."""
    if sys.platform == "win32":
        raise DataError(
            "Training as a job needs Linux or macOS.", next_step="train with `virtualcell train`, or start the app under WSL."
        )


def _take(descriptor: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
