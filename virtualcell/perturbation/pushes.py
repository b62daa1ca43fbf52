"""Cells with and without a push as one result: how a response, a force or an edit becomes states and fold changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp

from virtualcell.perturbation.effect import ADDED, MEASURED, Effect, fold_changes
from virtualcell.perturbation.from_counts import as_counts, fold_table
from virtualcell.perturbation.inverse import rank_treatments, some
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import log_expression
from virtualcell.schema import DataError
from virtualcell.training.given import RNA
from virtualcell.training.table import CellTable

States = Callable[[CellTable], np.ndarray]
"""States (cells, d) of a table."""

InDomain = Callable[[np.ndarray], np.ndarray]
"""Whether states (cells, d) lie where the model was trained, bool (cells,)."""


def counts_of_cells(table: CellTable) -> sp.csr_matrix:
    """RNA counts of these cells, (cells, genes). Raises DataError where some have none."""
    counts = table.values.get(RNA)
    if not isinstance(counts, sp.csr_matrix) or (counts.sum(1) == 0).any():
        raise DataError("Some of these cells have no RNA counts.", next_step="leave those cells out.", field=RNA)
    return counts


def responds(response: Response, treatment: str, measured: Collection[str]) -> bool:
    """Whether the response knows a treatment. One of those ``measured``, but beside no control of its own kind, is a force only;
    raises DataError for one that was not measured."""
    try:
        return bool(response.parts(treatment))
    except LookupError as error:
        if treatment in measured:
            return False
        raise DataError(str(error), next_step="choose treatments that were measured alone.", field="treatment") from None


def responded(
    response: Response, table: CellTable, treatment: str, genes: list[str], states: States, in_domain: InDomain, seed: int
) -> Effect:
    """What a treatment did where it was measured, carried to these cells; its states are those of the predicted counts.

    genes: names of the features of RNA.
    """
    counts = counts_of_cells(table)
    before = log_expression(counts, response.depth)
    after = before + response.change(before, treatment)
    predicted = as_counts(after, np.asarray(counts.sum(1)).ravel(), response.depth)
    # Nothing is predicted of other measurements, so that none of them is read on either side.
    mask = table.mask & (np.array(list(table.values)) == RNA)
    untreated = states(dataclasses.replace(table, mask=mask))
    treated = states(dataclasses.replace(table, values=table.values | {RNA: predicted}, mask=mask))
    found = fold_table(response, before, after, treatment, genes)
    kind = MEASURED if len(response.parts(treatment)) == 1 else ADDED
    return Effect(treatment, kind, states(table), untreated, treated, found, float(in_domain(treated).mean()), seed)


def compared(
    name: str,
    kind: str,
    start: np.ndarray,
    untreated: np.ndarray,
    treated: np.ndarray,
    genes: list[str],
    decode: Callable[[np.ndarray], np.ndarray],
    in_domain: InDomain,
    seed: int,
) -> Effect:
    """States (cells, d) without and with a push, and what both say of expression; without genes, of states alone."""
    found = fold_changes(decode(untreated), decode(treated), genes, seed=seed) if genes else pd.DataFrame()
    return Effect(name, kind, start, untreated, treated, found, float(in_domain(treated).mean()), seed)


def ranked(response: Response | None, start: CellTable, goal: CellTable, treatments: Sequence[str] | None = None) -> pd.DataFrame:
    """Treatments by how near they are said to bring the start to the goal (``rank_treatments``). Raises DataError where nothing
    was measured that says so, some cells have no RNA counts, or there are fewer than two."""
    if response is None:
        raise DataError(
            "This model was fitted to no treatment beside its control at one time.",
            next_step="fit it with perturbation=..., to cells of one time.",
            field="treatment",
        )
    if treatments is not None and not len(treatments):
        raise DataError("There is no treatment to rank.", next_step="name one or more, or none for all.", field="treatments")
    if min(start.n_cells, goal.n_cells) < 2:
        raise DataError("Two cells or more are needed on either side.", next_step="choose more cells.", field="goal")
    here, there = (log_expression(some(counts_of_cells(table), 0), response.depth) for table in (start, goal))
    try:
        return rank_treatments(response, here, there, treatments)
    except LookupError as error:
        raise DataError(str(error), next_step="choose treatments that were measured alone.", field="treatment") from None
