"""The command line that all benchmarks share: what they print, and what they write."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from virtualcell.evaluation.report import Claim, Row, emit, payload


def parser(name: str, said: str | None) -> argparse.ArgumentParser:
    """Of ``python -m benchmarks.<name>`` with its module's docstring; knows --json and --out."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=said, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    made.add_argument("--out", type=Path, help="also write the JSON object to this file")
    return made


def write(out: Path | None, rows: Sequence[Row], claims: Sequence[Claim], extra: Mapping[str, Any] | None = None) -> None:
    """To the file that --out names, if it names one."""
    if out is not None:
        out.write_text(json.dumps(payload(rows, claims) | dict(extra or {}), indent=1) + "\n")


def report(
    chosen: argparse.Namespace, rows: Sequence[Row], claims: Sequence[Claim], extra: Mapping[str, Any] | None = None
) -> None:
    """What --json and --out ask for; the table is printed in any case."""
    write(chosen.out, rows, claims, extra)
    emit(rows, claims, chosen.json)
