"""Pair scores against what is known of pairs that were made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.metrics import roc_auc_score

from virtualcell.generative.adversary import fit_pairs
from virtualcell.generative.adversary_gaussian import GaussianPairs
from virtualcell.generative.adversary_saved import fit_scorers, read_scorers, write_scorers
from virtualcell.generative.adversary_seen import Seen
from virtualcell.generative.material import Material
from virtualcell.schema import DataError


def correlated(n: int, correlations: tuple[float, ...], seed: int = 0, noise: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two sides of unit normal pairs with known correlations, turned and stretched, with unrelated dimensions beside them."""
    rng = np.random.default_rng(seed)
    r = np.array(correlations)
    a = rng.normal(size=(n, len(r)))
    b = r * a + np.sqrt(1 - r**2) * rng.normal(size=(n, len(r)))
    a, b = (np.c_[x, rng.normal(size=(n, noise))] for x in (a, b))
    maps = np.random.default_rng(99)
    turn = [np.linalg.qr(maps.normal(size=(a.shape[1],) * 2))[0] * [1, 3][k] for k in range(2)]
    return a @ turn[0] + 5, b @ turn[1] - 2


def squared(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The target reads the square of the source: no correlation, and yet all is known."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 3))
    return a, a**2 + 0.1 * rng.normal(size=(n, 3))


def material(a: np.ndarray, b: np.ndarray, held_out: int = 100) -> Material:
    n = len(a)
    return Material(
        states=np.c_[a, b].astype(np.float32),
        embeddings={"rna": a.astype(np.float32), "atac": b.astype(np.float32)},
        measured=np.ones((n, 2), dtype=bool),
        labels=np.where(a[:, 0] > np.median(a[:, 0]), "late", "early"),
        time=None,
        treatment=None,
        batch=np.zeros(n, dtype=int),
        names=np.arange(n).astype(object),
        held_out=np.arange(n) >= n - held_out,
    )


def auroc(matrix: np.ndarray) -> float:
    true = np.eye(len(matrix), dtype=bool)
    return float(roc_auc_score(true.ravel(), matrix.ravel()))


def test_the_normal_score_is_the_log_ratio_of_the_densities() -> None:
    a, b = correlated(4000, (0.9, 0.5))
    core = GaussianPairs.fit(a, b)
    joint = np.c_[a, b]
    pieces = [multivariate_normal(x.mean(0), np.cov(x.T, bias=True)) for x in (joint, a, b)]
    new_a, new_b = correlated(200, (0.9, 0.5), seed=1)
    # The correlations are lowered by what chance gives, so that the two agree in the limit of many cells.
    expected = pieces[0].logpdf(np.c_[new_a, new_b]) - pieces[1].logpdf(new_a) - pieces[2].logpdf(new_b)
    np.testing.assert_allclose(core.score(new_a, new_b), expected, atol=0.05)
    np.testing.assert_allclose(core.score_all(new_a, new_b).diagonal(), core.score(new_a, new_b), atol=1e-9)
    np.testing.assert_allclose(core.score_all(new_a, new_b)[3, 7], core.score(new_a[3:4], new_b[7:8])[0], atol=1e-9)


def test_one_correlation_gives_its_known_auroc() -> None:
    """By simulation from the true law, with the score written out by hand."""
    r, rng = 0.8, np.random.default_rng(3)
    x = rng.normal(size=200_000)
    y = r * x + np.sqrt(1 - r**2) * rng.normal(size=len(x))
    shuffled = rng.permutation(y)

    def ratio(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return norm(r * u, np.sqrt(1 - r**2)).logpdf(v) - norm(0, 1).logpdf(v)

    known = roc_auc_score(np.repeat([1, 0], len(x)), np.r_[ratio(x, y), ratio(x, shuffled)])
    core = GaussianPairs.fit(*correlated(3000, (r,), noise=3))
    assert auroc(core.score_all(*correlated(800, (r,), seed=5, noise=3))) == pytest.approx(known, abs=0.02)


def test_the_scorer_keeps_the_linear_core_where_there_is_nothing_else() -> None:
    scorer = fit_pairs(material(*correlated(900, (0.9, 0.6), noise=2)), "rna", "atac", seed=0)
    assert scorer.gate == 0
    a, b = correlated(400, (0.9, 0.6), seed=1, noise=2)
    best = GaussianPairs.fit(*correlated(20_000, (0.9, 0.6), seed=2, noise=2))
    assert auroc(scorer.score_all(a, b)) > auroc(best.score_all(a, b)) - 0.01
    own, others = scorer.score(a, b), scorer.score(a, np.roll(b, 1, axis=0))
    assert own.mean() > 0 > others.mean()
    # A calibrated logit: of pairs called true with probability p, a share of p is.
    both = 1 / (1 + np.exp(-np.r_[own, others]))
    true = np.repeat([1.0, 0.0], len(own))
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)):
        here = (both >= low) & (both < high)
        assert abs(true[here].mean() - both[here].mean()) < 0.12


def test_the_critic_finds_what_no_normal_distribution_can() -> None:
    scorer = fit_pairs(material(*squared(900, 0)), "rna", "atac", seed=0)
    a, b = squared(300, 1)
    assert scorer.gate > 0
    assert auroc(scorer.core.score_all(a, b)) < 0.65
    assert auroc(scorer.score_all(a, b)) > 0.95
    np.testing.assert_allclose(scorer.score_all(a, b).diagonal(), scorer.score(a, b), atol=1e-4)


def test_of_unrelated_pairs_nothing_is_said() -> None:
    rng = np.random.default_rng(0)
    scorer = fit_pairs(material(rng.normal(size=(900, 4)), rng.normal(size=(900, 5))), "rna", "atac", seed=0)
    a, b = rng.normal(size=(500, 4)), rng.normal(size=(500, 5))
    assert abs(auroc(scorer.score_all(a, b)) - 0.5) < 0.04
    assert np.abs(scorer.score(a, b)).mean() < 0.2
    assert scorer.gate == 0


def test_the_same_seed_gives_the_same_scorer_and_held_out_cells_teach_nothing() -> None:
    a, b = squared(300, 0)
    first, again = (fit_pairs(material(a, b), "rna", "atac", seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.score(a, b), again.score(a, b))
    spoiled = b.copy()
    spoiled[-100:] = np.random.default_rng(1).normal(size=(100, 3))
    other = fit_pairs(material(a, spoiled), "rna", "atac", seed=4)
    # Only the temperature may differ.
    np.testing.assert_allclose(other.score(a, b) * other.temperature, first.score(a, b) * first.temperature, rtol=1e-9)


def test_what_cannot_be_scored_is_named() -> None:
    a, b = correlated(300, (0.9,))
    m = material(a, b)
    few = replace(m, measured=np.c_[np.ones(300, bool), np.arange(300) < 90])
    with pytest.raises(DataError, match="90 cells have both rna and atac"):
        fit_pairs(few, "rna", "atac")
    scorer = fit_pairs(m, "rna", "atac")
    with pytest.raises(DataError, match=r"shape \(300, 2\), not \(cells, 1\)") as caught:
        scorer.score(a, np.c_[b, b])
    assert caught.value.field == "atac"
    with pytest.raises(DataError, match="300 cells of rna and 299 of atac"):
        scorer.score(a, b[1:])
    with pytest.raises(DataError, match="not numbers"):
        scorer.score(np.full_like(a, np.nan), b)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    a, b = squared(400, 0)
    rng = np.random.default_rng(0)
    some = Seen.of(a, rng.normal(size=400), rng.uniform(10, 20, 400), seed=0)
    assert some is not None
    seen = {"rna": some}
    scorers = fit_scorers(material(a, b), {"state": "cluster"}, seen, seed=0)
    assert set(scorers.pairs) == {("rna", "atac")}
    assert set(scorers.labels) == {"state"}
    write_scorers(scorers, tmp_path, "digest")
    again = read_scorers(tmp_path, "digest")
    assert again is not None
    first, second = scorers.pairs["rna", "atac"], again.pairs["rna", "atac"]
    np.testing.assert_array_equal(first.score(a, b), second.score(a, b))
    np.testing.assert_array_equal(first.swapped, second.swapped)
    np.testing.assert_array_equal(first.swapped_within["state"], second.swapped_within["state"])
    asked = (a.astype(np.float32), rng.normal(size=400), rng.uniform(5, 25, 400), "rna")
    np.testing.assert_array_equal(again.seen["rna"].why(*asked), some.why(*asked))
    assert len(set(some.why(*asked))) > 2
    assert first.record == second.record
    states = np.c_[a, b]
    np.testing.assert_array_equal(scorers.labels["state"].probability(states), again.labels["state"].probability(states))
    assert read_scorers(tmp_path / "nothing", "digest") is None
    with pytest.raises(DataError, match="another model"):
        read_scorers(tmp_path, "other")
    text = (tmp_path / "pairs.json").read_text()
    (tmp_path / "pairs.json").write_text(text.replace('"source": "rna"', '"sauce": "rna"'))
    with pytest.raises(DataError, match=r"does not hold what pairs\.json says"):
        read_scorers(tmp_path, "digest")
