"""A data folder shows its files and nothing outside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtualcell.data.folder import files, inside
from virtualcell.schema import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("a.h5ad", "notes.txt", "lab/b.h5mu", "lab/.hidden/c.h5ad", "store.zarr/.zgroup", "store.zarr/x.h5ad",
                 "mtx/matrix.mtx.gz", "mtx/barcodes.tsv.gz"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (tmp_path / "secret.h5ad").write_text("x")
    (tmp_path / "data-too").mkdir()
    (tmp_path / "data-too" / "d.h5ad").write_text("x")
    (folder / "out.h5ad").symlink_to(tmp_path / "secret.h5ad")
    (folder / "away").symlink_to(tmp_path / "data-too")
    (folder / "again.h5ad").symlink_to(folder / "a.h5ad")
    return folder


def test_lists_what_can_be_read(root):
    assert files(root) == ["a.h5ad", "again.h5ad", "lab/b.h5mu", "mtx", "store.zarr"]


def test_opens_what_lies_inside(root):
    assert inside(root, "lab/b.h5mu") == (root / "lab" / "b.h5mu").resolve()
    assert inside(root, "again.h5ad") == (root / "a.h5ad").resolve()


@pytest.mark.parametrize(
    "name",
    ["../secret.h5ad", "lab/../../secret.h5ad", "out.h5ad", "away/d.h5ad", "../data-too/d.h5ad", "", ".", "..", "/etc/passwd",
     "a\0b", "gone.h5ad"],
)  # fmt: skip
def test_nothing_outside_is_opened(root, name):
    with pytest.raises(DataError):
        inside(root, name)


def test_an_absolute_name_is_no_way_out(root, tmp_path):
    with pytest.raises(DataError, match="outside"):
        inside(root, str(tmp_path / "secret.h5ad"))
