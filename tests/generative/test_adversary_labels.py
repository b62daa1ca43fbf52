"""Labels against classes whose probabilities are known."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.generative.adversary_labels import fit_labels
from virtualcell.schema import UNKNOWN, DataError


def two_classes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, labels, and the true probability of "late": normal classes one unit each side, a third late."""
    rng = np.random.default_rng(seed)
    late = rng.random(n) < 1 / 3
    z = rng.normal(size=(n, 3))
    z[:, 0] += np.where(late, 1.0, -1.0)
    odds = 0.5 * np.exp(2 * z[:, 0])
    return z, np.where(late, "late", "early"), odds / (1 + odds)


def test_probabilities_are_those_of_the_true_law() -> None:
    z, labels, _ = two_classes(2000, 0)
    scorer = fit_labels(z, labels, np.arange(2000) >= 1700, "time", seed=0)
    assert scorer.labels == ("early", "late")
    new, _, known = two_classes(500, 1)
    said = scorer.probability(new)
    np.testing.assert_allclose(said.sum(1), 1)
    assert np.abs(said[:, 1] - known).mean() < 0.03
    np.testing.assert_allclose(scorer.score(new)[:, 1], np.log(said[:, 1] / scorer.share[1]), atol=1e-9)
    assert scorer.share[1] == pytest.approx(1 / 3, abs=0.05)


def test_the_residual_finds_what_is_not_linear() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1500, 2))
    labels = np.where((z**2).sum(1) > 1.4, "outside", "inside")
    scorer = fit_labels(z[:1200], labels[:1200], np.zeros(1200, bool), "state", seed=0)
    said = np.array(scorer.labels)[scorer.probability(z[1200:]).argmax(1)]
    assert scorer.gate > 0
    assert (said == labels[1200:]).mean() > 0.9


def test_rare_and_unknown_labels_are_left_out() -> None:
    z, labels, _ = two_classes(300, 0)
    labels = labels.astype(object)
    labels[:5], labels[5:60] = "rare", UNKNOWN
    none = np.zeros(300, bool)
    assert fit_labels(z, labels, none, "state", seed=0).labels == ("early", "late")
    with pytest.raises(DataError, match="has 1 labels with at least 10 cells"):
        fit_labels(z, np.full(300, "one"), none, "state")
    with pytest.raises(DataError, match=r"shape \(300, 2\), not \(cells, 3\)"):
        fit_labels(z, labels, none, "state", seed=0).probability(z[:, :2])
