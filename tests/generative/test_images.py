"""Codes of images: what is drawn is read again, one knob moves one code, and the shipped ones sort cells of unseen slides."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from virtualcell import __version__
from virtualcell.data.catalogue import models_folder
from virtualcell.generative.images import FOLDER, ImageCodes, as_png, load_blood_cells, split_by_slide
from virtualcell.generative.images_data import orientations
from virtualcell.generative.images_fit import ImageSettings, fit_images
from virtualcell.generative.images_record import names_of, read_again, read_categories, sorting
from virtualcell.generative.images_views import Views
from virtualcell.schema import DataError


@pytest.fixture(scope="module")
def codes() -> ImageCodes:
    return ImageCodes.load()


def test_kinds_are_sorted_on_slides_never_trained_on(codes: ImageCodes) -> None:
    """Purity counted here from pixels and labels, and the same as what the record says."""
    cells = load_blood_cells()
    slides = split_by_slide(cells, codes.settings.seed)
    groups = read_categories(codes, cells.images)
    names = {}
    for code in range(codes.n_categories):
        labels = cells.labels[slides.training][groups[slides.training] == code].tolist()
        names[code] = max(sorted(set(labels)), key=labels.count) if labels else ""
        assert codes.names[code].kind == names[code]
        assert codes.names[code].images == len(labels)
    right = np.mean([names[g] == label for g, label in zip(groups[slides.test], cells.labels[slides.test])])
    assert right == pytest.approx(codes.record["purity"], abs=1e-9)
    assert right >= 0.9
    assert codes.n_categories <= 10
    assert set(names.values()) >= {"red cell", "white cell", "platelet"}


def test_the_log_shows_codes_that_settle(codes: ImageCodes) -> None:
    first, last = codes.log[0], codes.log[-1]
    assert last["step"] == codes.settings.steps
    assert first["entropy_of_code"] > 0.95 * np.log(codes.n_categories)
    assert last["entropy_of_code"] < 0.25
    certain = -(codes.prior * np.log(codes.prior)).sum()  # nats that a code says which is read without error
    assert last["entropy_of_use"] > 0.8 * certain  # settled, and not all in one code
    assert 0.8 * certain < last["mutual_information"] <= certain + 1e-6


def test_what_is_drawn_is_read_as_its_code(codes: ImageCodes) -> None:
    again = read_again(codes, n=200, seed=5)
    assert again["category"] > 0.9
    assert min(again["continuous"]) > 0.6


def test_one_knob_moves_one_code(codes: ImageCodes) -> None:
    """The reading of the code that is turned rises all along; of the others, and of the category, less changes."""
    for which in range(codes.n_continuous):
        moved = []
        for category in np.argsort(codes.prior)[-3:]:
            others = np.random.default_rng(1).uniform(-1, 1, (24, codes.n_continuous))
            frames = codes.turn(np.full(24, category), which, others, steps=5, seed=1)
            read = np.stack([codes.read(frame)[1].mean(0) for frame in frames])
            assert (np.diff(read[:, which]) > 0).all(), (which, category)
            moved.append(read[-1] - read[0])
        change = np.abs(np.mean(moved, axis=0))
        assert change[which] > 0.5
        assert change[which] > 2 * np.delete(change, which).max()


def test_the_seed_holds_all_but_the_codes(codes: ImageCodes) -> None:
    category, continuous = np.array([0, 1]), np.zeros((2, codes.n_continuous))
    drawn = codes.draw(category, continuous, seed=3)
    assert drawn.shape == (2, 32, 32, 3)
    assert drawn.dtype == np.uint8
    assert (codes.draw(category, continuous, seed=3) == drawn).all()
    assert (codes.draw(category, continuous, seed=4) != drawn).any()
    # The second image is the same when only the codes of the first change.
    other = codes.draw(np.array([1, 1]), continuous, seed=3)
    assert (other[0] != drawn[0]).any()
    assert np.abs(other[1].astype(int) - drawn[1]).max() <= 1
    # With little noise images are the typical one, turned in all ways; without any, not even that.
    flat = np.zeros((40, codes.n_continuous))
    turned, typical = (codes.draw(np.zeros(40, int), flat, seed=3, noise=noise) for noise in (1e-6, 0.0))
    eight = np.stack([one[0] for one in orientations(typical[:1])]).astype(int)
    away = np.abs(turned[:, None].astype(int) - eight[None]).max((2, 3, 4))
    assert (away.min(1) <= 1).all()
    assert set(away.argmin(1)) == set(range(8))
    same = codes.draw(np.array([0, 0]), continuous, seed=3, noise=0.0)
    assert np.abs(same[0].astype(int) - same[1]).max() <= 1


def test_saved_codes_are_read_again(codes: ImageCodes, tmp_path: Path) -> None:
    codes.save(tmp_path)
    found = ImageCodes.load(tmp_path)
    assert found.settings == codes.settings
    assert found.names == codes.names
    assert found.log == codes.log
    images = load_blood_cells().images[:8]
    for a, b in zip(codes.read(images), found.read(images), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (tmp_path / "images.safetensors").stat().st_size < 4e6
    record = tmp_path / "images.json"
    said = json.loads(record.read_text())
    record.write_text(json.dumps(said | {"settings": said["settings"] | {"width": 8}}))
    with pytest.raises(DataError, match="broken"):
        ImageCodes.load(tmp_path)
    with pytest.raises(DataError, match="missing"):
        ImageCodes.load(tmp_path / "nothing")


def test_codes_of_other_images_are_refused(tmp_path: Path) -> None:
    for path in (models_folder() / FOLDER).iterdir():
        shutil.copy(path, tmp_path)
    record = tmp_path / "images.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"digest": "0" * 64}))
    with pytest.raises(DataError, match="another model"):
        ImageCodes.load(tmp_path)


def test_what_has_the_wrong_shape(codes: ImageCodes) -> None:
    for images in (np.zeros((2, 16, 16, 3), np.uint8), np.zeros((32, 32, 3), np.uint8), np.zeros((2, 32, 32, 3))):
        with pytest.raises(DataError, match="cannot be read"):
            codes.read(images)
    flat = np.zeros((1, codes.n_continuous))
    for category, continuous, noise, field, said in (
        (np.array([0, 1]), flat, 1.0, "category, continuous", "do not go together"),
        (np.array([0]), flat[:, :-1], 1.0, "category, continuous", "do not go together"),
        (np.array([codes.n_categories]), flat, 1.0, "category", "No such"),
        (np.array([-1]), flat, 1.0, "category", "No such"),
        (np.array([0.5]), flat, 1.0, "category", "No such"),
        (np.array([0]), flat + 1.5, 1.0, "continuous", "outside"),
        (np.array([0]), flat * np.nan, 1.0, "continuous", "outside"),
        (np.array([0]), flat, 2.5, "noise", "outside"),
    ):
        with pytest.raises(DataError, match=said) as refused:
            codes.draw(category, continuous, noise=noise)
        assert refused.value.field == field
    with pytest.raises(DataError, match="no continuous code"):
        codes.turn(np.array([0]), codes.n_continuous, flat)
    for broken in ({"most_categories": 11}, {"most_categories": 1}, {"batch": 0}, {"head_width": 0}):
        with pytest.raises(DataError) as refused:
            ImageSettings(**broken)
        assert [refused.value.field] == list(broken)


def test_a_turned_code_is_drawn_as_any_other(codes: ImageCodes) -> None:
    """Each step is what ``draw`` makes of these codes; without the code that is turned having been looked at."""
    category, continuous = np.array([1, 0]), np.full((2, codes.n_continuous), 0.25)
    frames = codes.turn(category, 1, continuous, steps=3, seed=4, noise=0.5)
    for frame, value in zip(frames, (-1, 0, 1), strict=True):
        asked = continuous.copy()
        asked[:, 1] = value
        np.testing.assert_array_equal(frame, codes.draw(category, asked, seed=4, noise=0.5))
    assert (continuous == 0.25).all()


def test_a_saved_image_says_that_it_is_synthetic(codes: ImageCodes) -> None:
    image = codes.draw(np.array([0]), np.zeros((1, codes.n_continuous)))[0]
    with Image.open(io.BytesIO(as_png(image, {"seed": 7}))) as found:
        said = json.loads(found.text["synthetic"])
        assert (np.asarray(found) == image).all()
    assert said["synthetic"] is True
    assert said["version"] == __version__
    assert said["seed"] == 7
    assert "VirtualCell" in said["generator"]


def test_a_short_training_is_the_same_twice() -> None:
    images = load_blood_cells().images
    small = ImageSettings(most_categories=3, n_continuous=1, width=4, head_width=4, steps=6, batch=16, every=3, seed=2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first, second = (fit_images(images[:64], images[64:96], small) for _ in range(2))
        other = fit_images(images[:64], images[64:96], replace(small, seed=3))
    finally:
        torch.set_num_threads(threads)
    assert [line["step"] for line in first.log] == [1, 3, 6]
    assert first.log == second.log
    assert first.log != other.log
    for a, b in zip(first.generator.state_dict().values(), second.generator.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert all(
        0 <= line["entropy_of_code"] <= line["entropy_of_use"] + 1e-5 <= np.log(len(first.prior)) + 2e-5 for line in first.log
    )
    assert float(first.prior.sum()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(DataError, match="fewer than a batch"):
        fit_images(images[:8], images[8:16], small)


def test_views_show_the_same_pixels() -> None:
    x = torch.rand(50, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    still = Views(0, 0.0, 0.0, 0.0)(x, torch.Generator().manual_seed(1))
    ways = 0
    for before, after in zip(x, still):
        eight = [torch.rot90(y, k, (1, 2)) for y in (before, before.flip(2)) for k in range(4)]
        match = [torch.allclose(after, turned, atol=1e-5) for turned in eight]
        assert sum(match) == 1
        ways |= 1 << match.index(True)
    assert ways == 0b11111111  # all eight symmetries are drawn
    lit = Views(0, 0.1, 0.0, 0.0)(x, torch.Generator().manual_seed(1)) - still
    assert float(lit.flatten(1).std(1).max()) < 1e-5  # one light over the image
    assert float(lit.abs().max()) <= 0.1 + 1e-5
    moved = Views(3, 0.0, 0.0, 0.0)(
        torch.arange(1024.0).reshape(1, 1, 32, 32).expand(64, 3, 32, 32), torch.Generator().manual_seed(2)
    )
    assert len({int(image[0, 16, 16]) for image in moved}) > 20


def test_sorting_counts_by_hand() -> None:
    training = (np.array([0, 0, 0, 1, 1]), np.array(["a", "a", "b", "b", "b"]))
    test = (np.array([0, 0, 1, 1, 2]), np.array(["a", "b", "a", "a", "b"]))
    found = sorting(training, test, 3)
    assert found.named == pytest.approx(1 / 5)  # code 1 is named b, code 2 has no name
    assert found.pure == pytest.approx(4 / 5)
    assert found.groups == 3
    assert found.recall == {"a": pytest.approx(1 / 3), "b": 0.0}
    names = names_of(*training, 3)
    assert [name.kind for name in names] == ["a", "b", ""]
    assert names[0].share == pytest.approx(2 / 3)
    perfect = (np.array([0, 1]), np.array(["a", "b"]))
    assert sorting(perfect, perfect, 2).ari == 1
