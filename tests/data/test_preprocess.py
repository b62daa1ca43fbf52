"""Normalisation re-derived cell by cell, choices by training cells alone, and the measured mask."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

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
    """Other counts in the held-out cells: same features, weights and values of training cells; they do change without fit_on."""
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
    for name in ("rna", "atac", "prot"):
        assert list(one[name].var_names) == list(two[name].var_names)
        for column in one[name].var.columns:
            assert one[name].var[column].equals(two[name].var[column])
        a, b = (np.asarray(x[name].X.todense() if sp.issparse(x[name].X) else x[name].X) for x in (one, two))
        np.testing.assert_array_equal(a[fit], b[fit])
        assert not np.array_equal(a[~fit], b[~fit])
        assert one[name].uns[RECORD_KEY] == two[name].uns[RECORD_KEY]
    three, four = prepared(10, hold_out=False), prepared(11, hold_out=False)
    assert list(three["rna"].var_names) != list(four["rna"].var_names)
    assert not three["atac"].var["idf"].equals(four["atac"].var["idf"])


def test_row_numbers_and_mask_mean_the_same(three_kinds) -> None:
    rows = np.array([0, 3, 11, 12, 20, 30, 31, 32, 40, 50])
    mask = np.isin(np.arange(60), rows)
    one, two = (preprocess(three_kinds, SETTINGS, fit_on=chosen) for chosen in (rows, mask))
    assert one["atac"].var.equals(two["atac"].var)
    assert not one["atac"].var["idf"].equals(preprocess(three_kinds, SETTINGS)["atac"].var["idf"])
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


def test_fragments_are_kept_where_they_are_to_be_counted(three_kinds) -> None:
    kinds = {"rna": "rna-zinb", "atac": "atac-poisson", "prot": "protein"}
    fit = np.arange(60) < 45
    counted, opened = preprocess(three_kinds, SETTINGS, fit_on=fit, kinds=kinds), preprocess(three_kinds, SETTINGS, fit_on=fit)
    atac = counted["atac"]
    assert atac.layers["counts"].max() > 1
    np.testing.assert_array_equal(atac.layers["counts"].toarray() > 0, opened["atac"].layers["counts"].toarray() > 0)
    for cell in atac.obs_names[12::9]:
        counts = counts_by_name(three_kinds["atac"], cell)
        assert atac.obs.loc[cell, "depth"] == sum(counts.values())
        expected = [np.log(1 + 1e4 * counts[p] / sum(counts.values()) * atac.var.loc[p, "idf"]) for p in atac.var_names]
        np.testing.assert_allclose(atac[cell].X.toarray().ravel(), expected, rtol=1e-5)
    for name in ("rna", "prot"):  # the kind of likelihood changes nothing else
        a, b = (np.asarray(x[name].layers["counts"].todense()) for x in (counted, opened))
        np.testing.assert_array_equal(a, b)
    assert atac.uns[RECORD_KEY]["kind"] == "atac-poisson"


MARKERS = {"rna": "rna", "cytof": "continuous"}


@pytest.fixture(params=[np.asarray, sp.csr_matrix])
def with_markers(request, adata_of, mudata_of) -> MuData:
    """RNA of cells 0 to 59, mass cytometry of cells 20 to 69; the third marker is the same everywhere."""
    markers = adata_of(50, 5, prefix="CD", first_cell=20)
    values = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    values[:, 2] = 1.5
    markers.X = request.param(values)
    markers.layers["arcsinh"] = request.param(np.arcsinh(values))
    return mudata_of(rna=adata_of(60, 40), cytof=markers)


def dense(matrix) -> np.ndarray:
    return matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)


def test_other_kinds_are_passed_on_as_measured(with_markers) -> None:
    with_markers.obsm[MEASURED_KEY][30, 1] = False
    prepared = preprocess(with_markers, SETTINGS, kinds=MARKERS)
    assert list(prepared.mod) == ["rna", "cytof"]
    cytof = prepared["cytof"]
    assert list(cytof.var_names) == ["CD0", "CD1", "CD3", "CD4"]  # CD2 never changes
    assert list(cytof.obs_names) == list(prepared.obs_names)
    mask = prepared.obsm[MEASURED_KEY][:, 1]
    assert mask.sum() == 49
    np.testing.assert_array_equal(cytof.obs["measured"], mask)
    given = with_markers["cytof"][cytof.obs_names[mask], cytof.var_names]
    np.testing.assert_array_equal(dense(cytof.X)[mask], dense(given.X))
    np.testing.assert_array_equal(dense(cytof.layers["arcsinh"])[mask], dense(given.layers["arcsinh"]))
    assert not dense(cytof.X)[~mask].any()
    assert cytof.X.dtype == np.float32
    assert "cell65" in prepared.obs_names  # measured by mass cytometry alone
    assert list(preprocess(with_markers, SETTINGS).mod) == ["rna"]


def test_the_features_that_change_are_chosen_by_training_cells(with_markers) -> None:
    values = dense(with_markers["cytof"].X).copy()
    values[:30, 4] = 0.25  # cells 20 to 49
    with_markers["cytof"].X = values
    kept = preprocess(with_markers, SETTINGS, fit_on=np.arange(50), kinds=MARKERS)["cytof"].var_names
    assert list(kept) == ["CD0", "CD1", "CD3"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_values_are_counted_and_named(with_markers, bad: float) -> None:
    values = dense(with_markers["cytof"].X).copy()
    values[[3, 9, 9], [0, 1, 4]] = bad
    with_markers["cytof"].X = values
    with pytest.raises(DataError, match="cytof: 3 of its values are missing") as caught:
        preprocess(with_markers, SETTINGS, kinds=MARKERS)
    assert caught.value.field == "cytof: X"


def test_a_fraction_may_be_missing_where_nothing_was_covered(adata_of, mudata_of) -> None:
    rng = np.random.default_rng(0)
    adata = adata_of(40, 6, prefix="region")
    coverage = rng.poisson(1.0, (40, 6))
    with np.errstate(invalid="ignore"):
        adata.X = (rng.binomial(coverage, 0.4) / coverage).astype(np.float32)
    adata.layers["coverage"] = coverage
    mdata = mudata_of(methylation=adata)
    kinds = {"methylation": "methylation"}
    prepared = preprocess(mdata, SETTINGS, kinds=kinds)["methylation"]
    np.testing.assert_array_equal(prepared.X, np.nan_to_num(adata.X))
    np.testing.assert_array_equal(prepared.layers["coverage"], coverage)
    adata.layers["coverage"] = coverage + 1
    with pytest.raises(DataError, match=f"methylation: {(coverage == 0).sum()} of its values are missing"):
        preprocess(mudata_of(methylation=adata), SETTINGS, kinds=kinds)


def test_values_that_never_change_teach_nothing(with_markers) -> None:
    with_markers["cytof"].X = np.ones((50, 5), np.float32)
    with pytest.raises(DataError, match="Only 0 cytof feature"):
        preprocess(with_markers, SETTINGS, kinds=MARKERS)
