"""Cells that the model did not expect: counted, named and drawn on the page Trajectories."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import hypergeom
from streamlit.testing.v1 import AppTest

from virtualcell.demo import load_bundle
from virtualcell.figures.unexpected import EXPECTED, UNEXPECTED, unexpected
from virtualcell.ui.trajectory_unexpected import RARE, by_kind, said_of

ROOT = Path(__file__).resolve().parents[2]


def tails(n: int, odd: int) -> np.ndarray:
    """Chances of n cells, so many of them hardly expected."""
    return np.r_[np.full(odd, 0.01), np.full(n - odd, 0.5)]


def test_kinds_are_counted_with_their_intervals_the_most_unexpected_first() -> None:
    chances = np.r_[tails(10, 8), tails(40, 0), [0.05], np.full(9, 0.051)]
    names = np.array(["Meg"] * 10 + ["Mono"] * 40 + ["Baso"] * 10)
    own, own_names = np.r_[tails(100, 20), tails(100, 0), tails(3, 3)], np.repeat(["Meg", "Mono", "Baso"], [100, 100, 3])
    found = by_kind(chances, names, own, own_names)
    assert found["kind"].tolist() == ["Meg", "Baso", "Mono"]
    assert found["hardly expected"].tolist() == [8, 1, 0]
    assert found["share"].tolist() == [0.8, 0.1, 0.0]
    np.testing.assert_allclose(found["own share"], [0.2, np.nan, 0.0])
    # Fisher's test is the tail of the hypergeometric law.
    expected = hypergeom.sf(7, 110, 28, 10)
    np.testing.assert_allclose(found["p"], [expected, np.nan, 1.0])
    # Wilson's interval of 8 of 10 (Brown, Cai & DasGupta 2001, eq. 4), z = 1.96.
    centre, half = (8 + 1.92073) / (10 + 3.84146), 1.95996 * np.sqrt(10) / (10 + 3.84146) * np.sqrt(0.16 + 3.84146 / 40)
    assert (found["low"][0], found["high"][0]) == pytest.approx((centre - half, centre + half), abs=1e-4)


def test_what_stands_out_is_named_and_chance_is_not() -> None:
    names, own_names = np.repeat(["Meg", "Mono"], [10, 90]), np.repeat(["Meg", "Mono"], [200, 1800])
    said = said_of(tails(100, 20), None, "6 d", "measured")
    assert said.startswith("**20 %** of the 100 measured cells of 6 d are hardly expected, more than the 5 %")
    chances = np.r_[tails(10, 8), tails(90, 0)]
    said = said_of(chances, by_kind(chances, names, np.r_[tails(200, 10), tails(1800, 90)], own_names), "6 d", "measured")
    assert "above what the model's own cells of the kind give: Meg (8 of 10)." in said
    assert "Mono" not in said
    # Cells of this kind lie far apart: of those that the model itself predicts as many are hardly expected.
    said = said_of(chances, by_kind(chances, names, np.r_[tails(200, 160), tails(1800, 0)], own_names), "6 d", "measured")
    assert said.endswith("No kind stands out.")
    said = said_of(chances, by_kind(chances, names, tails(1800, 90), np.repeat("Mono", 1800)), "6 d", "measured")
    assert said.endswith("No kind stands out. The model predicts next to no Meg.")


def test_where_most_are_unexpected_the_model_is_blamed_and_not_the_cells() -> None:
    chances = np.r_[np.full(40, 0.01), np.full(60, 0.5)]
    assert "the model is wrong" in said_of(chances, None, "3 h", "measured")


def test_the_map_draws_the_unexpected_last_and_names_them() -> None:
    places = np.arange(12.0).reshape(6, 2)
    fig = unexpected(places, np.array([1, 3, 5]), np.array([False, True, False]), np.array(["A", "B", "C"]))
    assert [trace.name for trace in fig.data] == ["other times (3)", f"{EXPECTED} (2)", f"{UNEXPECTED} (1)"]
    assert fig.data[2].x.tolist() == [6.0]
    assert fig.data[2].text.tolist() == [f"B, {UNEXPECTED}"]
    with pytest.raises(ValueError, match="expected or not"):
        unexpected(places, np.array([1, 3]), np.array([True]))


def test_the_page_says_what_the_model_says() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    at.query_params["demo"] = "simulated"
    at.run()
    at.switch_page("pages/trajectories.py")
    at.run()
    assert not at.exception
    b = load_bundle("simulated")
    time = b.cells.obs["time"].to_numpy(dtype=float)

    def counted(before: float, then: float) -> int:
        found = b.model.unexpected(b.state[time == before], b.state[time == then], duration=then - before)
        return int((found.chances <= RARE).sum())

    def drawn() -> int:
        specs = [json.loads(element.proto.spec) for element in at.get("plotly_chart")]
        (found,) = [int(t["name"].split("(")[1][:-1]) for spec in specs for t in spec["data"] if UNEXPECTED in t.get("name", "")]
        return found

    assert drawn() == counted(4.0, 8.0)
    (gaps,) = [control for control in at.get("button_group") if control.key == "gap-simulated"]
    gaps.set_value(["2 to 4 time units"] if isinstance(gaps.value, list) else "2 to 4 time units")
    at.run()
    assert drawn() == counted(2.0, 4.0)
