"""What a worker writes down while it works: a line for what was reached, and where it stands now."""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

from virtualcell.jobs.files import cannot_write, read_json, write_json
from virtualcell.jobs.folder import CANCEL, PROGRESS, STATUS
from virtualcell.jobs.history import lines
from virtualcell.jobs.stages import Clock, Plan

EVERY_S = 0.5
"""Steps are written down no more often; the last step of a stage always is."""


class CancelledError(Exception):
    """A reader asked for the run to stop."""


class Recorder:
    """The progress callback of a fit (``virtualcell.training.epochs.Progress``) that keeps what it is told in files."""

    def __init__(self, folder: Path):
        self.folder, self.prefix = folder, ""
        self.note: dict[str, str] | None = None
        earlier = lines(folder)
        self._before = max((line["seconds"] for line in earlier), default=0.0)
        self._began = time.monotonic()
        self._clock: Clock | None = None
        self._spent = _spent(earlier)
        self._pending: dict[str, Any] | None = None
        self._written = -math.inf
        self._stage = ""
        if (folder / PROGRESS).exists() and not (folder / PROGRESS).read_bytes().endswith(b"\n"):
            self._append("\n")  # the process before died in the middle of a line

    @property
    def seconds(self) -> float:
        """Worked so far, in s, all attempts together."""
        return self._before + time.monotonic() - self._began

    def follow(self, plan: Plan) -> None:
        """From here on it is known what is still to come."""
        self._clock = Clock(plan, self._spent)

    def begin(self, stage: str) -> None:
        """A part of the work that counts no steps starts."""
        self(stage, 0, 0, {})

    def __call__(self, stage: str, done: int, total: int, figures: dict[str, float]) -> None:
        """Raises CancelledError where a reader asked to stop, DataError where the disk is full."""
        if (self.folder / CANCEL).exists():
            self.flush()
            raise CancelledError
        stage = self.prefix + stage
        line = {"stage": stage, "step": done, "total": total, "seconds": round(self.seconds, 3), "time": round(time.time(), 3)}
        line["figures"] = {key: float(value) if math.isfinite(value) else None for key, value in figures.items()}
        if stage != self._stage:
            self.flush()
        elif done < total and time.monotonic() - self._written < EVERY_S:
            self._pending = line
            return
        self._stage = stage
        self._keep(line)

    def flush(self) -> None:
        """Writes down what was held back."""
        if self._pending is not None:
            self._keep(self._pending)

    def end(self, state: str, error: dict[str, str] | None = None) -> None:
        """The last word of this process on the run."""
        self.flush()
        found = read_json(self.folder / STATUS)
        last = {"state": state, "updated": time.time(), "seconds": self.seconds, "seconds_left": None}
        write_json(self.folder / STATUS, found | last | {"error": error, "note": self.note})

    def _keep(self, line: dict[str, Any]) -> None:
        self._pending, self._written = None, time.monotonic()
        self._append(json.dumps(line) + "\n")
        left = None
        if self._clock is not None:
            left = self._clock.at(time.monotonic(), line["stage"], line["step"], line["total"])
        found = read_json(self.folder / STATUS)
        now = {"state": "running", "stage": line["stage"], "done": line["step"], "total": line["total"]}
        write_json(self.folder / STATUS, found | now | {"updated": time.time(), "seconds": line["seconds"], "seconds_left": left})

    def _append(self, text: str) -> None:
        try:
            with (self.folder / PROGRESS).open("a", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise cannot_write(self.folder / PROGRESS, error) from error


def _spent(earlier: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds that each stage has taken in the attempts before."""
    found: dict[str, float] = {}
    for line, following in itertools.pairwise(earlier):
        found[line["stage"]] = found.get(line["stage"], 0.0) + max(0.0, following["seconds"] - line["seconds"])
    return found
