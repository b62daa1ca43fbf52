"""The blood-cell images are those of the manifest, load without pickle, and no slide is in two parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from virtualcell.data.catalogue import data_folder, manifest
from virtualcell.generative.images_data import (
    FILE,
    KINDS,
    entry,
    load_blood_cells,
    shrink,
    split_by_slide,
    write_images,
)
from virtualcell.schema import DataError


def test_the_file_is_the_manifests() -> None:
    assert manifest()[FILE] == entry(data_folder() / FILE)
    with np.load(data_folder() / FILE, allow_pickle=False) as found:
        assert all(found[name].dtype.kind in "uU" for name in found.files)  # nothing that would need pickle


def test_what_is_said_of_the_images() -> None:
    cells = load_blood_cells()
    assert cells.images.shape == (2125, 32, 32, 3)
    assert cells.images.dtype == np.uint8
    assert Counter(cells.labels.tolist()) == {"red cell": 1392, "white cell": 372, "platelet": 361}
    assert len(np.unique(cells.slide)) == 364
    red, blue = (cells.images[cells.labels == kind].mean((0, 1, 2)) for kind in ("red cell", "white cell"))
    assert red[0] > red[2]
    assert blue[2] > blue[0]  # the stain of a nucleus: labels stand beside their images


def test_written_images_are_read_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    labels, slide = np.array(list(KINDS.values()))[[0, 1, 2, 0, 0]], np.array(["a", "b", "c", "a", "b"])
    write_images(images, labels, slide, tmp_path / FILE)
    found = load_blood_cells(tmp_path / FILE)
    assert (found.images == images).all()
    assert (found.labels == labels).all()
    assert (found.slide == slide).all()


def test_shrinking_takes_means_of_areas() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    means = images.reshape(2, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(shrink(images) - means).max() <= 1  # rounded along rows, then along columns


@pytest.mark.parametrize("content", [None, b"no archive", "no tiles"])
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / FILE
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        np.savez(path, labels=np.array(["red cell"]))
    with pytest.raises(DataError, match="cannot be read") as error:
        load_blood_cells(path)
    assert error.value.file == str(path)


def test_slides_stay_whole() -> None:
    slide = load_blood_cells().slide
    parts = split_by_slide(slide, 3)
    rows = np.concatenate([parts.training, parts.validation, parts.test])
    assert sorted(rows) == list(range(len(slide)))
    named = [set(slide[part]) for part in (parts.training, parts.validation, parts.test)]
    assert [len(names) for names in named] == [200, 73, 91]
    assert len(set.union(*named)) == sum(map(len, named))
    assert (split_by_slide(slide, 3).test == parts.test).all()
    assert set(slide[split_by_slide(slide, 4).test]) != named[2]


@pytest.mark.parametrize("shares", [(0.0, 0.2), (0.5, 0.5)])
def test_shares_that_leave_nothing(shares: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="no slides"):
        split_by_slide(np.array(["a", "b", "c", "d"]), 0, validation=shares[0], test=shares[1])
    with pytest.raises(DataError, match="too few"):
        split_by_slide(np.array(["a", "b"]), 0)
