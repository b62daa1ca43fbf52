"""Swapped samples are told from true ones, and one cell is not accused of what it cannot show."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generative.test_adversary import correlated, material
from virtualcell.generative.adversary import PairScorer, fit_pairs
from virtualcell.generative.adversary_suspects import find_suspects
from virtualcell.schema import DataError


@pytest.fixture(scope="module")
def sure() -> PairScorer:
    """Six strong correlations: one cell is enough."""
    return fit_pairs(material(*correlated(1300, (0.95,) * 6), held_out=400), "rna", "atac", seed=0)


@pytest.fixture(scope="module")
def weak() -> PairScorer:
    """One weak correlation: only many cells together tell."""
    return fit_pairs(material(*correlated(1300, (0.5,)), held_out=400), "rna", "atac", seed=0)


def test_single_swaps_are_found_with_few_false_alarms(sure: PairScorer) -> None:
    shares, false = [], []
    for seed in range(5):
        a, b = correlated(300, (0.95,) * 6, seed=10 + seed)
        order = np.arange(300)
        order[:60] = np.roll(order[:60], 1)
        found = find_suspects(sure, a, b[order], rate=0.1)
        called = found.cells["suspicious"].to_numpy()
        shares.append(called[:60].mean())
        false.append(called[60:].sum() / max(1, called.sum()))
    assert np.mean(shares) > 0.9
    assert np.mean(false) < 0.15
    assert found.power > 0.9
    assert found.verdict == "partly swapped"
    assert found.low < 0.8 < 1 - 0.2 + 0.1
    assert found.paired == pytest.approx(0.8, abs=0.1)


def test_a_weak_relation_tells_samples_and_not_cells(weak: PairScorer) -> None:
    a, b = correlated(400, (0.5,), seed=3)
    order = np.random.default_rng(0).permutation(400)
    true, shuffled = find_suspects(weak, a, b), find_suspects(weak, a, b[order])
    assert true.verdict == "not shuffled as a whole", "a weak relation does not show that none is swapped"
    assert true.p_shuffled < 0.01
    assert true.power < 0.5
    assert shuffled.verdict == "shuffled"
    assert shuffled.p_shuffled > 0.05
    assert shuffled.high < 0.5
    assert true.cells["suspicious"].mean() < 0.05


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_a_sample_is_called_as_paired_only_where_nearly_all_of_it_is(sure: PairScorer, weak: PairScorer, share: float) -> None:
    for scorer, correlations in ((sure, (0.95,) * 6), (weak, (0.5,))):
        for seed in range(4):
            a, b = correlated(400, correlations, seed=40 + seed)
            order = np.arange(400)
            order[: int(share * 400)] = np.roll(order[: int(share * 400)], 1)
            found = find_suspects(scorer, a, b[order], seed=seed)
            if share >= 0.2:
                assert found.verdict != "as paired"
            elif scorer is sure:
                assert found.verdict == "as paired"
            # Cells that taught the scorer are never vouched for, and no share is told of them.
            taught = find_suspects(scorer, a, b[order], taught=True, seed=seed)
            assert taught.verdict != "as paired"
            assert np.isnan([taught.paired, taught.low, taught.high]).all()


def test_pairs_that_fit_better_than_any_should_are_told_no_share(weak: PairScorer) -> None:
    a, b = correlated(500, (0.95,), seed=7)
    found = find_suspects(weak, a, b)
    assert found.too_well
    assert found.verdict == "not shuffled as a whole"
    assert np.isnan(found.paired)


def test_power_is_the_share_of_a_tenth_that_is_called(sure: PairScorer, weak: PairScorer) -> None:
    for scorer, correlations in ((sure, (0.95,) * 6), (weak, (0.5,))):
        shares = []
        for seed in range(6):
            a, b = correlated(300, correlations, seed=60 + seed)
            order = np.arange(300)
            order[:30] = np.roll(order[:30], 1)
            found = find_suspects(scorer, a, b[order], seed=seed)
            shares.append(found.cells["suspicious"][:30].mean())
        assert found.power == pytest.approx(np.mean(shares), abs=0.12)
        assert found.least_p == pytest.approx(1 / 401)


def test_p_values_of_true_pairs_are_even(sure: PairScorer) -> None:
    a, b = correlated(1000, (0.95,) * 6, seed=21)
    p = find_suspects(sure, a, b).cells["p_true"].to_numpy()
    for level in (0.1, 0.3, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=0.07)


def test_what_tells_groups_apart_does_not_speak_for_the_pairs() -> None:
    """Source and target know the group and nothing else: shuffled within groups, the sample is as good as true."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 1300)
    a, b = (np.c_[4.0 * group + rng.normal(size=1300), rng.normal(size=1300)] for _ in range(2))
    scorer = fit_pairs(material(a, b, held_out=300), "rna", "atac", seed=0)
    x, y = a[-300:], b[-300:]
    assert find_suspects(scorer, x, y).p_shuffled < 0.01
    assert find_suspects(scorer, x, y, groups=group[-300:]).p_shuffled > 0.01


def test_where_nothing_relates_the_two_nothing_is_said_of_a_sample() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(700, 3)), rng.normal(size=(700, 3))
    found = find_suspects(fit_pairs(material(a, b, held_out=200), "rna", "atac", seed=0), a[:100], b[:100])
    assert found.verdict == "cannot be told"
    assert np.isnan([found.paired, found.low, found.high]).all()


def test_what_cannot_be_asked_is_named(weak: PairScorer) -> None:
    a, b = correlated(20, (0.5,))
    with pytest.raises(DataError, match="rate of false alarms is 2"):
        find_suspects(weak, a, b, rate=2)
    with pytest.raises(DataError, match="20 and 10 cells"):
        find_suspects(weak, a, b[:10])
    with pytest.raises(DataError, match="not scored within 'plate'"):
        find_suspects(weak, a, b, groups=np.zeros(20), kind="plate")
    with pytest.raises(DataError, match="3 group names for 20 cells"):
        find_suspects(weak, a, b, groups=np.zeros(3))
