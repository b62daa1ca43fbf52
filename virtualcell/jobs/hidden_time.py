"""How near a run's method comes to a time that it has not seen, beside simple rules; trains once more, without that time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtualcell.evaluation.heldout_time import hold_out, middle_time, rows_of, take, untreated
from virtualcell.evaluation.report import payload
from virtualcell.jobs.run import Run
from virtualcell.jobs.stages import HIDDEN
from virtualcell.schema import Settings

if TYPE_CHECKING:
    from mudata import MuData

    from virtualcell.jobs.progress import Recorder
    from virtualcell.model import VirtualCell


def hidden_time(asked: Run, cells: MuData, checkpoint: Path, recorder: Recorder) -> dict[str, Any]:
    """A report as the demos have one (``virtualcell.evaluation.report``): rows, curves, held, choice; no claims, as one seed has
    no interval."""
    from virtualcell.model import VirtualCell

    kept = untreated(cells, asked.columns)
    held = middle_time(kept, asked.columns)
    settings = settings_of_test(asked.settings, kept, held)

    def fit(training: MuData, chosen: Settings) -> VirtualCell:
        arguments = dataclasses.asdict(chosen.columns)
        return VirtualCell(chosen).fit(training, **arguments, device=asked.device, progress=recorder, checkpoint=checkpoint)

    recorder.prefix = HIDDEN
    try:
        found = hold_out(kept, settings, held, fit, ablate=False)
    finally:
        recorder.prefix = ""
    where = f"{asked.id}, {held:g} {asked.columns.time_unit} held out"
    rows = rows_of([found], [settings.seed], where)
    # Through JSON, so that what is written is what was computed and nothing else.
    said = json.loads(json.dumps(payload(rows, []), allow_nan=False))
    return said | {"curves": found.curves, "held": found.held, "choice": found.choice}


def settings_of_test(settings: Settings, cells: MuData, held: float) -> Settings:
    """The run's settings for cells without treatments and without the hidden time: no refits, which only tell how sure the
    landscape is, and no batch that the hidden cells alone have, of which nothing could be learned."""
    columns = dataclasses.replace(settings.columns, perturbation=None, state=None)
    hidden = (cells.obs[str(columns.time)].to_numpy(dtype=float)) == held
    there, seen = take(cells, hidden).obs, take(cells, ~hidden).obs
    unknown: dict[str, Any] = {
        name: None
        for name in ("batch", "donor")
        if (column := getattr(columns, name)) is not None and not set(there[column].astype(str)) <= set(seen[column].astype(str))
    }
    return dataclasses.replace(settings.plain(), columns=dataclasses.replace(columns, **unknown))
