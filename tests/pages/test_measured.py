"""Expression over time as the pages show it."""

from __future__ import annotations

import numpy as np

from virtualcell.ui.measured import curves


def test_mean_and_band_count_descendants() -> None:
    amount = np.tile(np.array([0.0, 1.0, 2.0, 100.0])[None, :, None], (2, 1, 1))
    log_weights = np.array([[0.0, 0.0, 0.0, 0.0], np.log([1.0, 1.0, 1.0, 97.0])])
    found = curves(amount, log_weights)
    np.testing.assert_allclose(found.mean[:, 0], [25.75, 97.03])
    np.testing.assert_allclose(found.low[:, 0], [0.0, 100.0])
    np.testing.assert_allclose(found.high[:, 0], [100.0, 100.0])
