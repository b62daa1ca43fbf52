"""Normalisation re-derived cell by cell, choices by training cells alone, and the measured mask."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData
from scipy.stats import spearmanr

from virtualcell.data.preprocess import RECORD_KEY, preprocess
from virtualcell.data.read import read
from virtualcell.schema import MEASURED_KEY, DataError, PreprocessSettings

SETTINGS = PreprocessSettings(min_cells=2, n_variable_genes=25, n_components=4)


@pytest.fixture
def three_kinds(adata_of, mudata_of) -> MuData:
    """60 cells; RNA of all, ATAC of cells 10 to 59, proteins of cells 0 to 39."""
    return mudata_of(
        rna=adata_of(60, 60),
        atac=adata_of(50, 40, seed=1, prefix="chr1-", first_cell=10),
        prot=adata_of(40, 6, seed=2, prefix="CD"),
    )


def counts_by_name(adata: AnnData, cell: str) -> dict[str, float]:
    row = adata[cell].X.toarray().ravel() if cell in adata.obs_names else np.zeros(adata.n_vars)
    return dict(zip(adata.var_names, row, strict=True))


def test_rna_is_log_of_counts_per_ten_thousand_of_the_whole_file(three_kinds) -> None:
    rna = preprocess(three_kinds, SETTINGS)["rna"]
    assert rna.n_vars == 25 < three_kinds["rna"].n_vars
    for cell in rna.obs_names[::7]:
        counts = counts_by_name(three_kinds["rna"], cell)
        total = sum(counts.values())
        expected = [np.log(1 + 1e4 * counts[gene] / total) for gene in rna.var_names]
        np.testing.assert_allclose(rna[cell].X.toarray().ravel(), expected, rtol=1e-5)
        assert rna.obs.loc[cell, "depth"] == total
        np.testing.assert_array_equal(rna[cell].layers["counts"].toarray().ravel(), [counts[gene] for gene in rna.var_names])


def test_accessibility_is_binary_and_tf_idf(three_kinds) -> None:
    fit = np.arange(60) < 45
    atac = preprocess(three_kinds, SETTINGS, fit_on=fit)["atac"]
    assert set(np.unique(atac.layers["counts"].toarray())) == {0, 1}
    opened = {cell: {p for p, n in counts_by_name(three_kinds["atac"], cell).items() if n > 0} for cell in atac.obs_names}
    training = [c for c, used in zip(three_kinds.obs_names, fit, strict=True) if used and c in three_kinds["atac"].obs_names]
    for cell in atac.obs_names[11::9]:
        for peak, value in zip(atac.var_names, atac[cell].X.toarray().ravel(), strict=True):
            inverse = len(training) / sum(peak in opened[other] for other in training)
            expected = np.log(1 + 1e4 / len(opened[cell]) * inverse) if peak in opened[cell] else 0
            assert value == pytest.approx(expected, rel=1e-5)


def test_protein_is_log_ratio_to_the_geometric_mean(three_kinds) -> None:
    prot = preprocess(three_kinds, SETTINGS)["prot"]
    assert prot.n_vars == 6
    for cell in three_kinds["prot"].obs_names[::5]:
        plus_one = 1 + np.array(list(counts_by_name(three_kinds["prot"], cell).values()))
        expected = np.log(plus_one / np.prod(plus_one) ** (1 / 6))
        np.testing.assert_allclose(np.asarray(prot[cell].X).ravel(), expected, rtol=1e-4, atol=1e-6)


def test_components_are_those_of_numpy(three_kinds) -> None:
    fit = np.arange(60) % 3 > 0
    prepared = preprocess(three_kinds, SETTINGS, fit_on=fit)
    for name, key, centred in (("rna", "X_pca", True), ("atac", "X_lsi", False)):
        adata, row = prepared[name], prepared[name].obs["measured"].to_numpy()
        values = adata.X.toarray().astype(np.float64)
        middle = values[row & fit].mean(axis=0) * centred
        axes = np.linalg.svd(values[row & fit] - middle, full_matrices=False)[2][:4]
        expected = (values - middle) @ axes.T
        for i in range(4):
            sign = np.sign(expected[row, i] @ adata.obsm[key][row, i])
            np.testing.assert_allclose(sign * adata.obsm[key][row, i], expected[row, i], atol=2e-3)
        assert not adata.obsm[key][~row].any()


def test_rows_follow_the_mask(three_kinds) -> None:
    prepared = preprocess(three_kinds, SETTINGS)
    number = np.array([int(name.removeprefix("cell")) for name in prepared.obs_names])
    np.testing.assert_array_equal(prepared.obsm[MEASURED_KEY], np.stack([number < 60, number >= 10, number < 40], axis=1))
    for column, name in enumerate(prepared.mod):
        assert list(prepared[name].obs_names) == list(prepared.obs_names)
        mask = prepared.obsm[MEASURED_KEY][:, column]
        np.testing.assert_array_equal(prepared[name].obs["measured"], mask)
        assert prepared[name].layers["counts"][~mask].nnz == 0
        assert isinstance(prepared[name].layers["counts"], sp.csr_matrix)
        assert prepared[name].layers["counts"].dtype == prepared[name].X.dtype == np.float32


def test_empty_cells_are_not_measured_and_cells_without_anything_are_dropped(three_kinds) -> None:
    rna = three_kinds["rna"].X.tolil()
    rna[0], rna[50] = 0, 0
    rna[50, 3] = 2
    three_kinds["rna"].X = rna.tocsr()
    prot = three_kinds["prot"].X.tolil()
    prot[0] = 0
    three_kinds["prot"].X = prot.tocsr()
    prepared = preprocess(three_kinds, dataclasses.replace(SETTINGS, min_counts=3))
    assert "cell0" not in prepared.obs_names  # neither RNA nor protein, and never had ATAC
    row = prepared.obs_names.get_loc("cell50")
    assert prepared.obsm[MEASURED_KEY][row].tolist() == [False, True, False]
    assert prepared["rna"].layers["counts"][row].nnz == 0
    record = prepared.uns[RECORD_KEY]
    assert record["cells_read"] == 60
    assert record["cells_dropped"] == 1
    assert record["modalities"]["rna"]["cells_below_min_counts"] == 2


def test_a_mask_that_denies_a_measurement_is_believed(three_kinds) -> None:
    three_kinds.obsm[MEASURED_KEY][5, 0] = False
    name = three_kinds.obs_names[5]
    prepared = preprocess(three_kinds, SETTINGS)
    row = prepared.obs_names.get_loc(name)
    assert not prepared.obsm[MEASURED_KEY][row, 0]
    assert prepared["rna"].layers["counts"][row].nnz == 0


def test_the_input_is_left_alone(three_kinds) -> None:
    before = {name: adata.copy() for name, adata in three_kinds.mod.items()}
    preprocess(three_kinds, SETTINGS)["rna"].layers["counts"].data[:] = 99
    assert list(three_kinds.obs.columns) == ["time", "kind"]
    assert RECORD_KEY not in three_kinds.uns
    for name, adata in three_kinds.mod.items():
        np.testing.assert_array_equal(adata.X.toarray(), before[name].X.toarray())
        assert list(adata.layers) == list(adata.obsm) == []
        assert list(adata.obs.columns) == list(before[name].obs.columns)
        assert list(adata.var.columns) == []


def test_held_out_cells_change_nothing_that_is_learned(adata_of, mudata_of) -> None:
    """Other counts in the held-out cells: same features, components and training cells; they do change without fit_on."""
    fit = np.arange(90) < 60

    def prepared(seed: int, *, hold_out: bool) -> MuData:
        rna, atac, prot = adata_of(90, 60), adata_of(90, 40, seed=1, prefix="chr1-"), adata_of(90, 6, seed=2, prefix="CD")
        for adata in (rna, atac, prot):
            other = np.random.default_rng(seed).poisson(3.0, size=(30, adata.n_vars)).astype(np.float32)
            adata.X = sp.vstack(
                [adata.X[fit], sp.csr_matrix(other * (np.random.default_rng(seed).random(adata.n_vars) < 0.4))]
            ).tocsr()
        mdata = mudata_of(rna=rna, atac=atac, prot=prot)
        return preprocess(mdata, dataclasses.replace(SETTINGS, min_cells=20), fit_on=fit if hold_out else None)

    one, two = prepared(10, hold_out=True), prepared(11, hold_out=True)
    for name, key in (("rna", "X_pca"), ("atac", "X_lsi"), ("prot", "X_pca")):
        assert list(one[name].var_names) == list(two[name].var_names)
        for column in one[name].var.columns:
            assert one[name].var[column].equals(two[name].var[column])
        np.testing.assert_array_equal(one[name].varm["loadings"], two[name].varm["loadings"])
        np.testing.assert_array_equal(one[name].obsm[key][fit], two[name].obsm[key][fit])
        np.testing.assert_array_equal(one[name][fit].X.toarray() if name != "prot" else one[name][fit].X,
                                      two[name][fit].X.toarray() if name != "prot" else two[name][fit].X)  # fmt: skip
        assert one[name].uns[RECORD_KEY] == two[name].uns[RECORD_KEY]
        assert not np.array_equal(one[name].obsm[key][~fit], two[name].obsm[key][~fit])
    three, four = prepared(10, hold_out=False), prepared(11, hold_out=False)
    assert list(three["rna"].var_names) != list(four["rna"].var_names)
    assert not np.array_equal(three["prot"].varm["loadings"], four["prot"].varm["loadings"])


def test_row_numbers_and_mask_mean_the_same(three_kinds) -> None:
    rows = np.array([0, 3, 11, 12, 20, 30, 31, 32, 40, 50])
    mask = np.isin(np.arange(60), rows)
    one, two = (preprocess(three_kinds, SETTINGS, fit_on=chosen) for chosen in (rows, mask))
    np.testing.assert_array_equal(one["rna"].obsm["X_pca"], two["rna"].obsm["X_pca"])
    with pytest.raises(ValueError, match="fit_on has shape"):
        preprocess(three_kinds, SETTINGS, fit_on=mask[:-1])


def test_variable_genes_are_chosen(adata_of, mudata_of) -> None:
    """Genes that differ between two groups of cells are kept before genes of the same mean that do not."""
    rng = np.random.default_rng(0)
    mean, differ = rng.uniform(1, 10, size=300), np.arange(300) % 30 == 7
    up_or_down = np.where((np.arange(120)[:, None] + np.arange(300) // 30) % 2 == 0, 1.8, 0.2)  # half of the genes each way
    adata = adata_of(120, 300)
    adata.X = sp.csr_matrix(rng.poisson(mean * np.where(differ, up_or_down, 1)).astype(np.float32))
    chosen = preprocess(mudata_of(rna=adata), dataclasses.replace(SETTINGS, n_variable_genes=10))["rna"].var_names
    assert set(chosen) == {f"GENE{i}" for i in np.flatnonzero(differ)}


def test_rare_features_are_left_out(three_kinds) -> None:
    seen = {gene: int((three_kinds["rna"][:, gene].X > 0).sum()) for gene in three_kinds["rna"].var_names}
    kept = preprocess(three_kinds, PreprocessSettings(min_cells=30, n_components=4))["rna"].var
    assert set(kept.index) == {gene for gene, n in seen.items() if n >= 30}
    assert 0 < len(kept) < len(seen)
    assert kept["training_cells"].to_dict() == {gene: seen[gene] for gene in kept.index}


def test_most_open_peaks_are_kept(three_kinds, monkeypatch) -> None:
    monkeypatch.setattr("virtualcell.data.preprocess.MAX_PEAKS", 10)
    opened = np.asarray((three_kinds["atac"].X > 0).sum(axis=0)).ravel()
    kept = preprocess(three_kinds, SETTINGS)["atac"]
    assert kept.n_vars == 10
    assert kept.var["training_cells"].min() >= np.sort(opened)[-10]


def test_the_component_of_depth_is_named(three_kinds) -> None:
    atac = preprocess(three_kinds, SETTINGS)["atac"]
    record, rows = atac.uns[RECORD_KEY], atac.obs["measured"].to_numpy()
    components = atac.obsm["X_lsi"][rows]
    correlation = [spearmanr(component, atac.obs["depth"][rows]).statistic for component in components.T]
    assert record["depth_component"] == int(np.argmax(np.abs(correlation)))
    assert record["depth_correlation"] == pytest.approx(correlation[record["depth_component"]], abs=1e-6)


def test_names_that_repeat_are_numbered(adata_of, mudata_of) -> None:
    adata = adata_of()
    adata.X.data += 1
    adata.var_names = ["TWIN", "TWIN", *adata.var_names[2:]]
    prepared = preprocess(mudata_of(rna=adata), PreprocessSettings(min_cells=1, n_components=3))["rna"]
    assert prepared.var_names.is_unique
    assert prepared.var.loc["TWIN-1", "name_in_file"] == "TWIN"


def test_record_survives_writing(three_kinds, tmp_path) -> None:
    prepared = preprocess(three_kinds, SETTINGS, fit_on=np.arange(40))
    record = prepared.uns[RECORD_KEY]
    assert record["settings"] == dataclasses.asdict(SETTINGS)
    assert record["cells_fit_on"] == 40
    assert record["versions"]["scanpy"]
    prepared.write_h5mu(tmp_path / "prepared.h5mu")
    again = read(tmp_path / "prepared.h5mu")
    assert again.uns[RECORD_KEY]["settings"]["n_variable_genes"] == 25
    np.testing.assert_array_equal(again.obsm[MEASURED_KEY], prepared.obsm[MEASURED_KEY])
    twice = preprocess(again, SETTINGS)
    np.testing.assert_array_equal(twice.obsm[MEASURED_KEY], prepared.obsm[MEASURED_KEY])


def test_other_kinds_are_left_out_by_name(adata_of, mudata_of) -> None:
    mdata = mudata_of(rna=adata_of(), image=adata_of(prefix="i"))
    prepared = preprocess(mdata, SETTINGS)
    assert list(prepared.mod) == ["rna"]
    assert prepared.uns[RECORD_KEY]["modalities_left_out"] == ["image"]
    with pytest.raises(DataError, match="image"):
        preprocess(mudata_of(image=adata_of()), SETTINGS)


@pytest.mark.parametrize(
    ("settings", "fit_on", "words"),
    [
        (SETTINGS, np.arange(2), "Only 2 training cell"),
        (dataclasses.replace(SETTINGS, min_counts=10_000), None, "Only 0 training cell"),
        (dataclasses.replace(SETTINGS, min_cells=1_000), None, r"Only 0 rna feature"),
    ],
)
def test_too_little_to_learn_from(adata_of, mudata_of, settings, fit_on, words: str) -> None:
    with pytest.raises(DataError, match=words):
        preprocess(mudata_of(rna=adata_of()), settings, fit_on=fit_on)
