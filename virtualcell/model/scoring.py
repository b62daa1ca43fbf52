"""Which measurements and labels belong to a cell, as the conditional adversary says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData

from virtualcell.generative.adversary import PairScorer
from virtualcell.generative.adversary_labels import STATE, TIME, TREATMENT, LabelScorer
from virtualcell.generative.adversary_saved import NAME, fit_scorers, read_scorers, write_scorers
from virtualcell.generative.adversary_suspects import RATE, Suspects, find_suspects
from virtualcell.generative.material import Material
from virtualcell.model.refusing import Refusing
from virtualcell.schema import DataError
from virtualcell.training.epochs import Progress

WHY = "why"
"""Of a table of labels, in ``attrs``, and column of suspicious pairs: why nothing is said of a cell."""
STAGE = "generators"
"""Of training, as progress is told."""


class Scoring(Refusing):
    """Are these measurements of one cell, and is this label plausible for it?"""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._faults: dict[str, DataError] = {}
        """What is wrong with the files of a generator that could not be read, by its name."""

    @property
    def generator_faults(self) -> dict[str, DataError]:
        """Why generators whose files lie beside the model could not be read, by their name: "samplers", "pairs" or "codes"."""
        return dict(self._faults)

    def _raise_fault(self, name: str) -> None:
        if name in self._faults:
            raise self._faults[name]

    def _fit_scorers(self, material: Material, cells: MuData, seed: int, progress: Progress | None) -> None:
        """Learns which measurements and which labels go together; material: the cells of the fit, read as new."""
        seen = self._see(material, cells, seed)

        def tell(_: str, done: int, total: int, figures: dict[str, float]) -> None:
            if progress is not None:
                progress(STAGE, done, total, figures)

        self.pairs = fit_scorers(material, {STATE: self.settings.columns.state}, seen, seed=seed, progress=tell)

    def _scorers_record(self) -> dict[str, dict[str, Any]]:
        """What the scorers say of themselves, {} where there are none."""
        if self.pairs is None:
            return {}
        pairs = {f"{p.source}, {p.target}": {"gate": p.gate, **p.record} for p in self.pairs.pairs.values()}
        return {NAME: {"pairs": pairs, "labels": {name: dict(one.record) for name, one in self.pairs.labels.items()}}}

    def _save_scorers(self, folder: Path) -> None:
        if self.pairs is not None:
            write_scorers(self.pairs, folder, self.record["digest"])

    def _load_scorers(self, folder: Path) -> None:
        self.pairs = read_scorers(folder, self.record["digest"])

    def pair_scores(self, cells: MuData | ad.AnnData, *, source: str, target: str, order: np.ndarray | None = None) -> np.ndarray:
        """Logit (cells,): how well the target's measurement of cell ``order[i]`` fits the source's of cell i; order: its own.

        Above 0: rather of one cell than of two, where true and swapped pairs are equally many. NaN where one of the two was not
        measured or is unlike all that was learned from (``refusals`` says why). Raises DataError where nothing was learned of the
        two, and for an order that is none.
        """
        scorer = self._pair_scorer(source, target)
        embeddings, why, _ = self._sides(cells, source, target)
        place = _checked_order(order, cells.n_obs)
        rows = np.flatnonzero((why[source] == "") & (why[target][place] == ""))
        sides = {source: embeddings[source][rows], target: embeddings[target][place[rows]]}
        found = np.full(cells.n_obs, np.nan)
        if len(rows):
            found[rows] = scorer.score(sides[scorer.source], sides[scorer.target])
        return found

    def suspicious_pairs(
        self,
        cells: MuData | ad.AnnData,
        *,
        source: str,
        target: str,
        order: np.ndarray | None = None,
        within: str | None = None,
        rate: float = RATE,
        seed: int = 0,
    ) -> Suspects:
        """Which cells' two measurements seem to be of different cells, and whether the whole sample was shuffled.

        order: as in ``pair_scores``; within: column of ``obs`` within which the sample may have been shuffled, one of those by
        which the model was fitted (``pair_groups``): within others the scores of swapped pairs are not known. rate: of false
        alarms among suspicious cells. ``Suspects.cells`` is named as the cells that have both measurements; its column "why" says
        which of them are not judged (NaN), "" of the others.
        """
        scorer = self._pair_scorer(source, target)
        if within is not None and within not in cells.obs:
            raise DataError(f"There is no column {within!r} in obs.", next_step="name a column of the cells.", field=within)
        known = self._pair_groups(scorer)
        if within is not None and within not in known:
            raise DataError(
                "Swapped pairs were not scored within this column, so nothing is known of what they look like.",
                next_step=f"choose among {', '.join(known)}." if known else "ask without a column.",
                field=within,
            )
        embeddings, why, measured = self._sides(cells, source, target)
        place = _checked_order(order, cells.n_obs)
        reason = np.where(why[source] == "", why[target][place], why[source])
        rows = np.flatnonzero(reason == "")
        groups = None if within is None else cells.obs[within].astype(str).to_numpy()[rows]
        sides = {source: embeddings[source][rows], target: embeddings[target][place[rows]]}
        seen = {} if self.pairs is None else self.pairs.seen
        taught = any(seen[name].taught(values).any() for name, values in sides.items() if name in seen and len(values))
        kind = STATE if within is None else known[within]
        found = find_suspects(
            scorer, sides[scorer.source], sides[scorer.target], groups=groups, kind=kind, taught=taught, rate=rate, seed=seed
        )
        found.cells.index = pd.Index(cells.obs_names[rows])
        asked = measured[:, 0] & measured[place, 1]
        table = found.cells.reindex(cells.obs_names[asked])
        table["suspicious"] = table["suspicious"].eq(True)
        return replace(found, cells=table.assign(**{WHY: reason[asked]}))

    def label_scores(self, cells: MuData | ad.AnnData, *, column: str = "time") -> pd.DataFrame:
        """Probability of each label given each cell's state, (cells, labels), rows adding up to 1; NaN in cells that are unlike
        all that was learned from, and ``attrs["why"]`` says why, by their name (``refusals``).

        column: "time", "treatment" or "state" (the annotation that the model was fitted with). Raises DataError where there
        are no two labels of the kind.
        """
        scorer = self._label_scorer(column)
        table = self._table(cells, None, None, empty=True)
        states, why = self._states(table), self._refused(table)
        far = (why == "") & ~self.in_domain(states)
        why[far] = "Nothing like its state was measured: it lies further from training cells than 99 of 100 of them do."
        said = np.where((why == "")[:, None], scorer.probability(states), np.nan)
        found = pd.DataFrame(said, index=cells.obs_names, columns=list(scorer.labels))
        found.attrs[WHY] = {str(name): str(reason) for name, reason in zip(cells.obs_names, why, strict=True) if reason}
        return found

    def pair_groups(self, source: str, target: str) -> list[str]:
        """Columns of ``obs`` that ``suspicious_pairs`` takes as ``within``."""
        return list(self._pair_groups(self._pair_scorer(source, target)))

    def _sides(
        self, cells: MuData | ad.AnnData, source: str, target: str
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
        """By modality: embedding (cells, d) by it alone, and why it is not judged, (cells,) str, "" where it is; where it was
        measured, (cells, 2) bool."""
        table = self._table(cells, None, None, empty=True)
        names, order = (source, target), list(self._fitted.autoencoder.names)
        embeddings, why = {m: self._alone(table, m) for m in names}, {m: self._refused(table, (m,)) for m in names}
        return embeddings, why, table.mask[:, [order.index(m) for m in names]]

    def _pair_scorer(self, source: str, target: str) -> PairScorer:
        for name in (source, target):
            self.features(name)
        known = {} if self.pairs is None else self.pairs.pairs
        found = known.get((source, target)) or known.get((target, source))
        if found is None:
            self._raise_fault(NAME)
            raise DataError(
                f"Nothing was learned of {source} and {target} in one cell.",
                next_step="train the generators with `virtualcell generators`, on cells that have both.",
                field=target,
            )
        return found

    def _label_scorer(self, column: str) -> LabelScorer:
        known = {} if self.pairs is None else self.pairs.labels
        if column not in known:
            self._raise_fault(NAME)
            raise DataError(
                f"Nothing was learned of {column!r}.",
                next_step=f"choose one of {', '.join(known)}."
                if known
                else "train the generators with `virtualcell generators`.",
                field="column",
            )
        return known[column]

    def _pair_groups(self, scorer: PairScorer) -> dict[str, str]:
        """Columns of obs within which swapped pairs were scored, and what they are."""
        columns = self.settings.columns
        asked = {TIME: columns.time, TREATMENT: columns.perturbation, STATE: columns.state}
        return {column: kind for kind, column in asked.items() if column is not None and kind in scorer.swapped_within}


def _checked_order(order: np.ndarray | None, n: int) -> np.ndarray:
    """Row (cells,) whose target each cell is paired with; its own where no order is given."""
    place = np.arange(n) if order is None else np.asarray(order)
    if place.shape != (n,) or not np.issubdtype(place.dtype, np.integer) or ((place < 0) | (place >= n)).any():
        raise DataError(f"The order is none of {n} cells.", next_step="give one row number for each cell.", field="order")
    return place
