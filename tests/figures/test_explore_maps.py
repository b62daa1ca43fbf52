"""Small maps, maps in three dimensions, colour scales and selections as colours."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.chosen_cells import of_some, two_selections
from virtualcell.figures.colour_scale import AROUND_0, Scale, coloured_amount, ends
from virtualcell.figures.colouring import SHADES, blend, colouring
from virtualcell.figures.look import DARK, LIGHT
from virtualcell.figures.small_maps import MOST_POINTS, drawn_cells, small_maps
from virtualcell.figures.solid_map import MOST, solid_map

RNG = np.random.default_rng(0)


def test_an_amount_is_shown_between_its_percentiles():
    values = np.append(np.linspace(0, 10, 1001), np.nan)
    found = coloured_amount(values, name="gene", scale=Scale("Cividis", (5.0, 95.0)))
    assert (found.low, found.high) == pytest.approx((0.5, 9.5))
    assert found.codes[-1] == SHADES
    np.testing.assert_allclose(found.values()[:-1], np.clip(values[:-1], 0.5, 9.5), atol=9 / 398)
    assert found.palette[-1] == LIGHT.faint
    with pytest.raises(ValueError, match="no colour scale"):
        coloured_amount(values, name="gene", scale=Scale("Jet"))


def test_a_scale_around_0_has_0_in_its_middle_and_near_the_page():
    values = RNG.normal(1, 2, 5000)
    low, high = ends(values.astype(np.float32), Scale(AROUND_0))
    assert low == -high
    assert high == pytest.approx(np.percentile(np.abs(values), 99.5), rel=1e-5)
    for look, bright in ((LIGHT, True), (DARK, False)):
        middle = coloured_amount(values, name="score", scale=Scale(AROUND_0), look=look).palette[SHADES // 2]
        parts = [int(part) for part in middle.removeprefix("rgb(").rstrip(")").split(",")]
        assert (sum(parts) > 600) == bright


def test_a_gene_of_one_cell_is_seen():
    values = np.zeros(1000)
    values[7] = 3.0
    found = coloured_amount(values, name="rare")
    assert found.codes[7] == SHADES - 1
    assert not found.codes[np.arange(1000) != 7].any()


def test_two_selections_count_each_cell_once():
    found = two_selections(10, np.array([0, 1, 2]), np.array([2, 3]))
    assert found.codes.tolist() == [0, 0, 2, 1, 3, 3, 3, 3, 3, 3]
    assert found.counts == (2, 1, 1, 6)


def test_some_cells_keep_their_colours_and_are_counted_alone():
    all_cells = colouring(np.array(["a", "b", "c", "b"]), name="state")
    some = of_some(all_cells, np.array([1, 3]))
    assert some.palette == all_cells.palette
    assert some.counts == (0, 2, 0)
    assert of_some(all_cells, None) is all_cells


def test_small_maps_draw_chosen_and_high_cells_last():
    places = RNG.normal(size=(50, 2))
    amounts = RNG.random((50, 5))
    colours = [coloured_amount(column, name=f"gene {i}") for i, column in enumerate(amounts.T)]
    lit = np.array([3, 30])
    fig = small_maps(places, colours, lit=lit)
    assert len(fig.data) == 5
    for i, trace in enumerate(fig.data):
        rows = np.asarray(trace.customdata)
        assert set(rows[-2:]) == {3, 30}
        assert sorted(rows[np.asarray(trace.selectedpoints)]) == [3, 30]
        dim = amounts[rows[:-2], i]
        top = np.percentile(amounts[:, i], 99.5)
        assert (np.diff(np.minimum(dim, top)) > -top / 198).all()
    with pytest.raises(ValueError, match="one code a cell"):
        small_maps(places[:-1], colours)


def test_small_maps_of_many_cells_are_thinned_evenly():
    n = MOST_POINTS
    colours = [coloured_amount(np.arange(n), name=str(i)) for i in range(4)]
    fig = small_maps(np.zeros((n, 2)), colours)
    assert drawn_cells(n, 4) == n // 4 == len(fig.data[0].customdata)
    gaps = np.diff(np.sort(np.asarray(fig.data[0].customdata)))
    assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("kind", ["category", "amount", "blend"])
def test_a_solid_map_draws_every_cell_once_and_fades_the_others(kind):
    places = RNG.normal(size=(40, 3))
    colours = {
        "category": colouring(np.repeat(["a", "b"], 20), name="state"),
        "amount": coloured_amount(np.arange(40), name="gene"),
        "blend": blend(RNG.random((40, 2)), ["x", "y"]),
    }[kind]
    lit = np.arange(5)
    fig = solid_map(places, colours, lit=lit)
    drawn = {trace.name: sum(x is not None for x in trace.x) for trace in fig.data}
    assert drawn["other cells"] == 35
    assert sum(drawn.values()) == 40
    assert fig.data[0].marker.color == LIGHT.faint


def test_a_solid_map_of_many_cells_is_thinned():
    n = 2 * MOST
    fig = solid_map(np.zeros((n, 3)), colouring(np.repeat("a", n), name="state"))
    assert sum(len(trace.x) for trace in fig.data) == MOST
