"""What was measured: the conditions of all cells and where they lie, and what is too far from all of it to be drawn for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from virtualcell.generative.conditions import Vocabulary
from virtualcell.generative.reach import NEIGHBOURS, Domain
from virtualcell.schema import UNKNOWN, DataError

FEWEST = NEIGHBOURS + 2
"""Measured cells below which nothing is said of what is like them."""


@dataclass(frozen=True)
class Known:
    """vocabulary: of the conditions; time, treatment, labels, batch (cells,): of each measured cell; NaN, "", "" and -1 where
    there is none.

    sample (n,): rows of the cells of which more is kept, all read as new and none of them kept from the autoencoder:
    reference[modality] (n, d), the embedding by it alone, NaN where it was not measured; states (n, d), of the whole cell.
    limits[modality]: how far from its tenth neighbour in the reference an embedding may lie, else as far as 99 % of these do.
    """

    vocabulary: Vocabulary
    time: np.ndarray
    treatment: np.ndarray
    labels: np.ndarray
    batch: np.ndarray
    sample: np.ndarray
    reference: dict[str, np.ndarray]
    states: np.ndarray
    limits: dict[str, float] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Of the modalities that were asked for: built once."""

    def refused(
        self, source: str, embedding: np.ndarray, time: np.ndarray | None, treatment: np.ndarray | None, *, held: bool = False
    ) -> np.ndarray:
        """Why nothing is drawn for a cell, (cells,) str, "" where something is: its embedding (cells, d) lies further from those
        measured than 99 % of them do from each other, its time (cells,) lies outside the measured times, or its treatment was
        never measured, or never around its time.

        held: time or treatment were given to the cells ("what if") and are not their own; then a cell is also refused that is
        unlike all that was measured under them.
        """
        why = np.full(len(embedding), "", dtype=object)
        usual = np.isfinite(embedding).all(1)
        usual[usual] = self._domain(source).contains(embedding[usual])
        why[~usual] = f"Nothing like its {source} was measured: it lies further from training cells than 99 of 100 of them do."
        # Of the cells, not of the vocabulary: that leaves out a condition which had one value only.
        times, known = np.unique(self.time[np.isfinite(self.time)]), set(self.treatment) - {""}
        if held:
            given = why == ""
            why[given] = self._unlike(source, embedding[given], _part(time, given), _part(treatment, given))
        if known and treatment is not None:
            named = np.asarray(treatment, dtype=str)
            if len(times) and time is not None:
                why[self._apart(time, named)] = "Its treatment was never measured around its time."
            why[~np.isin(named, [*known, ""])] = "Its treatment was never measured."
        if len(times) and time is not None:
            outside = ~((time >= times[0]) & (time <= times[-1])) & ~np.isnan(time)
            why[outside] = f"Its time lies outside the measured times, {times[0]:g} to {times[-1]:g}."
        return why

    def _unlike(self, source: str, embedding: np.ndarray, time: np.ndarray | None, treatment: np.ndarray | None) -> np.ndarray:
        """Why a cell (cells, d) is none of the measured ones around a time and of a treatment, (cells,) str."""
        n = len(embedding)
        times = np.full(n, np.nan) if time is None else time
        names = np.full(n, "") if treatment is None else np.asarray(treatment, dtype=str)
        around = np.stack(self._around(times), 1)
        why = np.full(n, "", dtype=object)
        place = np.unique(np.nan_to_num(around, nan=np.inf), axis=0, return_inverse=True)[1].reshape(-1)
        for kind, name in dict.fromkeys(zip(place.tolist(), names.tolist(), strict=True)):
            here = (place == kind) & (names == name)
            low, high = around[here][0]
            like = np.isfinite(self.reference[source]).all(1)
            like &= np.isnan(low) | ((self.time[self.sample] >= low) & (self.time[self.sample] <= high))
            like &= (name == "") | (self.treatment[self.sample] == name)
            near = self.reference[source][like]
            if len(near) >= FEWEST:
                unlike = f"No cell with such {source} was measured at this time and treatment."
                why[here] = np.where(Domain(near).contains(embedding[here]), "", unlike)
            else:
                why[here] = "Too few cells were measured at this time and treatment to say anything of it."
        return why

    def check(self, time: float | None, treatment: str | None) -> None:
        """Raises DataError for a held condition that was never measured; the one measured value of a condition can be held."""
        times, names = set(self.time[np.isfinite(self.time)].tolist()), set(self.treatment) - {""}
        self.vocabulary.check(None if {time} == times else time, None if {treatment} == names else treatment)

    def _domain(self, source: str) -> Domain:
        if source not in self.domains:
            reference = self.reference[source]
            self.domains[source] = Domain(reference[np.isfinite(reference).all(1)], self.limits.get(source))
        return self.domains[source]

    def _around(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each time (cells,) the measured times before and after it, between which cells count as measured around it; of many
        times, from a knot of the vocabulary to the next but one. NaN for NaN."""
        measured = np.unique(self.time[np.isfinite(self.time)])
        if not len(measured):
            return np.full(len(time), np.nan), np.full(len(time), np.nan)
        knots = np.asarray(self.vocabulary.times) if self.vocabulary.times else measured
        more, end = int(len(measured) > len(knots)), len(knots) - 1
        first = knots[(np.searchsorted(knots, time, "right") - 1 - more).clip(0, end)]
        last = knots[(np.searchsorted(knots, time, "left") + more).clip(0, end)]
        known = np.isfinite(time)
        return np.where(known, first, np.nan), np.where(known, last, np.nan)

    def _apart(self, time: np.ndarray, treatment: np.ndarray) -> np.ndarray:
        """Boolean (cells,): known treatments at a time with no measured cell of them around it."""
        first, last = self._around(time)
        found = np.zeros(len(time), dtype=bool)
        for name in np.setdiff1d(treatment, [""]):
            own, here = np.sort(self.time[self.treatment == name]), treatment == name
            found[here] = np.searchsorted(own, first[here], "left") == np.searchsorted(own, last[here], "right")
        return found & np.isfinite(time)

    def chances(self, label: str | None, time: float | None, treatment: str | None, *, balanced: bool) -> np.ndarray:
        """How often the conditions of each measured cell are those of a drawn one, (cells,), adding up to 1: cells with what is
        held, those of the two times beside a held one as near as they are to it; balanced: each label alike. Raises DataError for
        what was never measured, or never together."""
        known = sorted(set(self.labels))
        if label is not None and label not in known:
            raise DataError(f"{label!r} was never measured.", next_step=f"choose one of {', '.join(known[:8])}.", field="label")
        self.check(time, treatment)
        found = np.ones(len(self.labels))
        if label is not None:
            found *= self.labels == label
        if treatment is not None:
            found *= self.treatment == treatment
        if time is not None:
            found *= self._nearness(time, found)
        if not (found > 0).any():
            raise DataError(
                "These conditions were never measured together.", next_step="hold fewer of them, or others.", field="conditions"
            )
        if (found > 0).sum() < FEWEST:
            raise DataError(
                f"Only {(found > 0).sum()} cells were measured under these conditions, too few to draw others like them.",
                next_step=f"hold conditions of which {FEWEST} cells or more were measured.",
                field="conditions",
            )
        if balanced:
            if (known_kind := found * (self.labels != UNKNOWN)).any():
                found = known_kind
            _, place = np.unique(self.labels.astype(str), return_inverse=True)
            total = np.bincount(place, found)[place]
            found = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
        return found / found.sum()

    def _nearness(self, time: float, chance: np.ndarray) -> np.ndarray:
        """Factors (cells,) by which the cells of the measured times on either side of a time, and no others, count as much
        together as they are near to it, where each cell counts as ``chance`` (cells,) says."""
        measured = np.unique(self.time[np.isfinite(self.time)])
        beside = np.unique([measured[measured <= time][-1], measured[measured >= time][0]])
        shares = np.ones(1) if len(beside) == 1 else 1 - np.abs(beside - time) / np.ptp(beside)
        found = np.zeros(len(self.time))
        for each, share in zip(beside, shares, strict=True):
            here = self.time == each
            found[here] = share / max(chance[here].sum(), 1e-12)
        return found


def _part(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else np.asarray(values)[rows]
