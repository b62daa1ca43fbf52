"""The simulated switch with an inducer."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.data.catalogue import load_demo
from virtualcell.data.known.toggle_switch import TOGGLE_SWITCH
from virtualcell.data.simulate_switch import MEASURED, NEAR, PUSH, pushed_by, simulate_switch, true_critical


def test_the_delivered_file_is_what_the_command_makes() -> None:
    delivered, made = load_demo("switch"), simulate_switch()
    np.testing.assert_array_equal(delivered["rna"].X.toarray(), made["rna"].X.toarray())
    np.testing.assert_array_equal(delivered.obsm["true_latent"], made.obsm["true_latent"])
    for column in ("treatment", "state"):
        assert delivered.obs[column].astype(str).tolist() == made.obs[column].astype(str).tolist()
    assert delivered.uns["switch"]["critical_push"] == pytest.approx(true_critical(), rel=1e-5)
    assert set(delivered.obs.loc[delivered.obs["time"] == 0, "treatment"].astype(str)) == {"control"}


def test_the_critical_push_is_where_the_valley_is_lost() -> None:
    """Followed long under the pushed law: a place of rest near the start just below it, none above."""
    critical = true_critical()

    def rests(force: float) -> bool:
        z = TOGGLE_SWITCH.places[0].copy()
        for _ in range(60_000):
            z = z + 0.01 * pushed_by(force).drift(z[None])[0]
        return bool(np.linalg.norm(z - TOGGLE_SWITCH.places[0]) < 1.0)

    # A push that ends leaves cells some time to pass the place where the valley was: a little more is needed.
    assert rests(0.9 * critical)
    assert not rests(critical)
    assert true_critical(duration=2.0, halvings=10) > 1.3 * critical
    assert critical / 2 > MEASURED
    assert np.linalg.norm(np.diff(TOGGLE_SWITCH.places, axis=0)) / 4 > NEAR
    assert PUSH.tolist() == [0.0, 1.0]
