"""What a run has reached step by step, as its worker wrote it down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtualcell.jobs.folder import PROGRESS
from virtualcell.schema import DataError

if TYPE_CHECKING:
    import pandas as pd

    from virtualcell.jobs.run import Run


def history(run: Run) -> pd.DataFrame:
    """One row a step that was written down, in order: stage, step, total, seconds (worked so far), then a column for each figure
    (loss, validation_nats, effective_rank, ...; NaN where a stage has no such figure).

    Steps that were done twice, as the run was taken up from a checkpoint before them, stand there once.
    """
    import pandas as pd

    written = lines(run.folder)
    rows = [
        {"stage": line["stage"], "step": line["step"], "total": line["total"], "seconds": line["seconds"], **line["figures"]}
        for line in written
    ]
    table = pd.DataFrame(rows, columns=None if rows else ["stage", "step", "total", "seconds"])
    if not rows:
        return table
    table = table.drop_duplicates(["stage", "step"], keep="last").reset_index(drop=True)
    figures = table.columns.difference(["stage", "step", "total", "seconds"], sort=False)
    table[figures] = table[figures].astype(float)
    # A stage that was taken up again stands where it was first begun.
    first = {stage: place for place, stage in enumerate(dict.fromkeys(line["stage"] for line in written))}
    return table.sort_values(["stage", "step"], key=lambda c: c.map(first) if c.name == "stage" else c, ignore_index=True)


def lines(folder: Path) -> list[dict[str, Any]]:
    """Every whole line of the progress; the last one may be cut short by the death of its writer, or be being written."""
    path = folder / PROGRESS
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The progress of the run cannot be read ({type(error).__name__}).", next_step="delete the run.", file=str(path)
        ) from error
    found = []
    for line in text.splitlines():
        try:
            read = json.loads(line)
        except ValueError:
            continue
        if isinstance(read, dict) and {"stage", "step", "total", "seconds", "figures"} <= read.keys():
            found.append(read)
    return found
