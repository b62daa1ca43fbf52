"""Treatments and edits of genes: what they change, how strong a push it takes, and which one leads where."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData

from virtualcell.landscape.dose_response import dose_response
from virtualcell.model.moving import Moving
from virtualcell.model.on_landscape import OnLandscape
from virtualcell.perturbation.doses import DOSES, rank_doses
from virtualcell.perturbation.edit import ATAC, Edit
from virtualcell.perturbation.effect import FORCE, SENSITIVITY, Effect
from virtualcell.perturbation.from_counts import response_of
from virtualcell.perturbation.peaks_near import peaks_near, says_where
from virtualcell.perturbation.pushes import compared, ranked, responded, responds
from virtualcell.perturbation.release import critical_dose
from virtualcell.schema import DataError, Landscape
from virtualcell.training.given import RNA, as_mudata
from virtualcell.training.table import CellTable


class Pushing(Moving, OnLandscape):
    """What pushes cells."""

    def perturb(
        self,
        cells: MuData | ad.AnnData,
        *,
        treatment: str | None = None,
        genes: str | Sequence[str] | None = None,
        fold: float | None = None,
        level: float | Sequence[float] | None = None,
        peaks: Sequence[str] | None = None,
        duration: float | None = None,
        seed: int = 0,
    ) -> Effect:
        """Pushes cells by a measured treatment, or edits what is read of genes, and lets them move for ``duration`` (default: one
        span).

        A treatment measured beside its control at one time changes expression as it did there (``perturbation.response``): two
        that were not measured together add. Where there are times, or another duration is asked for, it acts as a force while it
        is applied. All are compared with the same cells, untouched; where cells move, with the same random numbers.

        genes: edited in the input of the encoder, by default knocked out; fold: times their counts; level: counts per 10,000 that
        each cell is raised to (``perturbation.edit.Edit``). An edit shows what the model's reading depends on, which is no
        evidence of cause. peaks: names of those closed or opened with the genes; by default those within 5,000 bases, where ATAC
        is read and ``var`` says where genes lie (``perturbation.peaks_near``); [] for none. Raises DataError naming what cannot
        be used.
        """
        if (treatment is None) == (genes is None):
            raise DataError("A push is either a treatment or an edit of genes.", next_step="name one of them.", field="treatment")
        if genes is None and (fold, level, peaks) != (None, None, None):
            raise DataError(
                "fold, level and peaks say how genes are edited; a treatment does what was measured.",
                next_step="name genes, or leave them out.",
                field="fold",
            )
        table = self._table(cells, None, None)
        edited, kind, name = None, FORCE, str(treatment)
        if genes is None:
            treatment = self._push(name)
        else:
            wanted = (genes,) if isinstance(genes, str) else tuple(genes)
            edit = Edit.of(wanted, fold, level, self._peaks_near(cells, table, wanted) if peaks is None else peaks)
            edited, kind, name = edit.applied(table, self._fitted.features), SENSITIVITY, edit.name
        read = self.features() if RNA in self._fitted.features else []
        response = self.response if duration in (None, self.span) else None
        if treatment is not None and response is not None and responds(response, treatment, self.record["treatments"]):
            return responded(response, table, treatment, read, self._states, self.in_domain, seed)
        start = self._states(table)
        begin = start if edited is None else self._states(edited)
        untreated, treated = start, begin
        # Without times nothing says how cells drift: an edit changes how they are read, and no more.
        if self.moves and (edited is None or self.times is not None):
            course: dict[str, Any] = {"duration": self.span if duration is None else duration, "frames": 2, "seed": seed}
            untreated = self.predict(states=start, **course).states[-1]
            treated = self.predict(states=begin, perturbation=treatment, **course).states[-1]
        found = compared(name, kind, start, untreated, treated, read, self.decode, self.in_domain, seed)
        return found if edited is None else dataclasses.replace(found, edited=begin)

    def _push(self, treatment: str) -> str:
        """A treatment as the dynamics know it. Raises DataError for the control and for what was never measured."""
        found = self._treatment(treatment)
        if found is None:
            raise DataError(f"{treatment!r} is the control: no push.", next_step="name a measured treatment.", field="treatment")
        return found

    def _spans_or_one(self, duration: float | None) -> float:
        """A duration in spans; without one, a single span."""
        return self._spans(self.span if duration is None else duration)

    def _peaks_near(self, cells: MuData | ad.AnnData, table: CellTable, genes: tuple[str, ...]) -> list[str]:
        """Peaks that the model reads and these cells' ``var`` places near the genes; none where it does not say, or no cell has
        ATAC."""
        known = set(self._fitted.features.get(ATAC, []))
        if not known or not isinstance(cells, MuData) or not table.mask[:, list(self._fitted.features).index(ATAC)].any():
            return []
        peaks, positions = cells.mod[ATAC].var, cells.mod[RNA].var if RNA in cells.mod else None
        found = peaks_near(genes, peaks, positions=positions) if says_where(peaks, positions) else []
        return [peak for peak in found if peak in known]

    def dose_response(
        self,
        cells: MuData | ad.AnnData | None = None,
        *,
        states: np.ndarray | None = None,
        treatment: str,
        doses: Sequence[float],
        duration: float | None = None,
        rest: float | None = None,
        landscape: Landscape | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """What becomes of cells (or states (n, d)) pushed for ``duration`` and then let go for ``rest`` (by default one span
        each): shares that stayed in their valley, left it and rolled back, or settled in another, under each dose.

        doses: times the push that was measured; landscape: the untreated one, where it is known already. Columns as
        ``landscape.dose_response``. Raises DataError naming what cannot be used, and where there is no valley.
        """
        dynamics, push = self.dynamics, self._push(treatment)
        if states is None:
            states = self._states(self._table(self._given(cells), None, None))
        amounts = np.asarray(doses, dtype=float)
        if not (amounts.ndim == 1 and len(amounts) and np.isfinite(amounts).all() and (amounts >= 0).all()):
            raise DataError("Doses are 0 or more times the measured one.", next_step="give one or more.", field="doses")
        if not len(states):
            raise DataError("There is nothing to start from.", next_step="give cells or states.", field="states")
        places = [a.state for a in (landscape or self.landscape()).attractors]
        if not places:
            raise DataError("The landscape has no valley to leave.", next_step="train on more cells.", field="landscape")
        return dose_response(
            copy.deepcopy(dynamics).cpu(),
            np.stack(places),
            self._checked(states, "states", 2),
            push,
            amounts,
            duration=self._spans_or_one(duration),
            rest=self._spans_or_one(rest),
            seed=seed,
        )

    def critical_dose(
        self,
        state: np.ndarray,
        *,
        treatment: str,
        duration: float | None = None,
        rest: float | None = None,
        landscape: Landscape | None = None,
    ) -> float | None:
        """The least dose, times the measured one, at which a cell without noise that starts at a state (d,) is not back after the
        push and the rest (by default one span each): ``perturbation.release.critical_dose``; None where it always comes back.

        Back: within a quarter of the way to the next valley. Raises DataError naming what cannot be used, and where there are
        fewer than two valleys.
        """
        dynamics, push = self.dynamics, self._push(treatment)
        places = np.stack([a.state for a in (landscape or self.landscape()).attractors] or [np.zeros(0)])
        if len(places) < 2:
            raise DataError("There is no other valley to settle in.", next_step="train on more cells.", field="landscape")
        start = self._checked(state, "state", 1)
        home = int(((places - start) ** 2).sum(1).argmin())
        near = np.linalg.norm(np.delete(places, home, axis=0) - places[home], axis=1).min() / 4
        return critical_dose(
            copy.deepcopy(dynamics).cpu(),
            start,
            push,
            duration=self._spans_or_one(duration),
            rest=self._spans_or_one(rest),
            near=float(near),
        )

    def which_dose(
        self,
        start: np.ndarray,
        goal: np.ndarray,
        *,
        treatments: Sequence[str] | None = None,
        doses: Sequence[float] = DOSES,
        duration: float | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Treatments and doses, the one first whose push for ``duration`` (default: one span) ends nearest to the goal: columns
        of ``perturbation.doses.rank_doses``.

        start (n, d), goal (m, d): states. Raises DataError where there were no times, of which how fast a push acts is known,
        for treatments that were not measured, such doses, and fewer than two cells.
        """
        if self.times is None:
            raise DataError(
                "Without times nothing is known of doses: each treatment is what it was when measured.",
                next_step="rank treatments with which_push.",
                field="time",
            )
        here, there = self._checked(start, "start", 2), self._checked(goal, "goal", 2)
        spans = self._spans_or_one(duration)
        try:
            return rank_doses(
                copy.deepcopy(self.dynamics).cpu(), here, there, doses=doses, treatments=treatments, duration=spans, seed=seed
            )
        except LookupError as error:
            raise DataError(str(error.args[0]), next_step="choose measured treatments.", field="treatments") from None
        except ValueError as error:
            raise DataError(str(error), next_step="give other doses or more cells.", field="doses") from None

    def which_push(
        self, start: MuData | ad.AnnData, goal: MuData | ad.AnnData, treatments: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Treatments, the one first that most probably leads from start to goal: columns treatment, probability, apart, closer,
        arriving, low, high, arriving_untreated, arriving_goal (``perturbation.inverse.rank_treatments``).

        Each was measured at one dose, and is ranked at that dose only. treatments: by default all measured, and the pairs of
        those measured alone. Raises DataError where no treatment was measured beside its control at one time, some of the cells
        have no RNA counts, or there are fewer than two.
        """
        here, there = (self._table(cells, None, None) for cells in (start, goal))
        return ranked(self.response, here, there, treatments)

    def relearned(self, cells: MuData | ad.AnnData) -> Self:
        """The same model with what treatments change learned from these cells alone, as from all but those of a goal, which would
        otherwise be ranked by what they themselves have taught. Raises DataError where no treatment was measured beside its
        control in them."""
        column, given = self.settings.columns.perturbation, as_mudata(cells)
        if column is None or self.record["span"]:
            raise DataError(
                "This model was fitted to no treatment beside its control at one time.",
                next_step="fit it with perturbation=..., to cells of one time.",
                field="treatment",
            )
        if column not in given.obs:
            raise DataError(f"There is no column {column!r} in obs.", next_step="give cells with their treatment.", field=column)
        response = response_of(self._fitted, given)
        if response is None:
            raise DataError(
                "No treatment was measured beside its control in these cells.",
                next_step="leave fewer cells out.",
                field="treatment",
            )
        found = copy.copy(self)
        found.response = response
        return found
