"""Cells under treatments as predictors of expression take them: one table, who was given what, and which cells are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import scipy.sparse as sp

ALL = ""
"""The group of all cells where none are named."""


@dataclass(frozen=True)
class Screen:
    """expression (cells, genes): log(1 + counts scaled to one depth); treatment (cells,): names, "A+B" for both at once; group
    (cells,): cells that are compared with one another, as of one type; control: name of the untreated."""

    expression: np.ndarray
    treatment: np.ndarray
    group: np.ndarray
    control: str

    @classmethod
    def of(
        cls, expression: np.ndarray, treatment: np.ndarray, group: np.ndarray | None = None, control: str = "control"
    ) -> Screen:
        """ValueError where the parts do not fit together or no cell is untreated."""
        names = np.asarray(treatment).astype(str)
        groups = np.full(len(names), ALL) if group is None else np.asarray(group).astype(str)
        if not len(expression) == len(names) == len(groups):
            raise ValueError(f"{len(expression)} cells have {len(names)} treatments and {len(groups)} groups.")
        if not (names == control).any():
            raise ValueError(f"No cell is of the control {control!r}.")
        return cls(np.asarray(expression), names, groups, control)

    @property
    def groups(self) -> list[str]:
        """Groups with untreated cells, in alphabetical order."""
        return sorted(set(self.group[self.treatment == self.control].tolist()))

    @property
    def treatments(self) -> list[str]:
        """All but the control, in alphabetical order."""
        return sorted(set(self.treatment.tolist()) - {self.control})

    def untreated(self, group: str | None = None) -> np.ndarray:
        """Expression of untreated cells of one group, of all by default."""
        return self.expression[(self.treatment == self.control) & ((group is None) | (self.group == group))]

    def treated(self, treatment: str, group: str) -> np.ndarray:
        return self.expression[(self.treatment == treatment) & (self.group == group)]

    def take(self, rows: np.ndarray) -> Screen:
        """Those cells: numbers or (cells,) bool."""
        return Screen(self.expression[rows], self.treatment[rows], self.group[rows], self.control)

    def measured(self, least: int = 2) -> Iterator[tuple[str, str]]:
        """(treatment, group) with that many cells both treated and untreated."""
        for group in self.groups:
            here = self.group == group
            if (here & (self.treatment == self.control)).sum() >= least:
                for name in self.treatments:
                    if (here & (self.treatment == name)).sum() >= least:
                        yield name, group

    def change(self, treatment: str, group: str) -> np.ndarray:
        """Mean expression of the treated minus that of the untreated cells of a group, (genes,)."""
        return self.treated(treatment, group).mean(0) - self.untreated(group).mean(0)


def log_expression(counts: np.ndarray | sp.spmatrix, depth: float) -> np.ndarray:
    """log(1 + counts scaled to ``depth`` a cell), float32 (cells, features); cells without counts are all 0."""
    table = np.asarray(counts.toarray() if isinstance(counts, sp.spmatrix) else counts, dtype=np.float32)
    return np.log1p(depth * table / np.maximum(table.sum(1, keepdims=True), 1.0))


class ResponsePredictor(Protocol):
    """Learns from a screen what a treatment changes, then says so of other untreated cells."""

    name: str

    def fit(self, screen: Screen, seed: int = 0) -> Self: ...

    def change(self, cells: np.ndarray, treatment: str, group: str = ALL) -> np.ndarray:
        """Change of each untreated cell (n, genes) of a group, (n, genes). LookupError where nothing that was measured
        supports a prediction."""
        ...
