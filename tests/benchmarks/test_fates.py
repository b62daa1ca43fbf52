"""The fate benchmark: truth by majority, own clones masked, whole clones resampled, and barcodes kept out of every training."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from benchmarks import fates as benchmark
from benchmarks.fates import CLONES, EARLY, FATES, LATE, OURS, UNBALANCED, Late, ceiling, density_odds, run, votes
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.evaluation.fate_auroc import CloneFates, clone_fates, clone_interval, fate_auroc
from virtualcell.model import VirtualCell
from virtualcell.schema import AutoencoderSettings, PredictorSettings, PreprocessSettings, Settings

SMALL = Settings(
    preprocess=PreprocessSettings(n_components=10),
    autoencoder=AutoencoderSettings(latent_dim=2, hidden=16, epochs=1, min_steps=5),
    predictor=PredictorSettings(width=8, steps=5, warm_steps=5, rollouts=16, euler_steps=8),
)


def toy():
    """Clones 0: two of the first fate; 1: one each; 2: second fate; 3: none late. The last cell has no clone."""
    clone = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, -1])
    early = np.array([1, 0, 0, 1, 0, 0, 1, 0, 1, 1], dtype=bool)
    labels = np.array(["x", "A", "A", "x", "A", "B", "A", "B", "B", "A"])
    barcodes = np.zeros((10, 4))
    barcodes[np.arange(9), clone[:9]] = 1
    return sp.csr_matrix(barcodes), early, ~early, labels


def test_truth_is_the_majority_of_late_sisters_and_ties_are_left_out() -> None:
    found = clone_fates(*toy(), ("A", "B"))
    assert found.cells.tolist() == [0, 3, 6]
    assert found.first.tolist() == [True, False, False]
    assert found.tied.tolist() == [False, True, False]
    assert found.clone.tolist() == [0, 1, 2]
    scores, decided = found.decided(np.array([[1.0, 2.0, 3.0]]))
    assert scores.tolist() == [[1.0, 3.0]]
    assert decided.clone.tolist() == [0, 2]
    assert found.clone_of.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, -1]


def test_a_clone_is_one_observation() -> None:
    clone = np.array([5, 2, 5, 5])
    cells = CloneFates(np.arange(4), np.array([True, False, True, True]), np.zeros(4, bool), clone, clone)
    scores, clones = cells.by_clone(np.array([[1.0, 9.0, 2.0, 6.0], [0.0, 1.0, 0.0, 3.0]]))
    np.testing.assert_allclose(scores, [[9.0, 3.0], [1.0, 1.0]])
    assert clones.clone.tolist() == [2, 5]
    assert clones.first.tolist() == [False, True]


def test_a_cell_of_two_clones_is_refused() -> None:
    barcodes, early, late, labels = toy()
    twice = barcodes.toarray()
    twice[0, 2] = 1
    with pytest.raises(ValueError, match="more than one clone"):
        clone_fates(sp.csr_matrix(twice), early, late, labels, ("A", "B"))


def test_the_demo_has_the_clones_that_were_counted() -> None:
    cells, columns = load_demo("larry"), DEMOS["larry"].columns
    time, labels = cells.obs[columns.time].to_numpy(float), cells.obs[columns.state].astype(str).to_numpy()
    found = clone_fates(cells.obsm[columns.clones], time == EARLY, time == LATE, labels, FATES)
    assert (len(np.unique(found.clone)), len(found.cells)) == (58, 102)
    assert (len(np.unique(found.clone[found.tied])), (~found.tied).sum()) == (3, 95)
    value, clones = ceiling(time, labels, found)
    assert 0.5 < value <= 1
    assert clones == 25


def test_the_interval_draws_whole_clones() -> None:
    rng = np.random.default_rng(0)
    first = np.repeat(rng.random(40) > 0.5, 5)
    score = np.repeat(rng.normal(size=40) + 1.2 * first[::5], 5)
    barcodes = np.arange(40).repeat(5)
    none = np.zeros(200, dtype=bool)
    whole = CloneFates(np.arange(200), first, none, barcodes, barcodes)
    alone = CloneFates(np.arange(200), first, none, np.arange(200), np.arange(200))
    wide, narrow = clone_interval(score, whole), clone_interval(score, alone)
    assert wide.value == narrow.value == pytest.approx(roc_auc_score(first, score))
    # Five copies of a cell are one cell: counted as five, the interval would be too narrow by the root of five.
    assert 1.7 < (wide.high - wide.low) / (narrow.high - narrow.low) < 2.8
    assert clone_interval(score, whole, score).high == 0
    gain = clone_interval(score, whole, rng.normal(size=200))
    assert gain.value > 0.1
    rough = np.round(score)
    assert fate_auroc(rough, first) == pytest.approx(roc_auc_score(first, rough))
    two = np.stack([score, -score])
    assert fate_auroc(two, first) == pytest.approx(0.5)


def test_votes_never_come_from_the_own_clone() -> None:
    late = Late(
        np.array([[0.0], [0.1], [5.0], [6.0]]), np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]) > 0, np.array([0, 0, 1, 1]) > 0
    )
    ends = np.zeros((2, 3, 1))
    found = votes(ends, np.array([7, 0]), late, 2)
    np.testing.assert_allclose(found, [np.log(2.5 / 0.5), np.log(0.5 / 2.5)])
    weighted = votes(np.array([[[0.0], [5.5]]]), np.array([7]), late, 2, np.array([[3.0, 1.0]]))
    np.testing.assert_allclose(weighted, [np.log((1.5 + 0.5) / (0.5 + 0.5))])


def test_density_odds_compare_mean_densities_of_other_clones() -> None:
    late = Late(np.zeros((3, 1)), np.array([0, 1, 2]), np.array([True, True, False]), np.array([False, False, True]))
    energies = np.array([[0.0, 2.0, 1.0], [0.0, 2.0, 1.0]])
    found = density_odds(energies, np.array([9, 0]), late)
    np.testing.assert_allclose(found, [np.log((1 + np.exp(-2)) / 2) + 1, -1.0])


@pytest.mark.slow
def test_no_training_sees_barcodes_or_annotation_and_rows_carry_the_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict] = []
    original = VirtualCell.fit

    def watch(model: VirtualCell, cells, **arguments):
        given.append({**arguments, "cells": cells})
        return original(model, cells, **arguments)

    monkeypatch.setattr(VirtualCell, "fit", watch)
    monkeypatch.setattr(benchmark, "COPIES", 4)
    rows, claims = run([0, 1], SMALL)
    assert len(given) == 2 * benchmark.FOLDS
    whole, columns = load_demo("larry"), DEMOS["larry"].columns
    early, late = (whole.obs[columns.time].to_numpy(dtype=float) == day for day in (EARLY, LATE))
    labels = whole.obs[columns.state].astype(str).to_numpy()
    fates = clone_fates(whole.obsm[columns.clones], early, late, labels, FATES)
    judged: list[int] = []
    for arguments in given[: benchmark.FOLDS]:
        out = ~whole.obs_names.isin(arguments["cells"].obs_names)
        # Whole clones: none of their cells is in the fit, at no time.
        assert set(fates.clone_of[out]).isdisjoint(fates.clone_of[~out])
        judged += np.unique(fates.clone_of[out]).tolist()
    assert sorted(judged) == np.unique(fates.clone).tolist()
    assert not any(arguments.get(name) for arguments in given for name in ("clones", "state"))
    table = {(row.method, row.metric): row for row in rows}
    assert claims[0].value == table[OURS, CLONES].value
    gain = table[OURS, f"{CLONES}, above {UNBALANCED}"]
    assert claims[1].value == gain.low
    assert gain.value == pytest.approx(table[OURS, CLONES].value - table[UNBALANCED, CLONES].value)
    without, alone = benchmark.NOISE_DENSITY, table[benchmark.NOISE_DENSITY, CLONES].value
    added = table[benchmark.DENSITY, f"{CLONES}, above {without}"]
    assert added.value == pytest.approx(table[benchmark.DENSITY, CLONES].value - alone)
    assert alone != 0.5, "nearer measured cells are denser, whatever the landscape"
    # The annotation has nothing to fit: the figure that an earlier count of the same 58 clones gave.
    assert table[benchmark.OWN, CLONES].value == pytest.approx(0.632, abs=0.001)
