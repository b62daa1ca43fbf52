"""What is known of growth, handed to the public class: rates per hour, sizes of cultures, and what cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mudata import MuData

from tests.model.samples import PLAIN, drifting
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError

QUICK = replace(PLAIN, predictor=replace(PLAIN.predictor, steps=60, refits=0))


def grown(model: VirtualCell, duration: float = 4.0) -> np.ndarray:
    """How many cells each cell has become, as a logarithm."""
    start = model.states[model.times == 0]
    return model.predict(states=start, duration=duration, frames=2).log_weights[-1]


@pytest.fixture(scope="module")
def given() -> VirtualCell:
    return VirtualCell(QUICK).fit(drifting(), time="time", growth="rate", device="cpu")


def test_given_rates_are_per_unit_of_time(given: VirtualCell) -> None:
    for duration in (1.0, 4.0):
        found = grown(given, duration)
        assert found.mean() == pytest.approx(0.3 * duration, rel=0.1)
        assert found.std() < 0.1 * duration * 0.3 + 0.02


def test_the_record_says_that_growth_is_known(given: VirtualCell) -> None:
    assert given.record["growth_identified"]
    assert given.record["growth_known"] == "Growth rates were given with the cells."
    assert not given.record["linear"], "the plain linear law knows nothing of growth"
    assert given.settings.columns.growth == "rate"


def test_rates_are_kept_with_the_model(given: VirtualCell, tmp_path: Path) -> None:
    given.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    np.testing.assert_array_equal(grown(again), grown(given))
    assert again.settings == given.settings
    assert again.record["growth_identified"]


def test_rates_beyond_the_usual_bound_are_kept_with_the_model(tmp_path: Path) -> None:
    model = VirtualCell(QUICK).fit(drifting(60, rate=1.5), time="time", growth="rate", device="cpu")  # 6 a span
    assert grown(model).mean() == pytest.approx(6.0, rel=0.1)
    model.save(tmp_path)
    np.testing.assert_array_equal(grown(VirtualCell.load(tmp_path)), grown(model))


@pytest.fixture(scope="module")
def sized() -> VirtualCell:
    longer = replace(QUICK, predictor=replace(QUICK.predictor, steps=80))
    return VirtualCell(longer).fit(drifting(), time="time", population_size="size", device="cpu")


def test_sizes_of_cultures_are_said_to_be_known(sized: VirtualCell) -> None:
    assert sized.record["growth_identified"]
    assert "population sizes" in sized.record["growth_known"]


@pytest.mark.parametrize("hours", [4.0, 1.0])
def test_sizes_of_cultures_bind_the_growth_of_all(sized: VirtualCell, hours: float) -> None:
    assert np.log(np.exp(grown(sized, hours)).mean()) == pytest.approx(0.3 * hours, rel=0.25)


def test_without_rates_or_sizes_the_reader_is_told() -> None:
    model = VirtualCell(QUICK).fit(drifting(), time="time", device="cpu")
    assert not model.record["growth_identified"]
    assert "gnored" in model.record["growth_known"] or "told apart from drift" in model.record["growth_known"]


def with_column(name: str, change: Callable[[np.ndarray], np.ndarray]) -> MuData:
    cells = drifting(20)
    cells.obs[name] = change(cells.obs[name].to_numpy())
    return cells


def one(values: np.ndarray, value: float) -> np.ndarray:
    changed = values.copy()
    changed[3] = value
    return changed


FASTEST = replace(QUICK, autoencoder=replace(QUICK.autoencoder, epochs=1, min_steps=2))


@pytest.mark.parametrize(
    ("cells", "arguments", "said"),
    [
        (drifting(20), {"growth": "rate", "population_size": "size"}, "were both named"),
        (drifting(20), {"growth": "speed"}, "field speed: There is no numeric column 'speed'"),
        (drifting(20), {"population_size": "dose"}, "field dose: There is no numeric column 'dose'"),
        (with_column("size", lambda x: one(x, 7.0)), {"population_size": "size"}, "one time have different population sizes"),
        (with_column("size", lambda x: 0 * x), {"population_size": "size"}, "population size is not above 0"),
        (with_column("rate", lambda x: one(x, np.nan)), {"growth": "rate"}, "growth rate is not a number"),
    ],
)
def test_what_cannot_be_used_is_said(cells: MuData, arguments: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        VirtualCell(FASTEST).fit(cells, time="time", device="cpu", progress=_no_training, **arguments)


def _no_training(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
    raise AssertionError(f"{stage} was trained before the refusal.")


@pytest.mark.parametrize("columns", [{"perturbation": "dose", "control": "none"}, {}])
def test_growth_needs_a_time(columns: dict[str, str]) -> None:
    cells = drifting(20)
    cells.obs["dose"] = np.where(np.arange(60) % 2, "none", "some")
    with pytest.raises(DataError, match="rate in time, and there is no time"):
        VirtualCell(FASTEST).fit(cells, growth="rate", device="cpu", **columns)
