"""The stacked predictor: it combines modalities, and never sees a cell's answer in what it is told of that cell."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.autoencoder.fusion import late
from virtualcell.autoencoder.fusion.late import StackedPredictor
from virtualcell.schema import DataError

CELLS = 240


class Leaky(StackedPredictor):
    """The mistake that the tests must find: second-level inputs from predictors that saw the same cells."""

    def _outputs_for_training(self, name, x, y, rows, folds):  # type: ignore[no-untyped-def]
        said = super()._outputs_for_training(name, x, y, rows, folds)
        said[rows] = self._say(self._fit_one(name, x[rows], y[rows]), x[rows])
        return said


def told(stacked: StackedPredictor, y: np.ndarray, modality: int) -> float:
    """Share of training cells whose class is the one that a modality's second-level input names as most likely."""
    assert stacked.classes is not None
    width = len(stacked.classes)
    return float((stacked.classes[stacked.inputs[:, modality * width : (modality + 1) * width].argmax(1)] == y).mean())


def check_no_leak(kind: type[StackedPredictor], in_groups: bool = False) -> None:
    """Labels are drawn at random: nothing may look better than chance, neither new cells nor what the second level is told."""
    new, inside = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(24), CELLS // 24) if in_groups else None
        y = rng.integers(0, 2, CELLS)
        features = {m: rng.normal(size=(CELLS, 50)) for m in ("rna", "atac")}
        if groups is not None:  # the members of a group look alike and have one label: a split through them would leak
            y = rng.permutation(np.repeat([0, 1], 12))[groups]
            features = {m: rng.normal(size=(24, 50))[groups] + 0.1 * x for m, x in features.items()}
        stacked = kind().fit(features, y, groups, seed=seed)
        inside += [told(stacked, y, 0), told(stacked, y, 1)]
        fresh = {m: rng.normal(size=(1000, 50)) for m in features}
        new.append((stacked.predict(fresh) == rng.integers(0, 2, 1000)).mean())
    assert np.mean(new) < 0.55
    assert np.mean(inside) < 0.57


def test_random_labels_stay_at_chance() -> None:
    check_no_leak(StackedPredictor)


def test_random_labels_of_groups_stay_at_chance() -> None:
    check_no_leak(StackedPredictor, in_groups=True)


def test_a_planted_leak_is_found() -> None:
    with pytest.raises(AssertionError):
        check_no_leak(Leaky)


def test_groups_that_are_split_are_found() -> None:
    class Splits(StackedPredictor):
        def _folds(self, y, groups, seed):  # type: ignore[no-untyped-def]
            return super()._folds(y, None, seed)

    with pytest.raises(AssertionError):
        check_no_leak(Splits, in_groups=True)


def test_values_are_told_out_of_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a random target ridge on 100 features of 150 cells remembers; out of fold nothing is remembered."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=150)
    features = {"rna": rng.normal(size=(150, 100))}
    monkeypatch.setattr(late, "RIDGES", [1.0])  # weak, so that it could remember
    for kind, leaks in ((StackedPredictor, False), (Leaky, True)):
        remembered = np.corrcoef(kind().fit(features, y, seed=0).inputs[:, 0], y)[0, 1]
        assert (remembered > 0.5) == leaks


def halves(seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Each of two modalities sees one of the two numbers that together decide the class."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(800, 2))
    features = {m: np.column_stack([hidden[:, j], rng.normal(size=(800, 4))]) for j, m in enumerate(("rna", "atac"))}
    return features, np.where(hidden.sum(1) > 0, "late", "soon")


def test_two_modalities_together_know_more_than_either() -> None:
    features, y = halves()
    new, truth = halves(1)
    both = (StackedPredictor().fit(features, y, seed=0).predict(new) == truth).mean()
    alone = [(StackedPredictor().fit({m: features[m]}, y, seed=0).predict({m: new[m]}) == truth).mean() for m in features]
    assert both > 0.95
    assert max(alone) < 0.8


def test_values_of_several_targets() -> None:
    rng = np.random.default_rng(0)
    features = {m: rng.normal(size=(600, 4)) for m in ("rna", "prot")}
    y = np.column_stack([features["rna"][:, 0] + features["prot"][:, 1], 3 * features["prot"][:, 2]])
    stacked = StackedPredictor().fit({m: x[:400] for m, x in features.items()}, y[:400], seed=0)
    found = stacked.predict({m: x[400:] for m, x in features.items()})
    assert found.shape == (200, 2)
    assert min(np.corrcoef(found[:, j], y[400:, j])[0, 1] for j in range(2)) > 0.98
    with pytest.raises(ValueError, match="probabilities"):
        stacked.predict_proba(features)


def test_cells_without_a_modality_are_read_from_the_others() -> None:
    features, y = halves()
    measured = {"rna": np.arange(800) % 3 != 0, "atac": np.arange(800) % 3 != 1}
    holes = {m: np.where(measured[m][:, None], x, np.nan) for m, x in features.items()}
    stacked = StackedPredictor().fit(holes, y, seed=0)
    new, truth = halves(1)
    everything = stacked.predict(new)
    assert (everything == truth).mean() > 0.93
    only = stacked.predict({"rna": new["rna"], "atac": np.full_like(new["atac"], np.nan)})
    assert 0.7 < (only == truth).mean() < 0.85
    # Said by a mask instead: the same, whatever stands where nothing was measured.
    junk = {m: np.where(measured[m][:, None], x, 1e6) for m, x in features.items()}
    again = StackedPredictor().fit(junk, y, seed=0, measured=measured)
    np.testing.assert_array_equal(again.inputs, stacked.inputs)
    np.testing.assert_array_equal(again.predict_proba(new), stacked.predict_proba(new))
    assert (stacked.inputs[:, -2:] == np.column_stack(list(measured.values()))).all()
    nothing = {m: np.zeros(800, dtype=bool) for m in measured}
    assert np.isfinite(stacked.predict_proba(new, measured=nothing)).all()


def test_what_cannot_be_learned_from_is_refused() -> None:
    features, y = halves()
    with pytest.raises(DataError, match="two classes"):
        StackedPredictor().fit(features, np.array(["a"] * 799 + ["b"]), seed=0)
    broken = features | {"rna": features["rna"].copy()}
    broken["rna"][3, 1] = np.nan
    with pytest.raises(DataError, match="rna"):
        StackedPredictor().fit(broken, y, seed=0)
    with pytest.raises(DataError, match="rna"):
        StackedPredictor().fit(features, y, seed=0, measured={"rna": y == "late", "atac": np.ones(800, dtype=bool)})
    with pytest.raises(DataError, match="atac"):
        StackedPredictor().fit(features, y, seed=0, measured={"rna": np.ones(800, bool), "atac": np.zeros(800, bool)})
