"""Every format round trip, and every wrong file by the message that it gets."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
import zarr
from mudata import MuData
from numcodecs import Pickle

from virtualcell.data.read import measured, read
from virtualcell.schema import MEASURED_KEY, DataError

KINDS = ["Gene Expression"] * 6 + ["Peaks"] * 5 + ["Antibody Capture"] * 3


@pytest.fixture
def matrix_10x():
    """Counts (8 cells, 14 features) of three kinds with their names."""
    rng = np.random.default_rng(3)
    names = [f"G{i}" for i in range(6)] + [f"chr1:{100 * i}-{100 * i + 50}" for i in range(5)] + ["CD3", "CD4", "CD8"]
    return sp.csr_matrix(rng.poisson(1.0, size=(8, 14)).astype(np.int32)), names, [f"BARCODE{i}-1" for i in range(8)]


def assert_three_kinds(mdata: MuData, counts: sp.csr_matrix, barcodes: list[str]) -> None:
    assert list(mdata.mod) == ["rna", "atac", "prot"]
    for name, columns in (("rna", slice(0, 6)), ("atac", slice(6, 11)), ("prot", slice(11, 14))):
        np.testing.assert_array_equal(mdata[name].X.toarray(), counts[:, columns].toarray())
    assert list(mdata.obs_names) == barcodes
    assert mdata.obsm[MEASURED_KEY].dtype == bool
    assert mdata.obsm[MEASURED_KEY].shape == (8, 3)
    assert mdata.obsm[MEASURED_KEY].all()


@pytest.mark.parametrize(("suffix", "zarr_format"), [(".h5ad", 2), (".zarr", 2), (".zarr", 3)])
def test_one_modality(tmp_path: Path, adata_of, suffix: str, zarr_format: int) -> None:
    adata = adata_of()
    adata.obsm["X_clone"] = sp.csr_matrix(np.eye(40, 5, dtype=np.float32))
    path = tmp_path / f"cells{suffix}"
    with anndata.settings.override(zarr_write_format=zarr_format):
        adata.write_h5ad(path) if suffix == ".h5ad" else adata.write_zarr(path)
    mdata = read(path)
    assert list(mdata.mod) == ["rna"]
    np.testing.assert_array_equal(mdata["rna"].X.toarray(), adata.X.toarray())
    assert list(mdata.obs.columns) == ["time", "kind"]
    assert (mdata.obs["kind"].astype(str) == adata.obs["kind"].astype(str)).all()
    np.testing.assert_array_equal(mdata.obsm["X_clone"].toarray(), adata.obsm["X_clone"].toarray())
    assert mdata.obsm[MEASURED_KEY].shape == (40, 1)
    assert mdata.uns["virtualcell_source"]["file"] == path.name


@pytest.mark.parametrize("suffix", [".h5mu", ".zarr"])
def test_several_modalities_with_cells_missing_from_each(tmp_path: Path, adata_of, suffix: str) -> None:
    """Cells 0-29 have RNA, 10-39 have ATAC; the order of the modalities is not that of the alphabet."""
    rna, atac = adata_of(30), adata_of(30, 20, seed=1, prefix="chr1-1-", first_cell=10)
    path = tmp_path / f"cells{suffix}"
    stored = MuData({"rna": rna, "atac": atac})
    stored.write_h5mu(path) if suffix == ".h5mu" else stored.write_zarr(path)
    mdata = read(path)
    assert list(mdata.mod) == ["rna", "atac"]
    number = np.array([int(name.removeprefix("cell")) for name in mdata.obs_names])
    expected = np.stack([number < 30, number >= 10], axis=1)
    np.testing.assert_array_equal(mdata.obsm[MEASURED_KEY], expected)
    np.testing.assert_array_equal(mdata.obs["time"].to_numpy(), number % 3)
    assert (mdata.obs["kind"].astype(str).to_numpy() == np.where(number % 2 == 0, "T cell", "B cell")).all()
    assert not any(":" in column for column in mdata.obs.columns)


def test_a_stored_mask_is_kept_and_never_exceeds_presence(tmp_path: Path, adata_of, mudata_of) -> None:
    mdata = mudata_of(rna=adata_of(10), atac=adata_of(8, prefix="p"))
    mask = mdata.obsm[MEASURED_KEY].copy()
    mask[0, 0] = False
    mask[:, 1] = True  # claims more than the modality lists
    mdata.obsm[MEASURED_KEY] = mask
    mdata.write_h5mu(tmp_path / "a.h5mu")
    again = read(tmp_path / "a.h5mu").obsm[MEASURED_KEY]
    assert not again[0, 0]
    assert again[1:, 0].all()
    np.testing.assert_array_equal(again[:, 1], np.arange(10) < 8)


def test_a_mask_of_another_number_of_modalities_is_refused(adata_of, mudata_of) -> None:
    mdata = mudata_of(rna=adata_of())
    mdata.obsm[MEASURED_KEY] = np.ones((40, 2), dtype=bool)
    with pytest.raises(DataError, match="2 kinds of measurement"):
        measured(mdata)


def test_a_column_on_which_modalities_disagree_is_not_promoted(tmp_path: Path, adata_of) -> None:
    rna, atac = adata_of(), adata_of(prefix="p")
    rna.obs["n"], atac.obs["n"] = 1, 2
    rna.obs["only_rna"] = "x"
    MuData({"rna": rna, "atac": atac}).write_h5mu(tmp_path / "a.h5mu")
    obs = read(tmp_path / "a.h5mu").obs
    assert "n" not in obs
    assert (obs["only_rna"] == "x").all()
    assert "time" in obs


def test_10x_h5(tmp_path: Path, matrix_10x) -> None:
    counts, names, barcodes = matrix_10x
    with h5py.File(tmp_path / "filtered.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"], group["shape"] = np.array(barcodes, dtype="S"), np.array([14, 8])
        group["data"], group["indices"], group["indptr"] = counts.data, counts.indices, counts.indptr
        features = group.create_group("features")
        features["id"] = features["name"] = np.array(names, dtype="S")
        features["feature_type"] = np.array(KINDS, dtype="S")
        features["genome"] = np.array(["GRCh38"] * 14, dtype="S")
    assert_three_kinds(read(tmp_path / "filtered.h5"), counts, barcodes)


@pytest.mark.parametrize("compressed", [True, False])
def test_10x_folder(tmp_path: Path, matrix_10x, compressed: bool) -> None:
    counts, names, barcodes = matrix_10x
    folder = tmp_path / "filtered_feature_bc_matrix"
    folder.mkdir()
    scipy.io.mmwrite(folder / "matrix.mtx", counts.T.tocoo())
    if compressed:
        (folder / "matrix.mtx.gz").write_bytes(gzip.compress((folder / "matrix.mtx").read_bytes()))
        (folder / "matrix.mtx").unlink()
        text = {"barcodes.tsv": barcodes, "features.tsv": [f"id{i}\t{n}\t{k}" for i, (n, k) in enumerate(zip(names, KINDS))]}
        for name, lines in text.items():
            (folder / f"{name}.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
        assert_three_kinds(read(folder), counts, barcodes)
    else:  # the layout of Cell Ranger 2 knows genes only
        (folder / "barcodes.tsv").write_text("\n".join(barcodes) + "\n")
        (folder / "genes.tsv").write_text("".join(f"id{i}\t{name}\n" for i, name in enumerate(names)))
        mdata = read(folder)
        assert list(mdata.mod) == ["rna"]
        np.testing.assert_array_equal(mdata["rna"].X.toarray(), counts.toarray())


def test_peaks_alone_are_accessibility(tmp_path: Path, adata_of) -> None:
    adata = adata_of()
    adata.var_names = [f"chr{i % 3 + 1}-{i}00-{i}99" for i in range(adata.n_vars)]
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert list(read(tmp_path / "a.h5ad").mod) == ["atac"]


def test_digest_is_that_of_the_file(tmp_path: Path, adata_of) -> None:
    adata_of().write_h5ad(tmp_path / "a.h5ad")
    expected = hashlib.sha256((tmp_path / "a.h5ad").read_bytes()).hexdigest()
    assert read(tmp_path / "a.h5ad").uns["virtualcell_source"] == {"file": "a.h5ad", "sha256": expected}


def test_digest_of_a_folder_changes_with_its_contents(tmp_path: Path, adata_of) -> None:
    digests = []
    for seed in (0, 0, 1):
        path = tmp_path / f"{len(digests)}" / "a.zarr"
        adata_of(seed=seed).write_zarr(path)
        digests.append(read(path).uns["virtualcell_source"]["sha256"])
    assert digests[0] == digests[1] != digests[2]


def bad_text(path: Path) -> None:
    path.write_text("gene,cell1,cell2\nFKBP5,1,2\n")


def bad_truncated(path: Path) -> None:
    anndata.AnnData(np.ones((50, 50), dtype=np.float32)).write_h5ad(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def bad_foreign_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["pixels"] = np.zeros((3, 3))


@pytest.mark.parametrize("name", ["a.h5ad", "a.h5mu", "a.h5"])
@pytest.mark.parametrize("spoil", [bad_text, bad_truncated, bad_foreign_hdf5])
def test_damaged_or_foreign_file(tmp_path: Path, name: str, spoil) -> None:
    spoil(tmp_path / name)
    with pytest.raises(DataError, match="What to do") as caught:
        read(tmp_path / name)
    assert caught.value.file == name
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("missing.h5ad", lambda path: None, "no such file"),
        ("empty.h5ad", Path.touch, "file is empty"),
        ("cells.csv", bad_text, "does not read files that end in '.csv'"),
        ("bare", Path.mkdir, "folder is empty"),
        ("photos", lambda path: (path.mkdir(), bad_text(path / "a.txt")), "neither a zarr store nor a 10x matrix"),
        ("half", lambda path: (path.mkdir(), bad_text(path / "matrix.mtx")), "cannot be read"),
        ("broken.zarr", lambda path: (path.mkdir(), (path / "zarr.json").write_text("{")), "damaged"),
    ],
)
def test_wrong_path(tmp_path: Path, name: str, make, words: str) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path / name)
    assert caught.value.file == name
    assert caught.value.next_step


def test_no_cells(tmp_path: Path) -> None:
    anndata.AnnData(np.zeros((0, 3), dtype=np.float32)).write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(DataError, match="no cells"):
        read(tmp_path / "a.h5ad")


def test_same_cell_name_twice_cannot_be_matched_across_modalities(tmp_path: Path, adata_of) -> None:
    rna, atac = adata_of(), adata_of(prefix="p")
    rna.obs_names = ["same", "same", *rna.obs_names[2:]]
    with pytest.warns(UserWarning, match="not unique"):
        MuData({"rna": rna, "atac": atac}).write_h5mu(tmp_path / "a.h5mu")
    with pytest.raises(DataError, match="same name"):
        read(tmp_path / "a.h5mu")


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_pickled_zarr_is_refused_before_it_runs(tmp_path: Path, adata_of) -> None:
    adata_of().write_zarr(tmp_path / "a.zarr")
    folder = tmp_path / "a.zarr" / "obs" / "evil"
    folder.mkdir()
    chunk = Pickle().encode(np.array([Trap(tmp_path / "ran")], dtype=object))
    meta = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "order": "C", "fill_value": 0, "compressor": None}
    (folder / ".zarray").write_text(json.dumps(meta | {"filters": [{"id": "pickle", "protocol": 5}]}))
    (folder / "0").write_bytes(chunk)
    with pytest.raises(DataError, match="could run a program"):
        read(tmp_path / "a.zarr")
    assert not (tmp_path / "ran").exists()


def test_version_3_codecs_are_seen_too(tmp_path: Path, adata_of) -> None:
    adata_of().write_zarr(tmp_path / "a.zarr")
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    assert group.metadata.zarr_format in (2, 3)
    meta = {
        "node_type": "array",
        "codecs": [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "numcodecs.pickle"}]}}],
    }
    (tmp_path / "a.zarr" / "extra").mkdir()
    (tmp_path / "a.zarr" / "extra" / "zarr.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match="pickle"):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("how", ["link", "external", "virtual"])
def test_hdf5_that_looks_at_other_files_is_refused(tmp_path: Path, adata_of, how: str) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret!!" * 40)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.arange(40.0)
    path = tmp_path / "a.h5ad"
    adata_of().write_h5ad(path)
    with h5py.File(path, "a") as file:
        if how == "link":
            file["obs/leak"] = h5py.ExternalLink("other.h5", "x")
        elif how == "external":
            file.create_dataset("obs/leak", shape=(40,), dtype="i8", external=[(str(tmp_path / "secret.bin"), 0, 320)])
        else:
            layout = h5py.VirtualLayout(shape=(40,), dtype="f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(40,))
            file.create_virtual_dataset("obs/leak", layout)
    with pytest.raises(DataError, match="another file"):
        read(path)


def test_reading_does_not_need_categories(tmp_path: Path, adata_of) -> None:
    """A missing annotation stays missing; it is not filled in."""
    adata = adata_of()
    adata.obs["kind"] = pd.Categorical([None, *adata.obs["kind"].astype(str)[1:]])
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert read(tmp_path / "a.h5ad").obs["kind"].isna().tolist() == [True] + [False] * 39
