"""The simulated modalities against what is claimed of them: how they are related, what can be known, what was measured."""

from __future__ import annotations

import mudata
import numpy as np
import pytest
from mudata import MuData
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict

from virtualcell.data.simulate_pairs import (
    DEPTH_SPREAD,
    oracle_gain,
    oracle_probability,
    simulate_mosaic,
    simulate_pairs,
)
from virtualcell.schema import MEASURED_KEY

RELATIONS = ("linear", "nonlinear", "unrelated")


@pytest.fixture(scope="module", params=RELATIONS)
def pairs(request: pytest.FixtureRequest) -> MuData:
    return simulate_pairs(request.param, seed=3)


def relation_of(mdata: MuData) -> str:
    return str(mdata.uns["simulated_pairs"]["relation"])


def log_normalised(mdata: MuData) -> np.ndarray:
    counts = mdata["rna"].X.toarray().astype(float)
    return np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))


def linear_r2(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Explained share of each column of y in cells that the regression has not seen."""
    return r2_score(y, cross_val_predict(Ridge(10.0), x, y, cv=5), multioutput="raw_values")


def true_mean(mdata: MuData) -> np.ndarray:
    """P(open) of each peak as a plain average over very many drawn latents and depths: no quadrature."""
    rng, atac = np.random.default_rng(0), mdata["atac"]
    angles = rng.uniform(0, 2 * np.pi, size=(20_000, 2))
    latent = np.sqrt(2) * np.stack([np.cos(angles[:, 0]), np.sin(angles[:, 0]), np.cos(angles[:, 1]), np.sin(angles[:, 1])], 1)
    log_rate = atac.var["log_rate"].to_numpy() + latent @ atac.varm["loadings"].T
    log_rate += rng.standard_normal((20_000, 2)) @ atac.varm["private_loadings"].T + DEPTH_SPREAD * rng.standard_normal(
        (20_000, 1)
    )
    return -np.expm1(-np.exp(log_rate)).mean(axis=0)


def realised_gain(mdata: MuData, p: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Written out, cell by cell."""
    y = mdata["atac"].X.toarray()
    return np.where(y == 1, np.log(p / base), np.log((1 - p) / (1 - base))).sum(axis=1)


def test_what_a_simulated_sample_holds(pairs: MuData) -> None:
    rna, atac = pairs["rna"].X.toarray(), pairs["atac"].X.toarray()
    assert rna.shape == (2000, 400)
    assert atac.shape == (2000, 800)
    assert (rna == np.round(rna)).all()
    assert rna.min() >= 0
    assert set(np.unique(atac)) == {0.0, 1.0}
    assert 150 <= np.median(atac.sum(axis=1)) <= 300
    assert pairs.obs_names.equals(pairs["atac"].obs_names)
    assert set(pairs.obs["time"]) == {0.0, 1.0, 2.0}
    assert pairs.obs["time"].value_counts().min() > 500
    assert pairs.obs["state"].value_counts().min() > 400
    assert pairs.obsm["true_latent"].shape == (2000, 4)
    assert pairs.obsm[MEASURED_KEY].all()
    assert pairs.uns["simulated"] is True


def test_rna_says_nearly_all_of_the_latent_linearly(pairs: MuData) -> None:
    assert linear_r2(log_normalised(pairs), pairs.obsm["true_latent"]).min() > 0.95


def test_the_latents_are_related_as_named(pairs: MuData) -> None:
    """Linear: one and the same. Nonlinear: no correlation, yet squares and products give all. Unrelated: not even they do."""
    z, g = pairs.obsm["true_latent"], pairs["atac"].obsm["true_latent"]
    bilinear = np.stack([z[:, i] * z[:, j] for i in range(4) for j in range(i + 1)], axis=1)
    line, curve = (LinearRegression().fit(x, g).score(x, g) for x in (z, np.hstack([z, bilinear])))
    expected = {"linear": (1, 1), "nonlinear": (0, 1), "unrelated": (0, 0)}[relation_of(pairs)]
    assert (line, curve) == pytest.approx(expected, abs=0.015)
    if relation_of(pairs) != "linear":
        correlation = np.corrcoef(z.T, g.T)[:4, 4:]
        assert np.abs(correlation).max() < 4 / np.sqrt(len(z))


def test_normalised_rna_gives_a_linear_map_nothing_of_a_nonlinear_relation() -> None:
    """The logarithm and the division by the total are no back door."""
    mdata = simulate_pairs("nonlinear", n_cells=4000, seed=8)
    scores = np.linalg.svd(log_normalised(mdata) - log_normalised(mdata).mean(axis=0), full_matrices=False)[0][:, :20]
    assert linear_r2(scores * np.sqrt(len(scores)), mdata["atac"].obsm["true_latent"]).max() < 0.01


def test_every_shared_dimension_has_the_same_effect_and_none_moves_the_total(pairs: MuData) -> None:
    """Over peaks weighted by their share: mean 0, root mean square .5, private ones half of it, no correlation."""
    atac = pairs["atac"]
    share = np.exp(atac.var["log_rate"].to_numpy())
    share /= share.sum()
    loadings = np.hstack([atac.varm["loadings"], atac.varm["private_loadings"]])
    np.testing.assert_allclose(share @ loadings, 0, atol=1e-12)
    np.testing.assert_allclose((loadings.T * share) @ loadings, np.diag(np.repeat([0.5, 0.25], [4, 2]) ** 2), atol=1e-12)


def test_depths_say_nothing(pairs: MuData) -> None:
    rna, atac = (np.log(np.asarray(pairs[name].X.sum(axis=1)).ravel()) for name in ("rna", "atac"))
    assert rna.std() == pytest.approx(DEPTH_SPREAD, rel=0.1)
    assert abs(np.corrcoef(rna, atac)[0, 1]) < 4 / np.sqrt(len(rna))
    assert linear_r2(pairs.obsm["true_latent"], rna[:, None])[0] < 0.01


def test_the_oracle_is_calibrated(pairs: MuData) -> None:
    """Where it says p, a share p of the peaks is open; and over all cells each peak is open as often as it says."""
    p, y = oracle_probability(pairs), pairs["atac"].X.toarray()
    edges = np.quantile(p, np.linspace(0, 1, 11))
    bin_of = np.digitize(p, edges[1:-1])
    for i in range(10):
        inside = bin_of == i
        assert y[inside].mean() == pytest.approx(p[inside].mean(), abs=0.006)
    z = (y.mean(axis=0) - p.mean(axis=0)) / np.sqrt(p.mean(axis=0) * (1 - p.mean(axis=0)) / len(y))
    assert 0.8 < z.std() < 1.2


def test_the_oracle_integrates_what_rna_does_not_know() -> None:
    """Gauss-Hermite against a plain average over 200,000 drawn depths and private latents, for one cell."""
    mdata = simulate_pairs("linear", n_cells=5, n_peaks=30, seed=1)
    atac, rng = mdata["atac"], np.random.default_rng(0)
    log_rate = atac.var["log_rate"].to_numpy() + atac.obsm["true_latent"][2] @ atac.varm["loadings"].T
    log_rate = log_rate + rng.standard_normal((200_000, 2)) @ atac.varm["private_loadings"].T
    p = -np.expm1(-np.exp(log_rate + DEPTH_SPREAD * rng.standard_normal((200_000, 1)))).mean(axis=0)
    np.testing.assert_allclose(oracle_probability(mdata)[2], p, atol=0.002)


def test_the_oracles_gain_is_what_is_realised(pairs: MuData) -> None:
    base = true_mean(pairs)
    p, gain = oracle_probability(pairs), oracle_gain(pairs)
    realised = realised_gain(pairs, p, base)
    assert realised.mean() == pytest.approx(gain, abs=4 * realised.std() / np.sqrt(len(realised)) + 0.05)
    if relation_of(pairs) == "unrelated":
        assert gain == pytest.approx(0, abs=1e-12)
        assert np.ptp(p, axis=0).max() == 0
    else:
        assert gain > 30


def test_no_other_prediction_beats_the_oracle() -> None:
    """Not even one with the latent, the depth of other cells, or a sharper or flatter version of the truth."""
    mdata = simulate_pairs("linear", seed=5)
    p, base = oracle_probability(mdata), true_mean(mdata)
    best = realised_gain(mdata, p, base).mean()
    logit = np.log(p / (1 - p))
    for slope in (0.8, 1.25):
        centred = logit.mean(axis=0) + slope * (logit - logit.mean(axis=0))
        assert realised_gain(mdata, 1 / (1 + np.exp(-centred)), base).mean() < best - 1
    wrong = np.random.default_rng(0).permutation(len(p))
    assert realised_gain(mdata, p[wrong], base).mean() < -30


def test_gain_of_some_rows_averages_to_the_gain_of_all() -> None:
    mdata = simulate_pairs("nonlinear", n_cells=300, seed=2)
    parts = [oracle_gain(mdata, np.arange(0, 100)), oracle_gain(mdata, np.arange(100, 300))]
    assert parts[0] / 3 + parts[1] * 2 / 3 == pytest.approx(oracle_gain(mdata))


def test_same_seed_same_cells_other_seed_other_cells() -> None:
    one, two, three = (simulate_pairs("nonlinear", n_cells=50, seed=seed) for seed in (1, 1, 2))
    for name in ("rna", "atac"):
        np.testing.assert_array_equal(one[name].X.toarray(), two[name].X.toarray())
        assert not np.array_equal(one[name].X.toarray(), three[name].X.toarray())


def test_the_answer_survives_a_file(tmp_path) -> None:
    mdata = simulate_pairs("unrelated", n_cells=40, n_genes=20, n_peaks=30, seed=4)
    mdata.write_h5mu(tmp_path / "pairs.h5mu")
    read = mudata.read_h5mu(tmp_path / "pairs.h5mu")
    np.testing.assert_allclose(oracle_probability(read), oracle_probability(mdata))


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="linear, nonlinear, unrelated"):
        simulate_pairs("quadratic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="too few"):
        simulate_pairs(n_genes=6)
    for patterns in ([("rna", "histones")], [("rna",), ()], []):
        with pytest.raises(ValueError, match="rna, atac, prot"):
            simulate_mosaic(patterns)


def test_no_cell_of_the_standard_mosaic_has_all_three() -> None:
    mdata, truth = simulate_mosaic(seed=1)
    measured = mdata.obsm[MEASURED_KEY]
    assert list(mdata.mod) == list(truth) == ["rna", "atac", "prot"]
    assert (measured.sum(axis=1) == 2).all()
    np.testing.assert_array_equal(measured.sum(axis=0), [1400, 1400, 1400])
    blocks = mdata.obs["block"].astype(str)
    for row in range(0, 2100, 97):
        assert blocks.iloc[row] == "+".join(np.array(["rna", "atac", "prot"])[measured[row]])
    for i, name in enumerate(mdata.mod):
        shown, whole = mdata[name].X.toarray(), truth[name].toarray()
        np.testing.assert_array_equal(shown[measured[:, i]], whole[measured[:, i]])
        assert not shown[~measured[:, i]].any()
        assert (whole.sum(axis=1) > 0).all()


def test_a_mosaic_of_other_patterns() -> None:
    mdata, truth = simulate_mosaic([("rna", "atac"), ("atac", "prot")], n_cells=60, seed=1)
    measured = mdata.obsm[MEASURED_KEY]
    assert not (measured[:, 0] & measured[:, 2]).any()
    assert measured[:, 1].all()
    alone, truth = simulate_mosaic([("rna", "prot"), ("prot",)], n_cells=60, seed=1)
    assert list(alone.mod) == list(truth) == ["rna", "prot"]
    np.testing.assert_array_equal(alone.obsm[MEASURED_KEY].sum(axis=0), [30, 60])


def test_all_of_the_mosaic_read_one_latent() -> None:
    """Each modality's own linear reading of the latent, from the complete counts."""
    mdata, truth = simulate_mosaic(seed=2)
    z = mdata.obsm["true_latent"]
    assert linear_r2(np.log1p(truth["prot"].toarray()), z).min() > 0.8
    assert linear_r2(truth["atac"].toarray(), z).min() > 0.8
    rna = truth["rna"].toarray()
    assert linear_r2(np.log1p(1e4 * rna / rna.sum(axis=1, keepdims=True)), z).min() > 0.95
    assert oracle_gain(mdata) > 30
