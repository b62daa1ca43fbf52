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
    BloodCells,
    entry,
    load_blood_cells,
    orientations,
    shrink,
    slides_that_judge,
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
    cells = load_blood_cells()
    parts = split_by_slide(cells, 3)
    rows = np.concatenate([parts.training, parts.validation, parts.test])
    assert sorted(rows) == list(range(len(cells)))
    named = [set(cells.slide[part]) for part in (parts.training, parts.validation, parts.test)]
    assert [len(names) for names in named] == [200, 73, 91]
    assert len(set.union(*named)) == sum(map(len, named))
    assert (split_by_slide(cells, 3).training == parts.training).all()
    other = split_by_slide(cells, 4)
    assert set(cells.slide[other.validation]) != named[1]
    assert (other.test == parts.test).all()


def test_the_slides_that_judge_show_every_kind_and_chose_nothing() -> None:
    cells = load_blood_cells()
    judges = slides_that_judge(cells)
    labels = cells.labels[np.isin(cells.slide, judges)]
    for kind in KINDS.values():
        share = (cells.labels == kind).mean()
        assert abs((labels == kind).mean() - share) < 2 * np.sqrt(share * (1 - share) / len(labels))
    # The rule by which slides were once put aside for choices, with seed 0: a quarter to judge, then a fifth to choose.
    order = np.random.default_rng(0).permutation(np.unique(cells.slide))
    assert not set(order[91:164]) & set(judges)
    # Which slides they are is no matter of the order of the images.
    turned = BloodCells(cells.images[::-1], cells.labels[::-1], cells.slide[::-1])
    assert (slides_that_judge(turned) == judges).all()


def test_two_slides_are_too_few() -> None:
    images = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(DataError, match="too few"):
        split_by_slide(BloodCells(images, np.array(["red cell"] * 2), np.array(["a", "b"])), 0)


def test_orientations_are_the_eight_of_a_square() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    eight = orientations(image)
    assert len({one.tobytes() for one in eight}) == 8
    assert {one.tobytes() for one in orientations(image[:, ::-1])} == {one.tobytes() for one in eight}
    assert {one.tobytes() for one in orientations(image.transpose(0, 2, 1, 3))} == {one.tobytes() for one in eight}
