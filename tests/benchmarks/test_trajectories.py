"""The held-out-time benchmark on embryoid bodies."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.trajectories import __main__ as trajectories
from benchmarks.trajectories.data import HELD, LAST, components, latents
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.model import VirtualCell
from virtualcell.schema import AutoencoderSettings, Settings
from virtualcell.training.ensemble import FlowMatching


def test_populations_are_those_of_the_protocol() -> None:
    five = components("EB, 5 PCs")
    assert {t: x.shape for t, x in five.items()} == {float(t): (550, 5) for t in range(5)}
    pooled = np.concatenate(list(five.values()))
    np.testing.assert_allclose(pooled.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(pooled.std(0), 1, atol=1e-6)
    assert components("EB, 10 PCs")[0.0].std() > 2, "ten components are not scaled"
    without = components("EB, 5 PCs", held=2.0)
    seen = np.concatenate([x for t, x in without.items() if t != 2.0])
    np.testing.assert_allclose(seen.std(0), 1, atol=1e-6)


def test_a_small_run_has_every_row_and_judges_by_the_time_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trajectories, "learned", lambda: [FlowMatching(name=trajectories.OURS, steps=20)])
    monkeypatch.setattr(trajectories, "LEAK_FREE_SEEDS", 0)
    monkeypatch.setattr(trajectories, "PILOT_DRAWS", 1)
    space = "EB, 5 PCs"
    found: trajectories.Found = {}
    for held in (*HELD[space], LAST[space]):
        trajectories.leave_out(space, held, 0, found)
    # The figures that the field's protocol gives these rules, measured apart from this code.
    assert trajectories.means(found, trajectories.MCCANN, "W1", HELD[space])[0] == pytest.approx(0.887, abs=0.001)
    assert trajectories.means(found, trajectories.MCCANN, "energy distance", HELD[space])[0] == pytest.approx(0.153, abs=0.001)
    assert trajectories.means(found, "no change", "W1", HELD[space])[0] == pytest.approx(1.273, abs=0.001)
    assert trajectories.means(found, "union of neighbours", "W1", HELD[space])[0] == pytest.approx(1.057, abs=0.001)
    rows, claims = trajectories.rows_of(space, found), trajectories.claims_of(space, found)
    assert {claim.name.split(": ")[1].split(",")[0] for claim in claims} >= {"W1", "energy distance"}
    skill = {row.method: row.value for row in rows if row.metric == "skill"}
    assert skill[trajectories.MCCANN] == pytest.approx(0.0)
    assert skill["no change"] < 0


def test_a_latent_never_saw_the_time_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[float]] = []
    original = VirtualCell.fit

    def watch(model: VirtualCell, cells, **arguments):
        seen.append(set(cells.obs[arguments["time"]].astype(float)))
        return original(model, cells, **arguments)

    monkeypatch.setattr(VirtualCell, "fit", watch)
    monkeypatch.setitem(DEMO_SETTINGS, "larry", Settings(autoencoder=AutoencoderSettings(latent_dim=4, epochs=1, min_steps=1)))
    found = latents("LARRY, latent", 4.0, 0)
    assert seen == [{2.0, 6.0}]
    assert sorted(found) == [2.0, 4.0, 6.0]
    assert sum(len(x) for x in found.values()) == 781
