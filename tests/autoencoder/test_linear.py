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


def test_fewer_dimensions_than_modalities() -> None:
    assert share_dimensions(["atac", "rna", "prot"], {"atac": 9, "rna": 9, "prot": 9}, 2) == {"atac": 1, "rna": 1, "prot": 0}


def test_a_kind_of_measurement_without_depth_keeps_its_components() -> None:
    scores = two_views()
    scores["atac"][:, -1] = 0.0
    core = fit(scores)
    assert set(core.owner) == {"rna", "atac"}
    assert all(np.isfinite(x).all() for x in (core.weight["atac"], core.r2["atac"], core.latent))


def three_views(n: int = 1500, seed: int = 0) -> dict[str, np.ndarray]:
    """Three modalities, linear and Gaussian, that see three hidden factors with noise, in components of their own."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 3)) * [1.5, 1.0, 0.8]
    scores = {}
    for name, noise in (("rna", 0.4), ("prot", 0.3), ("atac", 0.5)):
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        seen = hidden @ rotation + noise * rng.normal(size=(n, 3))
        scores[name] = np.column_stack([seen, 0.3 * rng.normal(size=(n, 2)), rng.normal(size=n)])
    return scores


def correlation(core: LinearCore, scores: dict[str, np.ndarray], truth: LinearCore, name: str, of: str) -> float:
    """How well ``name`` alone reads the dimensions owned by ``of``: mean correlation with their true values."""
    columns = [j for j, owner in enumerate(core.owner) if owner == of]
    guess = scores[name] @ core.weight[name] + core.bias[name]
    return float(np.mean([np.corrcoef(guess[:, j], truth.latent[:, j])[0, 1] for j in columns]))


def test_modalities_never_measured_together_are_read_through_the_third() -> None:
    scores = three_views()
    everywhere = fit_linear_core(scores, everything(scores), 6, seed=0)
    first = np.arange(1500) < 700  # RNA with protein, then protein with ATAC: no cell has all three, none RNA with ATAC
    measured = {"rna": first, "prot": np.ones(1500, dtype=bool), "atac": ~first}
    mosaic = fit_linear_core(scores, measured, 6, seed=0)
    assert mosaic.owner == everywhere.owner
    for name, of in (("rna", "atac"), ("atac", "rna")):
        direct = correlation(everywhere, scores, everywhere, name, of)
        composed = correlation(mosaic, scores, everywhere, name, of)
        assert direct > 0.7
        assert composed >= 0.9 * direct
        owned = [j for j, owner in enumerate(mosaic.owner) if owner == of]
        # The middle sees the factors with noise, so a little is lost: less is claimed than is true, never more.
        guess = scores[name] @ mosaic.weight[name] + mosaic.bias[name]
        true = np.array([1 - np.var(everywhere.latent[:, j] - guess[:, j]) for j in owned])
        assert (mosaic.r2[name][owned] <= true + 0.03).all()
        assert (mosaic.r2[name][owned] >= true - 0.22).all()
        assert (mosaic.r2[name][owned] <= mosaic.r2["prot"][owned]).all()


def test_pairs_that_share_cells_are_read_directly_in_a_mosaic_without_complete_cells() -> None:
    scores = three_views()
    block = np.arange(1500) % 3
    mosaic = fit_linear_core(scores, {"rna": block != 0, "prot": block != 1, "atac": block != 2}, 6, seed=0)
    everywhere = fit_linear_core(scores, everything(scores), 6, seed=0)
    for name, of in (("rna", "atac"), ("atac", "rna"), ("prot", "rna"), ("prot", "atac")):
        direct = correlation(everywhere, scores, everywhere, name, of)
        assert correlation(mosaic, scores, everywhere, name, of) >= 0.97 * direct


def test_an_unrelated_middle_carries_nothing() -> None:
    scores = three_views()
    scores["prot"] = np.random.default_rng(9).normal(size=scores["prot"].shape)
    first = np.arange(1500) < 700
    core = fit_linear_core(scores, {"rna": first, "prot": np.ones(1500, dtype=bool), "atac": ~first}, 6, seed=0)
    columns = [j for j, owner in enumerate(core.owner) if owner == "atac"]
    assert core.r2["rna"][columns].max() < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_any_pattern_gives_finite_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = three_views(300, seed)
    measured = {name: rng.random(300) < share for name, share in zip(scores, rng.permutation([0.9, 0.4, 0.02]), strict=True)}
    core = fit_linear_core(scores, measured, 4, seed=0)
    rare = min(measured, key=lambda name: measured[name].sum())
    assert rare not in core.owner
    for name in scores:
        assert np.isfinite(core.weight[name]).all()
        assert ((core.r2[name] >= 0) & (core.r2[name] <= 0.95)).all()
        assert np.isfinite(core.latent[measured[name]][:, [o == name for o in core.owner]]).all()
