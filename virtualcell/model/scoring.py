"""Which measurements and labels belong to a cell, as the conditional adversary says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from mudata import MuData

from virtualcell.generative.adversary import PairScorer
from virtualcell.generative.adversary_labels import LabelScorer
from virtualcell.generative.adversary_saved import NAME, Scorers, fit_scorers, read_scorers, write_scorers
from virtualcell.generative.adversary_suspects import RATE, Suspects, find_suspects
from virtualcell.generative.material import Material
from virtualcell.model.held import Held
from virtualcell.schema import DataError
from virtualcell.training.described import encode_table
from virtualcell.training.epochs import Progress

STAGE = "generators"
"""Of training, as progress is told."""


class Scoring(Held):
    """Are these measurements of one cell, and is this label plausible for it?"""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.pairs: Scorers | None = None
        self._faults: dict[str, DataError] = {}
        """What is wrong with the files of a generator that could not be read, by its name."""

    @property
    def generator_faults(self) -> dict[str, DataError]:
        """Why generators whose files lie beside the model could not be read, by their name: "samplers", "pairs" or "codes"."""
        return dict(self._faults)

    def _raise_fault(self, name: str) -> None:
        if name in self._faults:
            raise self._faults[name]

    def _fit_scorers(self, material: Material, seed: int, progress: Progress | None) -> None:
        """Learns which measurements and which labels go together; material: the cells of the fit, read as new."""

        def tell(_: str, done: int, total: int, figures: dict[str, float]) -> None:
            if progress is not None:
                progress(STAGE, done, total, figures)

        self.pairs = fit_scorers(material, {"state": self.settings.columns.state}, seed=seed, progress=tell)

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
        measured. Raises DataError where nothing was learned of the two, and for an order that is none.
        """
        scorer = self._pair_scorer(source, target)
        embeddings, measured = self._alone(cells, (source, target))
        n = len(measured)
        place = _checked_order(order, n)
        rows = np.flatnonzero(measured[:, 0] & measured[place, 1])
        sides = {source: embeddings[source][rows], target: embeddings[target][place[rows]]}
        found = np.full(n, np.nan)
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

        order: as in ``pair_scores``; within: column of ``obs`` within which the sample may have been shuffled, such as the time;
        rate: of false alarms among suspicious cells. ``Suspects.cells`` is named as the cells that have both measurements.
        """
        scorer = self._pair_scorer(source, target)
        embeddings, measured = self._alone(cells, (source, target))
        place = _checked_order(order, len(measured))
        rows = np.flatnonzero(measured[:, 0] & measured[place, 1])
        if within is not None and within not in cells.obs:
            raise DataError(f"There is no column {within!r} in obs.", next_step="name a column of the cells.", field=within)
        groups = None if within is None else cells.obs[within].astype(str).to_numpy()[rows]
        sides = {source: embeddings[source][rows], target: embeddings[target][place[rows]]}
        found = find_suspects(scorer, sides[scorer.source], sides[scorer.target], groups=groups, rate=rate, seed=seed)
        found.cells.index = pd.Index(cells.obs_names[rows])
        return found

    def label_scores(self, cells: MuData | ad.AnnData, *, column: str = "time") -> pd.DataFrame:
        """Probability of each label given each cell's state, (cells, labels), rows adding up to 1.

        column: "time", "treatment" or "state" (the annotation that the model was fitted with). Raises DataError where there
        are no two labels of the kind.
        """
        scorer = self._label_scorer(column)
        states = self._states(self._table(cells, None, None))
        return pd.DataFrame(scorer.probability(states), index=cells.obs_names, columns=list(scorer.labels))

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

    def _alone(self, cells: MuData | ad.AnnData, names: tuple[str, ...]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Embedding (cells, d) by each of the modalities alone, and whether it was measured, (cells, modalities)."""
        core, table = self._fitted.autoencoder, self._table(cells, None, None)
        place = [list(core.names).index(name) for name in names]
        found = {}
        for name, column in zip(names, place, strict=True):
            part = np.zeros_like(table.mask)
            part[:, column] = True
            found[name] = (encode_table(core, table, self.device, part) * core.latent_scale.cpu().numpy()).astype(np.float32)
        return found, table.mask[:, place]


def _checked_order(order: np.ndarray | None, n: int) -> np.ndarray:
    """Row (cells,) whose target each cell is paired with; its own where no order is given."""
    place = np.arange(n) if order is None else np.asarray(order)
    if place.shape != (n,) or not np.issubdtype(place.dtype, np.integer) or ((place < 0) | (place >= n)).any():
        raise DataError(f"The order is none of {n} cells.", next_step="give one row number for each cell.", field="order")
    return place
