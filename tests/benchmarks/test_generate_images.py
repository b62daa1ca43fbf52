"""The benchmark of image codes: figures of the delivered model on its own test slides, beside baselines, and no claim by word."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.generate import images
from virtualcell.generative.images import ImageCodes, load_blood_cells, split_by_slide


@pytest.mark.slow
def test_figures_of_the_delivered_model() -> None:
    codes = ImageCodes.load()
    rows, claims = images.run([0], make=lambda seed: codes)
    value = {(row.method, row.metric): row.value for row in rows}
    assert value[images.OURS, images.METRICS["named"]] == codes.record["purity"]
    assert value[images.OURS, images.METRICS["ari"]] == codes.record["ari"]
    slides = split_by_slide(load_blood_cells().slide, 0)
    red = (load_blood_cells().labels[slides.test] == "red cell").mean()
    assert value[images.RED, images.METRICS["named"]] == pytest.approx(red)
    assert value[images.RED, images.METRICS["ari"]] == 0
    assert {row.n_cells for row in rows} == {len(slides.test)}
    # Real images pass for real ones, and what is drawn is told from them more easily.
    assert abs(value["other real images", "two-sample AUROC"] - 0.5) < 0.08
    assert value[images.OURS, "two-sample AUROC"] > value["other real images", "two-sample AUROC"]
    assert value[images.TURNED, "two-sample AUROC"] < value[images.OURS, "two-sample AUROC"]
    purity = next(claim for claim in claims if claim.name.endswith("worst seed") and "purity" in claim.name)
    assert purity.holds == (codes.record["purity"] >= 0.9)


def test_colours_are_means_and_spreads() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[:, :16, :, 0] = 255
    np.testing.assert_allclose(images.colours(image), [[0.5, 0, 0, 0.5, 0, 0]])
