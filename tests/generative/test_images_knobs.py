"""Readings of images that were drawn to have them."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.generative.images_knobs import readings


def disc(
    radius: float, *, middle: tuple[float, float] = (15.5, 15.5), colour: tuple[int, int, int] = (60, 40, 160)
) -> np.ndarray:
    rows, columns = np.mgrid[:32, :32]
    image = np.full((32, 32, 3), 200, np.uint8)
    image[np.hypot(rows - middle[0], columns - middle[1]) <= radius] = colour
    return image


def test_a_disc_is_measured() -> None:
    found = readings(np.stack([disc(5), disc(10), disc(5, middle=(15.5, 19.5)), disc(5, colour=(160, 40, 60))]))
    np.testing.assert_allclose(found["size"], np.array([5, 10, 5, 5]) / np.sqrt(2), rtol=0.06)  # of a disc: radius over root 2
    np.testing.assert_allclose(found["off centre"], [0, 0, 4, 0], atol=1e-6)
    assert found["lightness"][1] < found["lightness"][0]
    share = (disc(5) != 200).any(2).mean()
    assert found["colourfulness"][0] == pytest.approx(share * 120 / 255)
    np.testing.assert_allclose(found["red over blue"][[0, 3]], np.array([-1, 1]) * share * 100 / 255)


def test_a_ring_has_a_pale_centre_and_grain_is_roughness() -> None:
    ring = disc(13)
    ring[disc(6)[..., 0] != 200] = 200
    rough = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    found = readings(np.stack([ring, disc(13), rough, np.full((32, 32, 3), 90, np.uint8)]))
    assert found["pale centre"][0] > 0.3
    assert found["pale centre"][1] == pytest.approx(0, abs=1e-9)
    assert found["grain"][2] > 3 * found["grain"][0] > 0
    assert found["grain"][3] == pytest.approx(0, abs=1e-9)
    assert all(np.isfinite(values).all() for values in found.values())
