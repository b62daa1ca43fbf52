"""Readings of images that were drawn to have them."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.generative.images_knobs import effects, readings


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
    away = np.hypot(*(np.mgrid[:32, :32] - 15.5))
    share = (away <= 5).sum() / (away < 0.3 * 32).sum()
    np.testing.assert_allclose(found["red over blue"][[0, 3]], np.array([-1, 1]) * share * 100 / 255)
    np.testing.assert_allclose(found["purple"][[0, 3]], share * (110 - 40) / 255)
    np.testing.assert_allclose(found["lightness of the ground"], 200 / 255)
    np.testing.assert_allclose(found["red over blue of the ground"], 0, atol=1e-12)


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


class Discs:
    """Draws discs: the first code is their radius, the second their colour; in the second category colours are turned round."""

    n_continuous = 2

    def draw(self, category: np.ndarray, continuous: np.ndarray, seed: int = 0) -> np.ndarray:
        def colour(k: int, value: float) -> tuple[int, int, int]:
            red = 110 + round(40 * value) * (1 if k == 0 else -1)
            return red, 40, 220 - red

        return np.stack([disc(8 + 3 * one[0], colour=colour(k, one[1])) for k, one in zip(category, continuous, strict=True)])


def test_a_knob_is_told_by_what_it_does_to_the_kind_that_is_asked_for() -> None:
    real = np.stack([disc(radius, colour=(red, 40, 220 - red)) for radius in (6, 8, 10) for red in (80, 110, 140)])
    first, second = (effects(Discs(), real, k, (0.0, 0.0), n=2) for k in (0, 1))  # type: ignore[arg-type]
    spread = readings(real)["size"].std()
    assert first[0]["size"] == pytest.approx((11 - 5) / np.sqrt(2) / spread, rel=0.06)
    assert first[1]["size"] == pytest.approx(0, abs=0.1)
    assert first[1]["red over blue"] == pytest.approx(-second[1]["red over blue"], rel=1e-6)
    assert first[1]["red over blue"] > 1
    assert effects(Discs(), real, 0, (1.0, 0.0), n=2)[1]["red over blue"] > first[1]["red over blue"], "a larger disc"  # type: ignore[arg-type]
