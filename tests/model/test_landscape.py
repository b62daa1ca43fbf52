"""The landscape of a fitted model with its passes, ways and chances, and that all of it survives saving and loading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.model.samples import PLAIN, SMALL, drifting
from virtualcell.data.simulate import simulate_three_wells
from virtualcell.model import VirtualCell
from virtualcell.schema import Landscape

THREE = replace(
    SMALL,
    autoencoder=replace(SMALL.autoencoder, latent_dim=2, epochs=10),
    predictor=replace(SMALL.predictor, warm_steps=150, refits=3),
)


@pytest.fixture(scope="module")
def wells() -> VirtualCell:
    return VirtualCell(THREE).fit(simulate_three_wells(0, 80, (0.0, 2.0, 8.0)), time="time", state="state", device="cpu")


@pytest.fixture(scope="module")
def loaded(wells: VirtualCell, tmp_path_factory: pytest.TempPathFactory) -> VirtualCell:
    folder = tmp_path_factory.mktemp("model")
    wells.save(folder)
    return VirtualCell.load(folder)


@pytest.fixture(scope="module")
def shown(wells: VirtualCell) -> Landscape:
    return wells.landscape(12)


def test_passes_have_intervals_from_refits_and_say_whether_cells_crossed(wells: VirtualCell, shown: Landscape) -> None:
    names = {a.name for a in shown.attractors}
    assert {"Progenitor", "Fate A", "Fate B"} <= names
    ways = {(b.start, b.end): b for b in shown.barriers}
    assert len(ways) == len(shown.barriers) >= 4
    assert set(ways) == {(b, a) for a, b in ways}
    for barrier in shown.barriers:
        assert {barrier.start, barrier.end} <= names
        assert (barrier.low is not None) == barrier.identifiable
        if barrier.identifiable:
            assert 0 <= barrier.low <= barrier.height <= barrier.high
        heights = wells.energy(barrier.path.states)
        assert barrier.height == pytest.approx(heights.max() - heights[0], abs=1e-3)
    # All cells start as progenitors: to the fates there were crossings, and none was seen to come back.
    assert all(b.identifiable == (start == "Progenitor") for (start, _), b in ways.items())
    assert shown.rotation_share == wells.record["rotation_share"]
    assert 0 <= shown.rotation_share <= 1


def test_a_fit_of_which_no_pass_was_crossed_has_no_refits(wells: VirtualCell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(wells._fitted.refits) == 3
    asked = []
    monkeypatch.setattr("virtualcell.model.virtual_cell.any_crossed", lambda *told: bool(asked.append(told)))
    quick = replace(THREE, predictor=replace(THREE.predictor, steps=10, warm_steps=10, turning=False))
    again = VirtualCell(quick).fit(simulate_three_wells(0, 80, (0.0, 2.0, 8.0)), time="time", state="state", device="cpu")
    assert again._fitted.refits == ()
    ((_, states, time, growth_known),) = asked
    assert states.shape == (240, 2)
    assert set(time) == {0.0, 0.25, 1.0}
    assert not growth_known


def test_the_landscape_survives_saving(loaded: VirtualCell, shown: Landscape) -> None:
    again = loaded.landscape(12)
    for name in ("x", "y", "energy", "supported", "cell_xy", "density"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shown, name))
    assert again.rotation_share == shown.rotation_share
    assert len(again.barriers) == len(shown.barriers) > 0
    for a, b in zip(again.barriers, shown.barriers, strict=True):
        for name in ("start", "end", "height", "low", "high", "crossings", "identifiable"):
            assert getattr(a, name) == getattr(b, name)
        np.testing.assert_array_equal(a.path.states, b.path.states)
    for a, b in zip(again.attractors, shown.attractors, strict=True):
        assert (a.name, a.n_cells, a.energy) == (b.name, b.n_cells, b.energy)


def test_a_way_and_its_genes_survive_saving(wells: VirtualCell, loaded: VirtualCell, shown: Landscape) -> None:
    place = {a.name: a.state for a in shown.attractors}
    path, again = (m.path(place["Progenitor"], place["Fate B"]) for m in (wells, loaded))
    np.testing.assert_array_equal(path.states, again.states)
    np.testing.assert_allclose(path.states[[0, -1]], [place["Progenitor"], place["Fate B"]], atol=1e-6)
    energy = wells.energy(path.states)
    np.testing.assert_allclose(path.energy, energy - energy[0], atol=1e-3)
    (drawn,) = (b for b in shown.barriers if (b.start, b.end) == ("Progenitor", "Fate B"))
    assert path.barrier == pytest.approx(drawn.height, rel=0.02)
    genes = wells.genes_along(path, most=10)
    pd.testing.assert_frame_equal(genes, loaded.genes_along(again, most=10))
    assert len(genes) == 10
    assert genes["half_way"].is_monotonic_increasing
    change = np.log2(1 + wells.decode(path.states[[0, -1]], features=list(genes["gene"]))).astype(float)
    np.testing.assert_allclose(genes["log2_change"], change[1] - change[0], atol=1e-4)
    # Markers of the fate rise on the way to it.
    rising = set(wells.genes_along(path, most=300).query("log2_change > 0")["gene"])
    assert sum(f"FATEB{i}" in rising for i in range(1, 6)) >= 4


def test_the_committor_survives_saving_and_leads_from_one_end_to_the_other(
    wells: VirtualCell, loaded: VirtualCell, shown: Landscape
) -> None:
    place = {a.name: a.state for a in shown.attractors}
    states = np.stack([place["Fate A"], place["Progenitor"], place["Fate B"]])
    (share, error), (again, _) = (m.committor(states, place["Fate A"], place["Fate B"], copies=60) for m in (wells, loaded))
    np.testing.assert_array_equal(share, again)
    assert share[0] == 0 < share[1] < share[2] == 1
    assert (error > 0).all()


def test_cells_move_the_same_after_loading(wells: VirtualCell, loaded: VirtualCell) -> None:
    start, end = wells.states[:24], wells.states[-24:]
    a, b = (m.predict(states=start, duration=8.0, frames=3) for m in (wells, loaded))
    np.testing.assert_array_equal(a.states, b.states)
    for method in ("density", "action"):
        first, second = (m.pair_energy(start, end, duration=8.0, method=method) for m in (wells, loaded))
        np.testing.assert_array_equal(first, second)
    first, second = (m.unexpected(start, end, duration=8.0) for m in (wells, loaded))
    np.testing.assert_array_equal(first.chances, second.chances)
    assert ((first.chances > 0) & (first.chances <= 1)).all()
    far = wells.unexpected(start, end + 50, duration=8.0)
    assert far.chances.max() < 0.01 < first.chances.mean()


def test_one_valley_is_a_linear_law_and_survives_saving(tmp_path: Path) -> None:
    model = VirtualCell(PLAIN).fit(drifting(), time="time", device="cpu")
    assert model.record["linear"]
    assert model.record["linear_p"] > 0.01
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    a, b = (m.predict(states=model.states[:20], duration=4.0, frames=4) for m in (model, again))
    np.testing.assert_array_equal(a.states, b.states)
    assert again.record["rotation_share"] == model.record["rotation_share"]
    first, second = (m.landscape(10) for m in (model, again))
    np.testing.assert_array_equal(first.energy, second.energy)
    assert len(first.attractors) == 1
    assert first.barriers == ()
