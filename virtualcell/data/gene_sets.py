"""Named sets of genes: those that come with VirtualCell, and a reader's own as GMT text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from virtualcell.schema import DataError

SHIPPED = "literature.gmt"

MOST = 20_000
"""Sets of one file: MSigDB as a whole has more, and no one reads so many rows."""

_ENSEMBL = re.compile(r"_ENS[A-Z]*G\d+$")


@dataclass(frozen=True)
class GeneSet:
    """name, where it is from, and its genes as written there."""

    name: str
    source: str
    genes: tuple[str, ...]


def parse_gmt(text: str, file: str | None = None) -> list[GeneSet]:
    """Sets of GMT text: one a line, name, source and genes with tabs between. Empty lines are skipped, a gene named twice
    counts once.

    Raises DataError that names line and field.
    """
    found: list[GeneSet] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("\t")]
        at = f"line {number}"
        if len(parts) < 3:
            raise DataError(
                f"It has {len(parts)} of at least 3 parts between tabs.",
                next_step="write name, source and genes with a tab between each (not spaces or commas).",
                file=file,
                field=at,
            )
        name, source, *genes = parts
        if not name:
            raise DataError("The set has no name.", next_step="begin the line with one.", file=file, field=f"{at}, name")
        if name in lines:
            known = f"{name!r} is also the set of line {lines[name]}."
            raise DataError(known, next_step="give each its own name.", file=file, field=f"{at}, name")
        named = tuple(dict.fromkeys(gene for gene in genes if gene))
        if not named:
            problem = f"The set {name!r} has no genes."
            raise DataError(problem, next_step="write genes after the source.", file=file, field=f"{at}, genes")
        odd = next((gene for gene in named if re.search(r"[\s,;]", gene)), None)
        if odd is not None:
            raise DataError(f"{odd!r} is not one gene.", next_step="put a tab between genes.", file=file, field=f"{at}, genes")
        if len(found) == MOST:
            problem = f"There are more than {MOST:,} sets."
            raise DataError(problem, next_step="keep those that you want to ask about.", file=file, field=at)
        lines[name] = number
        found.append(GeneSet(name, source, named))
    if not found:
        raise DataError("There are no gene sets in it.", next_step="write one set a line: name, source, genes.", file=file)
    return found


def shipped() -> list[GeneSet]:
    """Few and short sets, each from the paper that it names."""
    path = Path(__file__).resolve().parents[2] / "assets" / "gene_sets" / SHIPPED
    return parse_gmt(path.read_text(encoding="utf-8"), SHIPPED)


def symbol(name: str) -> str:
    """A gene's name without an Ensembl number behind it: "HLA-A" of "HLA-A_ENSG00000206503"."""
    return _ENSEMBL.sub("", name)


def members(genes: Sequence[str], among: Sequence[str]) -> list[int]:
    """Places in ``among`` (names of a data set) of a set's genes, sorted.

    Names are compared as written, without an Ensembl number behind them ("HLA-A_ENSG00000206503"). Where the data set writes
    its names as mice's are (Isg15: most are not all capitals), without regard to capitals.
    """
    plain = [symbol(name) for name in among]
    like_mouse = sum(name.upper() == name for name in plain) < len(plain) / 2
    fold = str.upper if like_mouse else str
    wanted = {fold(gene) for gene in genes}
    return [i for i, name in enumerate(plain) if fold(name) in wanted]
