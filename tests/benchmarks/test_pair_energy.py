"""The pair-energy benchmark: halves that share no cell, genes permuted as said, and figures computed from them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import pair_energy
from benchmarks.pair_energy import (
    CHOSEN,
    CONTRASTS,
    OURS,
    Halves,
    contrasts,
    one_seed,
    permuted_genes,
    predictions,
    split,
    tables,
)
from virtualcell.data.catalogue import load_demo
from virtualcell.data.counts import counts_of
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import PredictorSettings

SMALL = PredictorSettings(width=8, steps=6, warm_steps=5, rollouts=16, euler_steps=8)


def drifting(cells: int = 120) -> Halves:
    """Populations that move by 1.5 a step along the first coordinate, with correlated coordinates."""
    rng = np.random.default_rng(0)
    law = np.array([[1.0, 0.8], [0.8, 1.0]])

    def measured() -> list[np.ndarray]:
        return [rng.multivariate_normal([1.5 * t, 0], law, cells) for t in range(4)]

    training, test = measured(), measured()
    mixed = [[np.stack([rng.permutation(c) for c in cells.T], 1) for cells in half] for half in (training, test)]
    return Halves(np.linspace(0, 1, 4), training, test, mixed[1], mixed[0], Dynamics(2, 4, 0.1))


def test_halves_share_no_cell_and_hold_half_of_every_time() -> None:
    time = np.repeat([0.0, 1.0, 3.0], [7, 10, 20])
    training = split(time, np.random.default_rng(0))
    assert [training[time == t].sum() for t in (0, 1, 3)] == [3, 5, 10]
    assert (split(time, np.random.default_rng(1)) != training).any()


def test_permuted_genes_keep_each_gene_and_break_what_belongs_together() -> None:
    cells = load_demo("a549")[:200].copy()
    mixed = permuted_genes(cells, np.random.default_rng(0))
    for name in cells.mod:
        before, after = (counts_of(c.mod[name], modality=name).toarray() for c in (cells, mixed))
        np.testing.assert_array_equal(np.sort(before, 0), np.sort(after, 0))
        # Depth is the sum of what belongs together: its spread shrinks to that of independent genes.
        assert after.sum(1).std() < 0.7 * before.sum(1).std()
    assert list(mixed.obs_names) == list(cells.obs_names)


def test_a_perfect_prediction_tells_every_contrast_and_a_blind_one_does_not() -> None:
    halves = drifting()

    def truth(start: np.ndarray, at: int, seed: int):
        return np.repeat(start + np.array([1.5, 0.0]), 5, 0), np.zeros(5 * len(start))

    def blind(start: np.ndarray, at: int, seed: int):
        return predictions(halves)["no change"](start, at, seed)

    known = contrasts(halves, truth, ["gaussian"], 0, 10)["gaussian"]
    assert {kind: len(values) for kind, values in known.items()} == {
        "wrong time": 9,
        "time-reversed": 3,
        "gene-shuffled": 3,
        "the start's own time": 3,
    }
    for kind in CONTRASTS:
        assert np.mean(known[kind]) > 0.95, kind
    still = contrasts(halves, blind, ["gaussian"], 0, 10)["gaussian"]
    assert np.mean(still["the start's own time"]) < 0.05
    assert 0.2 < np.mean(still["time-reversed"]) < 0.8


def test_training_cells_are_judged_only_when_asked() -> None:
    halves = drifting()
    changed = Halves(
        halves.times, [x + 9 for x in halves.training], halves.test, halves.shuffled, halves.shuffled_training, halves.model
    )
    predict = predictions(halves)["no change"]
    assert contrasts(halves, predict, ["distance"], 0, 3) == contrasts(changed, predict, ["distance"], 0, 3)
    assert contrasts(halves, predict, ["distance"], 0, 3, True) != contrasts(
        Halves(halves.times, halves.training[::-1], halves.test, halves.shuffled, halves.shuffled_training, halves.model),
        predict,
        ["distance"],
        0,
        3,
        True,
    )


def test_what_the_test_cells_read_does_not_change_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    original = pair_energy.train_predictor

    def watch(z: np.ndarray, *arguments: object, **named: object):
        seen.append(z)
        return original(z, *arguments, **named)

    monkeypatch.setattr(pair_energy, "train_predictor", watch)
    first = pair_energy.embryoid("EB, 5 PCs", 0, SMALL)
    cells = pair_energy.components("EB, 5 PCs")
    rng = np.random.default_rng(0)
    training = split(np.repeat(list(cells), [len(x) for x in cells.values()]), rng)
    whole = np.concatenate(list(cells.values()))
    whole[~training] = whole[~training][::-1] * 3 + 1
    parts = dict(zip(cells, np.split(whole, len(cells)), strict=True))
    monkeypatch.setattr(pair_energy, "components", lambda space: parts)
    second = pair_energy.embryoid("EB, 5 PCs", 0, SMALL)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert len(seen[0]) == training.sum()
    start = first.test[0][:10]
    np.testing.assert_array_equal(first.predict(start, 0.25, 0)[0], second.predict(start, 0.25, 0)[0])
    assert not np.allclose(first.test[1], second.test[1])


def test_rows_and_claims_come_from_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_energy, "COPIES", 2)
    results = [one_seed("EB, 5 PCs", seed, SMALL, repeats=2) for seed in (0, 1)]
    rows, claims = tables("EB, 5 PCs", results, [0, 1])
    table = {(row.method, row.metric): row for row in rows}
    for claim, kind in zip(claims[::2], CONTRASTS, strict=True):
        assert kind in claim.name
        assert claim.value == table[CHOSEN, f"{kind}, AUROC"].value
        assert claim.holds == (claim.value >= 0.8)
    for result in results:
        tuning = {
            way: min(result[f"{OURS}, {way}, on training cells", f"{kind}, AUROC"] for kind in CONTRASTS)
            for way in ("gaussian", "kernel", "distance")
        }
        best = max(tuning, key=tuning.__getitem__)
        for kind in CONTRASTS:
            assert result[CHOSEN, f"{kind}, AUROC"] == result[f"{OURS}, {best}", f"{kind}, AUROC"]
