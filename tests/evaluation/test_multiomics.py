"""Metrics of translation computed another way, and the simple predictions on cells whose best possible prediction is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor

from virtualcell.data.simulate_pairs import oracle_gain, oracle_probability, simulate_pairs
from virtualcell.evaluation import multiomics
from virtualcell.evaluation.multiomics import (
    TunedRidge,
    auroc_per_feature,
    foscttm,
    knn_translate,
    log_likelihood_gain,
    pearson_per_feature,
    permuted,
    rmse,
    time_read,
)

SEEDS = st.integers(0, 10_000)


# -- metrics -----------------------------------------------------------------------------------------------------------------
@given(SEEDS, st.integers(2, 40), st.integers(1, 4), st.booleans())
def test_auroc_is_that_of_sklearn_with_many_ties(seed, n, levels, sparse):
    rng = np.random.default_rng(seed)
    y, score = (rng.random((n, 6)) < 0.3).astype(float), rng.integers(0, levels, size=(n, 6)).astype(float)
    found = auroc_per_feature(sp.csr_matrix(y) if sparse else y, score)
    for j in range(6):
        if 0 < y[:, j].sum() < n:
            assert found[j] == pytest.approx(roc_auc_score(y[:, j], score[:, j]))
        else:
            assert np.isnan(found[j])


def test_auroc_in_parts_is_auroc_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    y, score = rng.random((30, 25)) < 0.4, rng.normal(size=(30, 25)).round(1)
    at_once = auroc_per_feature(y, score)
    monkeypatch.setattr(multiomics, "ENTRIES", 30 * 4)
    np.testing.assert_array_equal(auroc_per_feature(sp.csc_matrix(y.astype(float)), score), at_once)


def test_auroc_of_a_constant_score_is_one_half_and_of_the_truth_one():
    y = np.random.default_rng(0).random((50, 4)) < 0.5
    np.testing.assert_array_equal(auroc_per_feature(y, np.zeros((50, 4))), 0.5)
    np.testing.assert_array_equal(auroc_per_feature(y, y.astype(float)), 1.0)
    np.testing.assert_array_equal(auroc_per_feature(y, -y.astype(float)), 0.0)


@given(SEEDS, st.booleans())
def test_gain_is_the_difference_of_two_log_losses(seed, sparse):
    rng = np.random.default_rng(seed)
    y, p, base = (rng.random((5, 9)) < 0.4).astype(float), rng.uniform(0.01, 0.99, (5, 9)), rng.uniform(0.01, 0.99, 9)
    found = log_likelihood_gain(sp.csr_matrix(y) if sparse else y, p, base)
    for i in range(5):
        mine, theirs = (9 * log_loss(y[i], q, labels=[0, 1]) for q in (p[i], base))
        assert found[i] == pytest.approx(theirs - mine)


def test_gain_by_hand():
    # One peak open at p = .5 against .25: ln 2; one closed at .5 against .25: ln(.5 / .75).
    assert log_likelihood_gain(np.array([[1, 0]]), np.full((1, 2), 0.5), np.array([0.25, 0.25])) == pytest.approx(
        np.log(2) + np.log(2 / 3)
    )
    # An event that was called impossible costs the clip and no more.
    assert log_likelihood_gain(np.array([[1]]), np.zeros((1, 1)), np.array([0.5])) == pytest.approx(np.log(1e-5 / 0.5))
    assert log_likelihood_gain(np.array([[1]]), np.zeros((1, 1)), np.array([0.5]), clip=0.01) == pytest.approx(np.log(0.02))


@given(SEEDS, st.booleans())
def test_pearson_is_that_of_scipy(seed, sparse):
    rng = np.random.default_rng(seed)
    y = rng.poisson(1.0, (12, 5)).astype(float)
    p = y + rng.normal(size=y.shape)
    found = pearson_per_feature(sp.csr_matrix(y) if sparse else y, p)
    for j in range(5):
        if np.ptp(y[:, j]):
            assert found[j] == pytest.approx(stats.pearsonr(y[:, j], p[:, j]).statistic)
        else:
            assert np.isnan(found[j])


def test_pearson_of_constants():
    """A constant measurement cannot be scored; a constant prediction is scored, with nothing, however it was rounded."""
    y = np.random.default_rng(0).normal(size=(101, 3))
    y[:, 0] = 0.1
    p = np.repeat([[0.1, 0.1, 1e8 / 3]], 101, axis=0)
    np.testing.assert_array_equal(pearson_per_feature(y, p), [np.nan, 0, 0])


def test_rmse_by_hand():
    assert rmse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])) == pytest.approx(np.sqrt(2))


@given(SEEDS, st.integers(2, 20))
def test_foscttm_by_counting(seed, n):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 3, (n, 2)), rng.integers(0, 3, (n, 2))  # a grid, so that distances tie
    share = []
    for x, y in ((a, b), (b, a)):
        for i in range(n):
            own = ((x[i] - y[i]) ** 2).sum()
            others = [((x[i] - y[j]) ** 2).sum() for j in range(n) if j != i]
            share.append(np.mean([1.0 if d < own else 0.5 if d == own else 0.0 for d in others]))
    assert foscttm(a, b) == pytest.approx(np.mean(share))


def test_foscttm_of_perfect_collapsed_and_unrelated_latents(monkeypatch):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(300, 3))
    assert foscttm(a, a) == 0
    assert foscttm(np.zeros((9, 2)), np.ones((9, 2))) == 0.5
    b = rng.normal(size=(300, 3))
    whole = foscttm(a, b)
    assert whole == pytest.approx(0.5, abs=0.05)
    monkeypatch.setattr(multiomics, "ENTRIES", 300 * 7)
    assert foscttm(a, b) == pytest.approx(whole, abs=1e-15)


def test_time_is_read_where_it_is_written_and_not_elsewhere():
    rng = np.random.default_rng(0)
    time = rng.integers(0, 3, 600)
    assert time_read(np.eye(3)[time] * 1e-6 + 1e-9 * rng.normal(size=(600, 3)), time) == 1.0  # whatever the scale
    assert time_read(rng.normal(size=(600, 40)), time) == pytest.approx(1 / 3, abs=0.06)
    # Two normal classes at distance 2: a linear rule is right in Phi(1) of the cells.
    label = rng.integers(0, 2, 4000)
    assert time_read(rng.normal(size=(4000, 1)) + 2 * label[:, None], label) == pytest.approx(stats.norm.cdf(1), abs=0.02)
    with pytest.raises(ValueError, match="5 cells"):
        time_read(rng.normal(size=(20, 2)), np.r_[np.zeros(18), 1, 1])


@given(SEEDS, st.integers(1, 30))
def test_permuted_keeps_the_rows_and_the_labels(seed, n):
    rng = np.random.default_rng(seed)
    rows, label = rng.permutation(100)[:n], rng.integers(0, 3, n)
    label_of = dict(zip(rows, label, strict=True))
    assert sorted(permuted(rows, seed)) == sorted(rows)
    within = permuted(rows, seed, label)
    assert sorted(within) == sorted(rows)
    assert [label_of[row] for row in within] == list(label)
    np.testing.assert_array_equal(permuted(rows, seed), permuted(rows, seed))


def test_permuted_breaks_the_pairs():
    rows = np.arange(1000)
    label = rows % 3
    assert (permuted(rows, 0) == rows).sum() < 10
    assert (permuted(rows, 0, label) == rows).sum() < 15
    assert (label[permuted(rows, 0)] == label).mean() == pytest.approx(1 / 3, abs=0.06)


# -- simple predictions ------------------------------------------------------------------------------------------------------
def test_knn_is_that_of_sklearn():
    rng = np.random.default_rng(0)
    x, y, new = rng.normal(size=(80, 4)), (rng.random((80, 7)) < 0.3).astype(float), rng.normal(size=(11, 4))
    expected = KNeighborsRegressor(n_neighbors=9).fit(x, y).predict(new)
    np.testing.assert_allclose(knn_translate(x, y, new, 9), expected)
    np.testing.assert_allclose(knn_translate(x, sp.csr_matrix(y), new, 9), expected)
    with pytest.raises(ValueError, match="80 training cells"):
        knn_translate(x, y, new, 81)


def choose_by_hand(x, y, kind, widths, alphas):
    """Inner cross-validation of sklearn's ridge, every combination fitted by itself: {(width, alpha): loss a cell}."""
    result = {}
    for width in widths:
        columns = [*range(width), x.shape[1] - 1]
        for alpha in alphas:
            total = 0.0
            for train, valid in KFold(5, shuffle=True, random_state=0).split(x):
                p = Ridge(alpha).fit(x[train][:, columns], y[train]).predict(x[valid][:, columns])
                if kind == "bernoulli":
                    base = (y[train].sum(0) + 0.5) / (len(train) + 1)
                    p = np.clip(p, 0.1 * base, 1 - 0.1 * (1 - base))
                    total -= (y[valid] * np.log(p) + (1 - y[valid]) * np.log(1 - p)).sum()
                else:
                    total += ((y[valid] - p) ** 2).sum() / 2
            result[width, alpha] = total / len(x)
    return result


@pytest.mark.parametrize("kind", ["squared", "bernoulli"])
@pytest.mark.parametrize("sparse", [True, False])
def test_the_tuned_ridge_is_the_best_of_sklearns(kind, sparse):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 9)) * np.r_[np.linspace(1, 0.3, 8), 1]
    rate = 0.3 + x[:, :3] @ rng.normal(size=(3, 15)) * 0.12 + 0.05 * x[:, 8:]
    y = (
        (rng.random(rate.shape) < rate).astype(float)
        if kind == "bernoulli"
        else np.maximum(rate + rng.normal(size=rate.shape), 0)
    )
    ridge = TunedRidge(kind, components=(2, 4, 200)).fit(x, sp.csr_matrix(y) if sparse else y)

    coarse = choose_by_hand(x, y, kind, (2, 4, 8), 120 * 10.0 ** np.arange(-4, 4))
    width, alpha = min(coarse, key=coarse.get)
    fine = choose_by_hand(x, y, kind, (width,), alpha * 10.0 ** np.linspace(-0.75, 0.75, 7))
    chosen = min(fine, key=fine.get)
    assert ridge.n_components == width
    assert ridge.alpha == pytest.approx(chosen[1])
    assert ridge.loss == pytest.approx(fine[chosen], rel=1e-6)
    assert 1e-4 * 120 < ridge.alpha < 1e3 * 120  # the choice is not at the edge of what was offered

    new = rng.normal(size=(10, 9)) * 3
    columns = [*range(width), 8]
    expected = Ridge(ridge.alpha).fit(x[:, columns], y).predict(new[:, columns])
    if kind == "bernoulli":
        base = (y.sum(0) + 0.5) / 121
        assert (expected < 0.1 * base).any()  # or the bounds would not be tested
        expected = np.clip(expected, 0.1 * base, 1 - 0.1 * (1 - base))
    np.testing.assert_allclose(ridge.predict(new), expected, atol=1e-9)


def scores_and_targets(relation, seed, n_cells=2000):
    """Leading components of log-normalised RNA fitted on training cells, log depth last; open peaks; training and test rows."""
    mdata = simulate_pairs(relation, n_cells=n_cells, seed=seed)
    order = np.random.default_rng(seed).permutation(n_cells)
    test, train = order[: n_cells // 5], order[n_cells // 5 :]
    counts = mdata["rna"].X.toarray().astype(float)
    depth = np.log(counts.sum(axis=1, keepdims=True))
    values = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    scores = PCA(50, random_state=0).fit(values[train]).transform(values)
    scores = np.hstack([scores / scores[train, 0].std(), (depth - depth[train].mean()) / depth[train].std()])
    y = mdata["atac"].X.tocsr()
    base = (np.asarray(y[train].sum(axis=0)).ravel() + 0.5) / (len(train) + 1)
    return mdata, scores, y, base, train, test


def test_a_linear_relation_is_translated_nearly_as_well_as_can_be():
    mdata, x, y, base, train, test = scores_and_targets("linear", 0)
    ridge = TunedRidge("bernoulli").fit(x[train], y[train])
    oracle = log_likelihood_gain(y[test], oracle_probability(mdata)[test], base)
    gain = log_likelihood_gain(y[test], ridge.predict(x[test]), base)
    neighbours = log_likelihood_gain(y[test], knn_translate(x[train, :6], y[train], x[test, :6], 30), base)
    assert oracle.mean() == pytest.approx(oracle_gain(mdata, test), abs=4 * oracle.std() / np.sqrt(len(test)))
    assert 0.85 * oracle.mean() < gain.mean() < oracle.mean()
    assert 0.5 * oracle.mean() < neighbours.mean() < gain.mean()
    null = TunedRidge("bernoulli").fit(x[train], y[permuted(train, 0)])
    assert log_likelihood_gain(y[test], null.predict(x[test]), base).mean() < 0.5


def test_a_nonlinear_relation_is_for_neighbours_and_not_for_lines():
    mdata, x, y, base, train, test = scores_and_targets("nonlinear", 0)
    ridge = log_likelihood_gain(y[test], TunedRidge("bernoulli").fit(x[train], y[train]).predict(x[test]), base)
    neighbours = log_likelihood_gain(y[test], knn_translate(x[train, :6], y[train], x[test, :6], 30), base)
    assert abs(ridge.mean()) < 1
    assert 0.5 * oracle_gain(mdata, test) < neighbours.mean() < oracle_gain(mdata, test)
    # Where a peak is open is ranked better too.
    assert np.nanmean(auroc_per_feature(y[test], knn_translate(x[train, :6], y[train], x[test, :6], 30))) > 0.65


def test_between_unrelated_modalities_the_tuned_ridge_claims_nothing():
    mdata, x, y, base, train, test = scores_and_targets("unrelated", 0)
    p = TunedRidge("bernoulli").fit(x[train], y[train]).predict(x[test])
    gain = log_likelihood_gain(y[test], p, base)
    assert abs(gain.mean()) < 0.2
    assert np.nanmean(auroc_per_feature(y[test], p)) == pytest.approx(0.5, abs=0.01)
    assert oracle_gain(mdata) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: auroc_per_feature(np.array([[2.0]]), np.array([[0.5]])), "0 or 1"),
        (lambda: auroc_per_feature(np.ones((3, 2)), np.ones((3, 1))), "same shape"),
        (lambda: auroc_per_feature(np.ones((1, 1)), np.full((1, 1), np.nan)), "finite"),
        (lambda: log_likelihood_gain(sp.csr_matrix([[3.0]]), np.full((1, 1), 0.5), np.array([0.5])), "0 or 1"),
        (lambda: pearson_per_feature(np.ones((3, 2)), np.full((3, 2), np.inf)), "finite"),
        (lambda: foscttm(np.ones((3, 2)), np.ones((3, 1))), "same cells"),
        (lambda: permuted(np.arange(3), 0, np.arange(2)), "one label"),
        (lambda: TunedRidge("poisson"), "squared or bernoulli"),
        (lambda: TunedRidge("bernoulli").fit(np.ones((9, 2)), np.full((9, 1), 2.0)), "0 or 1"),
        (lambda: TunedRidge().fit(np.ones((9, 2)), np.ones((8, 1))), "same cells"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
