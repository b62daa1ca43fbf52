"""The kinds that images fall into by themselves: no label, no orientation, and the number that the cells bear."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from virtualcell.generative.images_data import load_blood_cells, orientations, split_by_slide
from virtualcell.generative.images_start import find_kinds, unturned


def test_a_turned_image_is_the_same() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    first = unturned(images)
    for turned in orientations(images):
        np.testing.assert_allclose(unturned(turned), first, atol=1e-6)
    # The same by hand, at a corner: the mean of the four corners.
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(1) / 255
    np.testing.assert_allclose(first[:, :3], corners, atol=1e-6)


def discs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Discs of four colours and sizes, in uneven numbers and changing light, with noise; and which each is."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(4, n, p=[0.55, 0.25, 0.12, 0.08])
    colours = np.array([[200, 120, 120], [90, 60, 160], [150, 120, 190], [120, 160, 90]])
    rows, columns = np.mgrid[:32, :32]
    inside = np.hypot(rows - 15.5, columns - 15.5) <= np.array([13, 10, 4, 7])[kind, None, None]
    images = np.where(inside[..., None], colours[kind, None, None], 210) + rng.normal(0, 8, (n, 1, 1, 3))
    images = images + rng.normal(0, 12, (n, 32, 32, 3))
    return images.clip(0, 255).astype(np.uint8), kind


def test_planted_kinds_are_found_and_counted() -> None:
    images, kind = discs(1200, 0)
    kinds = find_kinds(images, 6, 0)
    probabilities = kinds(images)
    assert probabilities.shape == (1200, 4)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    new, new_kind = discs(200, 1)
    assert adjusted_rand_score(kind, probabilities.argmax(1)) > 0.95
    assert adjusted_rand_score(new_kind, kinds(new).argmax(1)) > 0.95
    turned = orientations(new)[5]
    np.testing.assert_allclose(kinds(turned), kinds(new), atol=1e-3)


def test_blood_cells_fall_into_their_kinds() -> None:
    """Judged on validation slides; the same seed finds the same kinds."""
    cells = load_blood_cells()
    slides = split_by_slide(cells, 10)
    first, second = (find_kinds(cells.images[slides.training], 4, 0) for _ in range(2))
    probabilities = first(cells.images[slides.validation])
    assert (probabilities == second(cells.images[slides.validation])).all()
    assert adjusted_rand_score(cells.labels[slides.validation], probabilities.argmax(1)) > 0.9
