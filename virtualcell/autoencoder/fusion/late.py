"""Late fusion: modalities are read apart, and only what each one concludes is combined."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from virtualcell.autoencoder.fusion.base import Fusion
from virtualcell.autoencoder.fusion.product import product_of_experts
from virtualcell.autoencoder.linear import LinearCore, share_dimensions
from virtualcell.schema import DataError

Array = NDArray[np.float64]

FOLDS = 5
RIDGES = np.logspace(-1, 5, 7)
LEAST_PROBABILITY = 1e-4


class Late(Fusion):
    """No joint latent: disjoint blocks of dimensions, each read by one modality's expert alone; the prior where not measured.

    ``blocks`` says which dimensions are whose; a decoder that sees only its own block codes each modality separately. They are
    set when the linear floor is (``start_from``), as the floor decides whose components the dimensions are, and are saved with
    the weights.
    """

    deep_experts = True

    def __init__(self, inputs: dict[str, int], d: int, hidden: int):
        super().__init__(inputs, d, hidden)
        sizes = share_dimensions(list(inputs), {m: n - 1 for m, n in inputs.items()}, d)
        if sum(sizes.values()) != d:
            raise DataError(
                f"{d} latent dimensions are more than the {sum(sizes.values())} components of these modalities.",
                next_step="choose a smaller latent_dim.",
                field="latent_dim",
            )
        owner = np.repeat(np.arange(len(self.names)), [sizes[m] for m in self.names])
        self.register_buffer("owner", torch.from_numpy(owner))

    @property
    def blocks(self) -> dict[str, slice]:  # type: ignore[override]
        owner = self.owner.tolist()
        first = {m: owner.index(i) if i in owner else self.d for i, m in enumerate(self.names)}
        return {m: slice(first[m], first[m] + owner.count(i)) for i, m in enumerate(self.names)}

    def start_from(self, core: LinearCore) -> None:
        if len(core.owner) != self.d:
            raise ValueError(f"the linear floor names the owners of {len(core.owner)} dimensions, the latent has {self.d}")
        self.owner.copy_(torch.tensor([self.names.index(m) for m in core.owner]))
        if self.owner.tolist() != sorted(self.owner.tolist()):
            raise ValueError("the dimensions of a modality must lie side by side, in the order of the modalities")
        super().start_from(core)

    def fuse(self, seen: dict[str, Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        owns = self.owner == torch.arange(len(self.names), device=mask.device)[:, None]
        return product_of_experts(*self.speak(seen), mask[:, :, None] & owns)


class StackedPredictor:
    """One predictor a modality, and a second-level one that combines them, trained on out-of-fold outputs only (Wolpert 1992).

    The type of y decides: integers, words and yes/no are classes (logistic regression on standardised features, outputs are
    log-probabilities), floating-point numbers are values (ridge, strength by cross-validation), one or several columns. A cell
    without a modality has the training mean in place of that modality's output, and an indicator that says so.
    """

    def fit(
        self,
        features: dict[str, np.ndarray],
        y: np.ndarray,
        groups: np.ndarray | None = None,
        seed: int = 0,
        measured: dict[str, np.ndarray] | None = None,
    ) -> StackedPredictor:
        """features[m]: (cells, k); y: (cells,) or (cells, targets); groups: (cells,), the members of one (a donor, a clone) are
        never in two folds; measured[m]: (cells,) bool, by default all rows but those that are NaN throughout.

        Sets ``inputs``: (cells, outputs of all modalities, then an indicator each), what the second level was trained on.
        DataError where a modality was measured in too few cells, or a class has too few of them.
        """
        y = np.asarray(y)
        self.names = tuple(features)
        self.is_classes = not np.issubdtype(y.dtype, np.floating)
        self.classes = np.unique(y) if self.is_classes else None
        seen = _measured(features, measured)
        folds = list(self._folds(y, groups, seed))
        self.first, self.typical, outputs = {}, {}, {}
        for m in self.names:
            x, rows = np.asarray(features[m]), seen[m]
            said = self._outputs_for_training(m, x, y, rows, folds)
            self.typical[m] = said[rows].mean(0)
            outputs[m] = np.where(rows[:, None], said, self.typical[m])
            self.first[m] = self._fit_one(m, x[rows], y[rows])
        self.inputs = self._second_level_inputs(outputs, seen)
        self.second = make_pipeline(StandardScaler(), self._model()).fit(self.inputs, y)
        return self

    def predict(self, features: dict[str, np.ndarray], measured: dict[str, np.ndarray] | None = None) -> np.ndarray:
        """Classes or values of new cells, shaped as y in ``fit``."""
        return self.second.predict(self._combine(features, measured))

    def predict_proba(self, features: dict[str, np.ndarray], measured: dict[str, np.ndarray] | None = None) -> Array:
        """Probability of each class, (cells, classes) in the order of ``classes``; ValueError where y has none."""
        if not self.is_classes:
            raise ValueError("probabilities are for classes; y was values")
        return self.second.predict_proba(self._combine(features, measured))

    def _combine(self, features: dict[str, np.ndarray], measured: dict[str, np.ndarray] | None) -> Array:
        seen, outputs = _measured(features, measured), {}
        for m in self.names:
            outputs[m] = np.tile(self.typical[m], (len(seen[m]), 1))
            if seen[m].any():
                outputs[m][seen[m]] = self._say(self.first[m], np.asarray(features[m])[seen[m]])
        return self._second_level_inputs(outputs, seen)

    def _outputs_for_training(
        self, name: str, x: np.ndarray, y: np.ndarray, rows: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]
    ) -> Array:
        """Outputs (cells, outputs) of predictors that never saw the cell: a first level judged on its own training cells would
        look better to the second than it is."""
        said: Array | None = None
        for train, test in folds:
            train, test = train[rows[train]], test[rows[test]]
            if len(test) == 0:
                continue
            found = self._say(self._fit_one(name, x[train], y[train]), x[test])
            said = np.full((len(x), found.shape[1]), np.nan) if said is None else said
            said[test] = found
        if said is None:
            raise DataError("None of the cells has this modality.", next_step="leave it out.", field=name)
        return said

    def _folds(self, y: np.ndarray, groups: np.ndarray | None, seed: int) -> Any:
        if self.is_classes:
            # The smallest class, or the number of groups that it comes from, limits how often the cells can be split.
            units = [len(np.unique(groups[y == c])) if groups is not None else int((y == c).sum()) for c in np.unique(y)]
            if len(units) < 2 or min(units) < 2:
                raise DataError(
                    "Each of at least two classes needs two cells (or two groups) to learn from and to be judged on.",
                    next_step="leave out the rarest classes.",
                )
            splitter: BaseCrossValidator = (StratifiedKFold if groups is None else StratifiedGroupKFold)(
                min(FOLDS, *units), shuffle=True, random_state=seed
            )
        elif groups is None:
            splitter = KFold(FOLDS, shuffle=True, random_state=seed)
        else:
            splitter = GroupKFold(min(FOLDS, len(np.unique(groups))))
        return splitter.split(np.zeros(len(y)), y, groups)

    def _model(self) -> LogisticRegression | RidgeCV:
        return LogisticRegression(max_iter=2000) if self.is_classes else RidgeCV(RIDGES)

    def _fit_one(self, name: str, x: np.ndarray, y: np.ndarray) -> Pipeline:
        if len(x) < 2 or (self.is_classes and len(np.unique(y)) < 2):
            raise DataError(
                "It was measured in too few cells, or only in cells of one class, to predict from.",
                next_step="leave this modality out, or use cells in which it was measured in at least two classes.",
                field=name,
            )
        return make_pipeline(StandardScaler(), self._model()).fit(x, y)

    def _say(self, model: Pipeline, x: np.ndarray) -> Array:
        """Output of a first-level predictor: log-probability of each class, or values; always two-dimensional."""
        if self.classes is None:
            found = model.predict(x)
            return found[:, None] if found.ndim == 1 else found
        said = np.zeros((len(x), len(self.classes)))
        said[:, np.searchsorted(self.classes, model.classes_)] = model.predict_proba(x)  # a fold may lack a class
        return np.log(np.maximum(said, LEAST_PROBABILITY))

    def _second_level_inputs(self, outputs: dict[str, Array], seen: dict[str, np.ndarray]) -> Array:
        return np.column_stack([*(outputs[m] for m in self.names), *(seen[m] for m in self.names)]).astype(np.float64)


def _measured(features: dict[str, np.ndarray], measured: dict[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    """Which cells have which modality, (cells,) bool; DataError where a measured cell has a missing feature."""
    seen = {}
    for m, x in features.items():
        seen[m] = ~np.isnan(x).all(1) if measured is None else np.asarray(measured[m], dtype=bool)
        if not np.isfinite(np.asarray(x)[seen[m]]).all():
            raise DataError(
                "Some measured cells have features that are missing or not finite.",
                next_step="say in 'measured' which cells have this modality, and give all its features for them.",
                field=m,
            )
    return seen
