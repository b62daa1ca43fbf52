"""The linear floor: shares of the latent, ridge regressions and honest R^2."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from virtualcell.autoencoder.linear import LinearCore, fit_linear_core, share_dimensions
from virtualcell.schema import DataError


def two_views(n: int = 400, seed: int = 0, shared: bool = True) -> dict[str, np.ndarray]:
    """Component scores of two modalities that see the same two hidden factors (or not), with depth in the last column."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 2))
    other = hidden if shared else rng.normal(size=(n, 2))
    rna = np.column_stack([hidden, rng.normal(size=(n, 3)) * [0.5, 0.4, 0.3], rng.normal(size=n)])
    atac = np.column_stack([other @ [[0.8, 0.6], [-0.6, 0.8]], rng.normal(size=(n, 2)) * [0.5, 0.4], rng.normal(size=n)])
    return {"rna": rna, "atac": atac}


def everything(scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.ones(len(x), dtype=bool) for name, x in scores.items()}


def fit(scores: dict[str, np.ndarray], d: int = 4) -> LinearCore:
    return fit_linear_core(scores, everything(scores), d, seed=0)


@pytest.mark.parametrize(
    ("names", "available", "d", "expected"),
    [
        (["rna"], {"rna": 50}, 16, {"rna": 16}),
        (["rna", "atac"], {"rna": 50, "atac": 50}, 16, {"rna": 10, "atac": 6}),
        (["rna", "prot"], {"rna": 50, "prot": 3}, 16, {"rna": 13, "prot": 3}),
        (["rna", "atac"], {"rna": 4, "atac": 4}, 16, {"rna": 4, "atac": 4}),
    ],
)
def test_shares_add_up_and_never_exceed_what_there_is(
    names: list[str], available: dict[str, int], d: int, expected: dict[str, int]
) -> None:
    assert share_dimensions(names, available, d) == expected


def test_own_dimensions_are_read_exactly_and_shared_ones_from_the_other_modality() -> None:
    core = fit(two_views())
    # d = 4: RNA owns the first two or three, ATAC the rest.
    own = share_dimensions(["rna", "atac"], {"rna": 5, "atac": 4}, 4)["rna"]
    # 0.95 is the most that is granted: an expert with no variance of its own could not be moved.
    assert core.r2["rna"][:own].min() == pytest.approx(0.95)
    assert core.r2["atac"][own:].min() == pytest.approx(0.95)
    assert core.r2["atac"][:2].min() > 0.9, "ATAC sees the same two factors"


def test_what_is_not_shared_is_not_claimed() -> None:
    core = fit(two_views(shared=False))
    own = share_dimensions(["rna", "atac"], {"rna": 5, "atac": 4}, 4)["rna"]
    assert core.r2["atac"][:own].max() < 0.1
    assert core.r2["rna"][own:].max() < 0.1


def test_cross_modal_regression_is_about_least_squares_where_the_signal_is_strong() -> None:
    scores = two_views()
    core = fit(scores)
    guess = scores["atac"] @ core.weight["atac"] + core.bias["atac"]
    truth = core.latent[:, 0]
    expected = LinearRegression().fit(scores["atac"], truth).predict(scores["atac"])
    np.testing.assert_allclose(guess[:, 0], expected, atol=0.03)


def test_a_component_that_follows_depth_is_not_a_state() -> None:
    scores = two_views()
    scores["rna"][:, 0] = 2 * scores["rna"][:, -1] + 0.1 * scores["rna"][:, 0]
    core = fit(scores, d=2)
    correlation = [abs(np.corrcoef(core.latent[:, j], scores["rna"][:, -1])[0, 1]) for j in range(2)]
    assert max(correlation) < 0.5


def test_latent_dimensions_have_unit_variance_and_remember_their_size() -> None:
    scores = two_views()
    core = fit(scores)
    np.testing.assert_allclose(core.latent.std(0), 1, rtol=1e-6)
    np.testing.assert_allclose(core.scale[0], scores["rna"][:, 0].std(), rtol=1e-6)


def test_too_many_dimensions_are_refused() -> None:
    with pytest.raises(DataError, match="smaller latent_dim"):
        fit(two_views(), d=40)
