"""Which open-chromatin peaks lie near a gene, as far as the data say where genes lie."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from virtualcell.schema import DataError

WINDOW = 5000
"""Bases to each side of a gene. Regulation reaches farther; what lies there belongs to other genes as well."""

COLUMNS = {
    "chrom": ("chrom", "chromosome", "chr", "seqnames", "seqname"),
    "start": ("start", "chromStart", "chrom_start", "gene_start"),
    "end": ("end", "chromEnd", "chrom_end", "gene_end"),
}
"""Names under which files give a place."""

NAME = re.compile(r"^(?P<chrom>.+)[-:_](?P<start>\d+)[-_](?P<end>\d+)$")
"""chr6-35693503-35694982, chr6:35693503-35694982."""

NEAREST, DISTANCE = "nearest_gene", "dist_tss"


def peaks_near(
    genes: str | Sequence[str], peaks: pd.DataFrame, *, positions: pd.DataFrame | None = None, window: float = WINDOW
) -> list[str]:
    """Names of the peaks that lie within ``window`` bases of the genes, in the order of ``peaks``.

    peaks: ``var`` of the ATAC, indexed by name. positions: a table of genes, indexed by name, with chromosome, start and end in
    bases of the same genome; a peak is near where it overlaps the gene's body, widened by the window to each side. Without it,
    the columns ``nearest_gene`` and ``dist_tss`` (bases to that gene's start) of ``peaks`` are asked, which give a peak to one
    gene only. Where peaks lie stands in columns, or in their names (chr1-100-600). A gene that neither places has no peaks.
    Raises DataError where nothing says which peaks lie near a gene.
    """
    if not (np.isfinite(window) and window >= 0):
        raise DataError(f"The window is {window} bases.", next_step="give 0 or more.", field="window")
    wanted = [genes] if isinstance(genes, str) else list(genes)
    names = peaks.index.astype(str)
    body = None if positions is None else _columns(positions)
    if body is not None:
        where = _columns(peaks)
        where = _from_names(names) if where is None else where
        if where is None:
            raise DataError(
                "Neither columns nor names say where the peaks lie.",
                next_step="add chrom, start and end, or name peaks like chr1-100-600.",
                field="var",
            )
        found = np.zeros(len(names), dtype=bool)
        for gene in body[body.index.astype(str).isin(wanted)].itertuples():
            same = (where["chrom"] == gene.chrom).to_numpy()
            found |= same & ((where["start"] <= gene.end + window) & (where["end"] >= gene.start - window)).to_numpy()
        return list(names[found])
    if {NEAREST, DISTANCE} <= set(peaks.columns):
        apart = pd.to_numeric(peaks[DISTANCE], errors="coerce").abs()
        return list(names[(peaks[NEAREST].astype(str).isin(wanted) & (apart <= window)).to_numpy()])
    raise DataError(
        "The data do not say which peaks lie near a gene.",
        next_step=f"give chrom, start and end of genes, or {NEAREST} and {DISTANCE} of peaks, or name the peaks.",
        field="peaks",
    )


def says_where(peaks: pd.DataFrame, positions: pd.DataFrame | None = None) -> bool:
    """Whether ``peaks_near`` can be asked of these tables."""
    if positions is not None and _columns(positions) is not None:
        return _columns(peaks) is not None or _from_names(peaks.index.astype(str)) is not None
    return {NEAREST, DISTANCE} <= set(peaks.columns)


def _columns(table: pd.DataFrame) -> pd.DataFrame | None:
    """chrom, start, end of a table whose columns give them; rows without a place are left out of genes and match no gene."""
    chosen = {name: next((c for c in known if c in table.columns), None) for name, known in COLUMNS.items()}
    if any(column is None for column in chosen.values()):
        return None
    return _plain(pd.DataFrame({name: table[column] for name, column in chosen.items()}, index=table.index))


def _from_names(names: pd.Index) -> pd.DataFrame | None:
    """chrom, start, end out of names; None where most do not tell."""
    parts = [NAME.match(name) for name in names]
    if sum(part is not None for part in parts) < 0.5 * max(len(parts), 1):
        return None
    empty = {"chrom": None, "start": None, "end": None}
    return _plain(pd.DataFrame([part.groupdict() if part else empty for part in parts], index=names))


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    # One file writes chr1 and the other 1.
    chrom = table["chrom"].astype(str).str.removeprefix("chr")
    start, end = (pd.to_numeric(table[name], errors="coerce") for name in ("start", "end"))
    return pd.DataFrame({"chrom": chrom, "start": start, "end": end}, index=table.index)
