"""In-silico edits: what the model reads once counts of genes, and the peaks near them, are taken away or raised."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from virtualcell.modalities import Counts
from virtualcell.schema import DataError
from virtualcell.training.given import RNA
from virtualcell.training.table import CellTable

ATAC = "atac"
PER = 1e4
NAMED = 3
"""Genes that a name lists before it counts the rest."""


@dataclass(frozen=True)
class Edit:
    """A change of what is read of genes; exactly one of fold and level is given, or neither: a knock-out.

    genes: names, a set: named twice is named once. fold: times their counts: 0 knock-out, below 1 knock-down, above 1
    over-expression, which leaves cells as they are that counted none. level: counts per 10,000 that each cell is raised to and
    never lowered, one for all genes or one a gene, so that a silent gene can be over-expressed. peaks: those closed (fold below
    1: their values times the fold) or opened (raised to 1) along with the genes. Raises DataError for what is no edit.
    """

    genes: tuple[str, ...]
    fold: float | None = None
    level: float | tuple[float, ...] | None = None
    peaks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # A field that cannot be set afterwards: what is checked here stays true.
        put = object.__setattr__
        given = tuple(str(gene) for gene in self.genes)
        put(self, "genes", tuple(dict.fromkeys(given)))
        put(self, "peaks", tuple(dict.fromkeys(str(peak) for peak in self.peaks)))
        if not self.genes:
            raise DataError("No gene was named.", next_step="name one or more.", field="genes")
        if self.fold is not None and self.level is not None:
            raise DataError(
                "Counts are either multiplied or raised to a level, not both.", next_step="give fold or level.", field="level"
            )
        if self.level is None:
            put(self, "fold", 0.0 if self.fold is None else float(self.fold))
            if not (math.isfinite(self.fold or 0.0) and (self.fold or 0.0) >= 0 and self.fold != 1):
                raise DataError(
                    f"Counts cannot be edited by {self.fold} times.",
                    next_step="give 0 for a knock-out, below 1 for a knock-down, above 1 for over-expression.",
                    field="fold",
                )
            return
        levels = self.level if isinstance(self.level, tuple) else (self.level,)
        put(self, "level", float(levels[0]) if len(levels) == 1 else tuple(map(float, levels)))
        if not levels or (len(levels) > 1 and not len(levels) == len(given) == len(self.genes)):
            raise DataError(
                f"There are {len(levels)} levels for {len(self.genes)} genes.",
                next_step="give one for all, or one a gene, and each gene once.",
                field="level",
            )
        if not all(math.isfinite(level) and 0 < level <= PER for level in levels):
            raise DataError(
                f"{self.level} is no level to raise a gene to.", next_step="give counts per 10,000 above 0.", field="level"
            )

    @classmethod
    def of(
        cls,
        genes: str | Sequence[str],
        fold: float | None = None,
        level: float | Sequence[float] | np.ndarray | None = None,
        peaks: Sequence[str] = (),
    ) -> Edit:
        """From what callers have at hand: one name for one gene, any sequence for several."""
        levels = None if level is None else tuple(float(value) for value in np.atleast_1d(np.asarray(level, dtype=float)))
        one = levels[0] if levels is not None and len(levels) == 1 else levels
        names, open_or_closed = ((given,) if isinstance(given, str) else tuple(given) for given in (genes, peaks))
        return cls(names, fold, one, open_or_closed)

    @property
    def raises(self) -> bool:
        """Whether there is more of the genes than before: over-expression."""
        return self.fold is None or self.fold > 1

    @property
    def done_to_peaks(self) -> str:
        """What becomes of the peaks that go along."""
        return "opened" if self.raises else "closed" if self.fold == 0 else "lowered"

    @property
    def name(self) -> str:
        """In a biologist's words, with the number of peaks that go along."""
        genes = self.genes if len(self.genes) <= NAMED else (*self.genes[:2], f"{len(self.genes) - 2} more")
        told = ", ".join(genes[:-1]) + " and " + genes[-1] if len(genes) > 1 else genes[0]
        if self.fold is None:
            level = "levels of their own" if isinstance(self.level, tuple) else f"{self.level:.3g} per 10,000"
            told += f" over-expression, to {level}"
        elif self.fold > 1:
            told += f" over-expression, {self.fold:g} times"
        else:
            told += " knock-out" if self.fold == 0 else f" knock-down, to {self.fold:g} times"
        if not self.peaks:
            return told
        return f"{told}, {len(self.peaks)} peak{'s' if len(self.peaks) > 1 else ''} {self.done_to_peaks}"

    def applied(self, table: CellTable, features: Mapping[str, Sequence[str]]) -> CellTable:
        """The same cells, edited; features[m]: names of the columns of ``table.values[m]``. ``table`` is left as it is.

        Each edited cell keeps the depth that was counted in it, so that what is read of all other features is exactly what it
        was: without it, taking a gene away would raise the share, and with it the reading, of every other gene. Values need not
        be whole numbers: the encoder reads logarithms of shares. Where a cell's RNA (or ATAC) was not measured, nothing is
        edited. Raises DataError naming genes or peaks that the model does not read, where no cell has any counts, and where
        values are no counts.
        """
        values, depth = dict(table.values), dict(table.depth)
        for key, wanted, what in ((RNA, self.genes, "gene"), (ATAC, self.peaks, "peak")):
            if not wanted:
                continue
            places = _places(list(features.get(key, [])), wanted, what, key)
            measured = table.mask[:, list(features).index(key)]
            counts = values[key]
            if not measured.any():
                raise DataError(
                    f"None of these cells has {key.upper()} counts to edit.",
                    next_step=f"give cells with {key.upper()}.",
                    field=key,
                )
            if not isinstance(counts, sp.csr_matrix):
                raise DataError(
                    f"{key.upper()} was read as values on a continuous scale, of which none can be taken away.",
                    next_step=f"fit a model to {key.upper()} counts.",
                    field=key,
                )
            if key not in depth:
                depth[key] = Counts.of(counts).depth()[:, 0].numpy()
            least = None
            if self.raises and key == ATAC:
                least = np.ones((table.n_cells, len(places)))
            elif self.level is not None:
                least = depth[key][:, None] / PER * np.broadcast_to(self.level, len(places))
            values[key] = _edited(counts, places, measured, self.fold, least)
        return dataclasses.replace(table, values=values, depth=depth)


def highest(counts: sp.csr_matrix, places: Sequence[int], share: float = 0.05) -> np.ndarray:
    """Mean counts per 10,000 of each feature, (len(places),), in the ``share`` of the cells in which it stands highest.

    counts: (cells, features); cells without counts are left out. 0 only where no cell counts it.
    """
    total = np.asarray(counts.sum(1)).ravel()
    kept = total > 0
    table = counts[kept][:, list(places)].toarray() / total[kept, None] * PER
    most = max(1, round(share * len(table)))
    return np.sort(table, axis=0)[-most:].mean(0)


def _places(names: list[str], wanted: Sequence[str], what: str, key: str) -> list[int]:
    place = {name: i for i, name in enumerate(names)}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise DataError(
            f"The model does not read the {what}{'s' if len(unknown) > 1 else ''} {', '.join(map(repr, unknown))}.",
            next_step=f"choose among model.features({key!r})." if names else f"use a model that was fitted to {key.upper()}.",
            field=key,
        )
    return [place[name] for name in wanted]


def _edited(
    counts: sp.csr_matrix, places: list[int], measured: np.ndarray, fold: float | None, least: np.ndarray | None
) -> sp.csr_matrix:
    """Counts (cells, features) of the measured cells in those columns times the fold, or raised to least (cells, places)."""
    found = counts.copy()
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    here = np.isin(counts.indices, places) & measured[row]
    if least is None:
        # In place: another order of the other counts would change the last digit of every sum.
        found.data[here] *= np.float32(0.0 if fold is None else fold)
        return found
    raised = np.maximum(counts[:, places].toarray(), least) * measured[:, None]
    found.data[here] = 0.0
    spread = sp.csr_matrix((np.ones(len(places)), (np.arange(len(places)), places)), shape=(len(places), counts.shape[1]))
    return sp.csr_matrix(found + sp.csr_matrix(raised) @ spread, dtype=np.float32)
