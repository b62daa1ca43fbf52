"""What every modality fits to training cells: components and depth, that reading depends on nothing else, and translation."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st

import virtualcell.modalities
from tests.modalities.samples import as_values, make_fitted, make_values
from virtualcell.modalities import MODALITIES, Counts, Modality, find_modalities, modality_of
from virtualcell.schema import DEFAULT_KINDS, DataError

KINDS = sorted(MODALITIES)
SPARSE = [name for name in KINDS if MODALITIES[name].sparse]
COUNTED = ["rna", "rna-zinb", "atac", "atac-poisson", "protein"]


# -- the registry ----------------------------------------------------------------------------------------------------------------
def test_all_kinds_are_found_by_their_names() -> None:
    assert KINDS == ["atac", "atac-poisson", "continuous", "methylation", "protein", "rna", "rna-zinb"]
    assert all(MODALITIES[name].name == name for name in KINDS)
    assert {key: modality_of(key).name for key in DEFAULT_KINDS} == DEFAULT_KINDS


NEW = """
    from virtualcell.modalities.continuous import Continuous

    class Weighed(Continuous):
        name = "weighed"
        unit = "picogram"
"""


def test_a_new_file_is_a_new_kind(tmp_path, monkeypatch) -> None:
    (tmp_path / "weighed_cells.py").write_text(textwrap.dedent(NEW))
    monkeypatch.setattr(virtualcell.modalities, "__path__", [*virtualcell.modalities.__path__, str(tmp_path)])
    found = find_modalities(virtualcell.modalities.__path__)
    assert sorted(found) == sorted([*KINDS, "weighed"])
    assert found["weighed"](3, 1).unit == "picogram"
    assert {name: found[name] for name in KINDS} == MODALITIES


def test_two_kinds_of_one_name_are_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "other_rna.py").write_text(textwrap.dedent(NEW).replace('"weighed"', '"rna"'))
    monkeypatch.setattr(virtualcell.modalities, "__path__", [*virtualcell.modalities.__path__, str(tmp_path)])
    with pytest.raises(TypeError, match=r"other_rna.*rna.*both define the kind 'rna'|rna.*other_rna.*both define the kind 'rna'"):
        find_modalities(virtualcell.modalities.__path__)


def test_unknown_kinds_are_told_what_there_is() -> None:
    with pytest.raises(DataError, match=r"'spots' has no kind of measurement.*continuous") as caught:
        modality_of("spots")
    assert caught.value.field == "spots"
    with pytest.raises(DataError, match="no kind of measurement 'dots'"):
        modality_of("spots", {"spots": "dots"})


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_its_units(name: str) -> None:
    assert MODALITIES[name].unit
    assert MODALITIES[name].reading_unit


# -- reading ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", COUNTED)
def test_counts_are_read_from_an_anndata(name: str) -> None:
    counts = np.random.default_rng(0).poisson(1.0, (5, 4)).astype(np.float32)
    adata = AnnData(np.log1p(counts), layers={"counts": sp.csr_matrix(counts)})
    found = MODALITIES[name].read(adata, "key")
    assert sp.issparse(found) == MODALITIES[name].sparse
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.toarray() if sp.issparse(found) else found, counts > 0 if name == "atac" else counts)
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), counts)
    with pytest.raises(DataError, match="not whole numbers") as caught:
        MODALITIES[name].read(AnnData(np.log1p(counts)), "key")
    assert caught.value.field == "key: X"


def dense_scores(kind: Modality, dense: np.ndarray) -> np.ndarray:
    """Scores by the formula, from normalised values in double precision."""
    values = kind.normalise(as_values(kind, dense)).double().numpy()
    mean, scale, projection = (getattr(kind, n).double().numpy() for n in ("feature_mean", "feature_scale", "projection"))
    if kind.centred:
        values = np.clip((values - mean) / scale, -10, 10)
    return (values @ projection - kind.score_mean.double().numpy()) / kind.score_scale.double().numpy()


@pytest.mark.parametrize("name", KINDS)
def test_scores_are_those_of_the_dense_formula(name: str) -> None:
    dense = make_values(name, 80)
    kind = make_fitted(name, dense)
    new = make_values(name, 30, seed=1)
    if kind.sparse and kind.centred:  # far values, that are clipped on both sides
        new[:3] *= 5000
        kind.feature_mean[3], kind.feature_scale[3] = 40.0, 0.5
    found = kind.scores(as_values(kind, new)).numpy()
    assert found.shape == (30, 5)
    np.testing.assert_allclose(found[:, :-1], dense_scores(kind, new), rtol=1e-5, atol=1e-5)


@given(st.sampled_from(SPARSE), st.integers(0, 2**31), st.integers(0, 3))
def test_sparse_scores_of_any_cells_are_those_of_the_dense_formula(name: str, seed: int, empty: int) -> None:
    kind = make_fitted(name, make_values(name, 40))
    new = make_values(name, 6, seed=seed)
    new[:empty] = 0.0
    np.testing.assert_allclose(kind.scores(as_values(kind, new))[:, :-1], dense_scores(kind, new), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_scores_of_a_cell_do_not_depend_on_the_cells_beside_it(name: str) -> None:
    kind = make_fitted(name, make_values(name, 80))
    before = {key: value.clone() for key, value in kind.state_dict().items()}
    new = make_values(name, 30, seed=1)
    together = kind.scores(as_values(kind, new))
    alone = torch.cat([kind.scores(as_values(kind, new[i : i + 1])) for i in range(len(new))])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    for key, value in kind.state_dict().items():
        assert torch.equal(value, before[key]), f"reading cells changed {key}"


@pytest.mark.parametrize("name", KINDS)
def test_scores_of_training_cells_are_centred_components_and_standardised_depth(name: str) -> None:
    dense = make_values(name, 80)
    kind = make_fitted(name, dense)
    scores = kind.scores(as_values(kind, dense)).numpy()
    assert scores.shape == (80, 5)
    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-4)
    # The first component has unit spread and the others keep their share of it.
    assert scores[:, 0].std() == pytest.approx(1, rel=1e-3)
    depth = np.log1p(dense[:, -kind.n_features :].sum(1))
    expected = np.zeros(80) if name == "continuous" else (depth - depth.mean()) / depth.std()
    np.testing.assert_allclose(scores[:, -1], expected, atol=1e-3)
    covariance = np.cov(scores[:, :-1].T)
    if kind.centred:  # principal components are uncorrelated and ordered
        np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
        assert (np.diff(np.diag(covariance)) <= 1e-6).all()


@pytest.mark.parametrize("name", ["rna", "protein", "continuous", "atac"])
def test_components_explain_what_a_singular_value_decomposition_explains(name: str) -> None:
    dense = make_values(name, 80)
    kind = make_fitted(name, dense)
    values = kind.normalise(as_values(kind, dense)).double().numpy()
    if kind.centred:
        scale = kind.feature_scale.double().numpy() if name == "rna" else values.std(0)
        values = np.clip((values - values.mean(0)) / np.where(scale > 1e-8, scale, 1), -10, 10)
    singular = np.linalg.svd(values, compute_uv=False)[:4]
    along = np.linalg.norm(values @ kind.projection.double().numpy(), axis=0)
    np.testing.assert_allclose(along / along[0], singular / singular[0], rtol=2e-3)


def test_genes_are_scaled_by_their_counting_noise_and_not_by_what_differs_between_cells() -> None:
    # One gene differs between two halves of the cells, the other has the same mean everywhere: their noise is alike, and so is
    # what they are divided by; their whole standard deviations are not.
    rng = np.random.default_rng(0)
    mean = np.tile([5.0, 5.0, 40.0, 40.0], (400, 1))
    mean[:200, 0], mean[200:, 0] = 1.0, 9.0
    dense = rng.poisson(mean).astype(np.float32)
    kind = make_fitted("rna", dense, 2)
    scale, spread = kind.feature_scale.numpy(), kind.normalise(as_values(kind, dense)).std(0).numpy()
    share = scale / spread
    # Halved cells are noisier than whole ones, alike for all genes: what counts is the ratio between genes.
    assert share[0] < 0.7 * share[1]
    assert share[2] == pytest.approx(share[3], rel=0.25)


def test_the_same_seed_fits_the_same_components() -> None:
    assert torch.equal(*(make_fitted("atac", make_values("atac", 80)).projection for _ in range(2)))


def test_cells_of_equal_depth_do_not_blow_up_the_depth_of_others() -> None:
    dense = np.tile(np.eye(6, dtype=np.float32), (5, 1)) + np.eye(6, dtype=np.float32)[[1] * 30]
    kind = make_fitted("rna", dense, 2)
    assert float(kind.scores(as_values(kind, 3 * dense))[:, -1].abs().max()) < 3


# -- thinning --------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", COUNTED)
def test_thinning_keeps_molecules_at_random(name: str) -> None:
    dense = make_values(name, 400)
    kind, values = make_fitted(name, dense), as_values(make_fitted(name, dense), dense)
    thinned = kind.thin(values, 0.3, torch.Generator().manual_seed(0))
    again = kind.thin(values, 0.3, torch.Generator().manual_seed(0))
    if isinstance(thinned, Counts):
        assert bool((thinned.value > 0).all())
        thinned, again = thinned.dense(), again.dense()
    assert torch.equal(thinned, again)
    found = thinned.numpy()
    assert ((found >= 0) & (found <= dense) & (found == np.rint(found))).all()
    # A binomial's mean and variance, for every number of molecules: within five standard errors.
    for k in range(1, int(min(dense.max(), 5)) + 1):
        kept = found[dense == k]
        assert kept.mean() == pytest.approx(0.3 * k, abs=5 * np.sqrt(0.21 * k / len(kept)))
        assert kept.var() == pytest.approx(0.21 * k, rel=6 * np.sqrt(2 / len(kept)) + 0.1)


@pytest.mark.parametrize("name", ["continuous", "methylation"])
def test_what_is_not_counted_one_by_one_is_not_thinned(name: str) -> None:
    dense = torch.from_numpy(make_values(name))
    assert torch.equal(make_fitted(name, dense.numpy()).thin(dense, 0.3, torch.Generator()), dense)


# -- translation -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [name for name in KINDS if not name.startswith("atac")])
def test_response_is_what_a_reading_differs_from_its_mean(name: str) -> None:
    dense = make_values(name, 80)
    kind = make_fitted(name, dense)
    values = as_values(kind, dense)
    reading = kind.reading(values)
    torch.testing.assert_close(kind.reading_mean, reading.mean(0), rtol=1e-4, atol=1e-5)
    changes = reading.var(0, correction=0) > 0
    expected = torch.where(changes, 1 / reading.var(0, correction=0), 0.0)
    torch.testing.assert_close(kind.response_weight, expected, rtol=1e-3, atol=1e-4)
    response = kind.response(values)
    np.testing.assert_allclose(response.mean(0), 0, atol=1e-5)
    predicted = kind.predict(response, torch.zeros(80), 0.5)
    torch.testing.assert_close(predicted, reading, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(kind.reading_score(reading, predicted), torch.zeros(80), atol=1e-6, rtol=0)
    # The mean as a prediction loses half a nat a feature, in the average over training cells.
    worse = kind.reading_score(reading, kind.predict(torch.zeros_like(reading), torch.zeros(80), 0.5))
    assert float(worse.mean()) == pytest.approx(-0.5 * int(changes.sum()), rel=1e-3)


def test_a_feature_that_never_changes_is_not_scored() -> None:
    dense = make_values("continuous")
    dense[:, 2] = 7.0
    kind = make_fitted("continuous", dense)
    assert float(kind.response_weight[2]) == 0
    assert torch.isfinite(kind.scores(torch.from_numpy(dense))).all()


@pytest.mark.parametrize("name", KINDS)
def test_the_average_cell_is_likelier_at_base_than_beside_it(name: str) -> None:
    """``base`` is where a decoder starts: moving any one output of all cells up or down by 1 makes the cells less likely."""
    dense = make_values(name, 400)
    kind = make_fitted(name, dense)
    values = as_values(kind, dense)
    with torch.no_grad():
        at_base = kind.log_likelihood(values, kind.base.expand(400, -1)).sum()
        for sign in (-1.0, 1.0):
            for j in 1 + np.flatnonzero((dense[:, 1 : kind.n_features] != 0).sum(0) > 20):
                moved = kind.base.clone()
                moved[j] += sign
                assert kind.log_likelihood(values, moved.expand(400, -1)).sum() < at_base, (j, sign)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_fitted_is_saved(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense, moved=True)
    again = MODALITIES[name](kind.n_features, kind.n_components)
    again.load_state_dict(kind.state_dict())
    values, output = as_values(kind, dense), kind.base.expand(len(dense), -1)
    for method in ("scores", "normalise", "response", "reading"):
        assert torch.equal(getattr(again, method)(values), getattr(kind, method)(values))
    assert torch.equal(again.log_likelihood(values, output), kind.log_likelihood(values, output))
    assert torch.equal(again.expectation(output), kind.expectation(output))


def test_obs_and_var_play_no_part_in_reading() -> None:
    counts = make_values("rna", 4)
    plain = AnnData(counts)
    named = AnnData(counts, obs=pd.DataFrame({"x": range(4)}, index=list("abcd")))
    np.testing.assert_array_equal(MODALITIES["rna"].read(plain, "rna").toarray(), MODALITIES["rna"].read(named, "rna").toarray())
