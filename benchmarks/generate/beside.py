"""Writes figures beside the model that they are of, where the page reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from virtualcell.data.catalogue import DEMOS
from virtualcell.evaluation.report import Claim, Row, payload

FILE, IMAGES = "generate.json", "blood-cell images"
PLACES = {**{key: f"{key}, " for key in DEMOS}, "blood_cells": IMAGES}
"""Folder of a model -> how the place of its rows begins."""


def write_beside(rows: Sequence[Row], claims: Sequence[Claim], folder: Path) -> list[Path]:
    """``generate.json`` in the folder of each model that rows are of; what other runs wrote there of other places stays.

    A place is replaced as a whole, its claims with its rows, whatever they were called. Returns the files that were written.
    """
    told = payload(rows, claims)
    written = []
    for key, begin in PLACES.items():
        mine = [row for row in told["rows"] if row["where"].startswith(begin)]
        if not mine:
            continue
        said = [claim for claim in told["claims"] if claim["name"].startswith(begin)]
        path = folder / key / FILE
        before = json.loads(path.read_text()) if path.is_file() else {"rows": [], "claims": []}
        places = {row["where"] for row in mine}
        others = [row for row in before["rows"] if row["where"] not in places]
        other_claims = [c for c in before["claims"] if not any(place.startswith(_place(c["name"])) for place in places)]
        path.write_text(json.dumps({"rows": others + mine, "claims": other_claims + said}, indent=1) + "\n")
        written.append(path)
    return written


def _place(claim: str) -> str:
    """What a claim is of, which is its name up to the colon: a place, or how one begins."""
    return claim.split(":")[0]
