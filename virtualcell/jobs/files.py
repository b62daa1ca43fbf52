"""Small files that are read while they are written: a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from virtualcell.schema import DataError


def write_json(path: Path, value: Any) -> None:
    """Writes the whole file under another name and puts it in place in one step. Raises DataError where it cannot be written."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())  # else a power cut may leave an empty file under the right name
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """Raises DataError that names the file where it is missing or no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("A file of the run is missing.", next_step="delete the run and train again.", file=str(path)) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"A file of the run cannot be read ({type(error).__name__}).",
            next_step="see that the folder may be read; where the file is damaged, delete the run and train again.",
            file=str(path),
        ) from error
    if not isinstance(found, dict):
        raise DataError("A file of the run is damaged.", next_step="delete the run and train again.", file=str(path))
    return found


def cannot_write(path: Path, error: OSError) -> DataError:
    """What the system said, with the next step, as an error to raise."""
    return DataError(
        f"The run could not be written to disk: {error.strerror or error}.",
        next_step=f"see that {path.parent} may be written to and has room left, or name another folder in VIRTUALCELL_RUNS.",
        file=str(path),
    )
