"""Expression over time as the pages show it."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.demo import load_bundle
from virtualcell.ui.measured import composition, curves, points


def test_mean_and_band_count_descendants() -> None:
    amount = np.tile(np.array([0.0, 1.0, 2.0, 100.0])[None, :, None], (2, 1, 1))
    log_weights = np.array([[0.0, 0.0, 0.0, 0.0], np.log([1.0, 1.0, 1.0, 97.0])])
    found = curves(amount, log_weights)
    np.testing.assert_allclose(found.mean[:, 0], [25.75, 97.03])
    np.testing.assert_allclose(found.low[:, 0], [0.0, 100.0])
    np.testing.assert_allclose(found.high[:, 0], [100.0, 100.0])


def test_predictions_without_a_treatment_are_compared_with_untreated_cells() -> None:
    b = load_bundle("switch")
    obs, time = b.cells.obs, b.cells.obs["time"].to_numpy()
    alone = (obs["treatment"] == "control").to_numpy()
    share = composition(b, 24.0)
    assert share is not None
    expected = (obs["state"][(time == 24.0) & alone].astype(str) == "Second gene on").mean()
    assert share["Second gene on"] == pytest.approx(expected)
    pooled = (obs["state"][time == 24.0].astype(str) == "Second gene on").mean()
    assert abs(share["Second gene on"] - pooled) > 0.1, "pushed cells are among them, or the test could not fail"
    gene = "SECOND1"
    counts = b.cells.mod["rna"].layers["counts"]
    of_gene = np.asarray(counts[:, b.cells.mod["rna"].var_names.get_loc(gene)].todense()).ravel()
    rate = 1e4 * of_gene / np.asarray(counts.sum(1)).ravel()
    found = points(b, [gene])
    np.testing.assert_allclose(found.mean[:, 0], [rate[(time == t) & alone].mean() for t in found.times], rtol=1e-6)
