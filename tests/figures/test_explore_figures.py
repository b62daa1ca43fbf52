"""Figures of the Explore page show the numbers given, say what they leave out, and survive odd input."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.cell_heatmap import CUT, cell_heatmap
from virtualcell.figures.composition_in_time import composition_in_time
from virtualcell.figures.dot_plot import WIDEST, dot_plot
from virtualcell.figures.groups import grouped, thin
from virtualcell.figures.look import DARK, LIGHT
from virtualcell.figures.violins import MOST_GROUPS, MOST_POINTS, violins
from virtualcell.figures.volcano import volcano

MEAN = np.array([[0.0, 2.0, 1.0], [4.0, 2.0, 3.0]])
PERCENT = np.array([[0.0, 100.0, 25.0], [50.0, 10.0, 75.0]])


def test_area_of_a_dot_is_the_share_and_its_colour_the_mean_scaled_by_gene():
    fig = dot_plot(["a", "b", "c"], ["x", "y"], MEAN, PERCENT, cells=[10, 20])
    dots, *legend = fig.data
    np.testing.assert_allclose(dots.marker.size**2 / WIDEST**2 * 100, PERCENT.ravel())
    # Gene b is the same in both groups: it has no highest one.
    np.testing.assert_allclose(dots.marker.color, [0, 0, 0, 1, 0, 1])
    assert list(zip(dots.x, dots.y, strict=True)) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert "c in y" in dots.text[5]
    assert "75 % of cells" in dots.text[5]
    assert "20 cells" in dots.text[5]
    assert [(trace.name, trace.marker.size) for trace in legend] == [
        ("25 %", WIDEST / 2),
        ("50 %", WIDEST * 0.5**0.5),
        ("100 %", WIDEST),
    ]
    assert fig.layout.legend.itemsizing == "trace"


def test_unscaled_dots_show_the_mean_itself_and_uncounted_ones_have_one_size():
    dots, *legend = dot_plot(["a", "b", "c"], ["x", "y"], MEAN, np.full((2, 3), np.nan), scaled=False, look=DARK).data
    np.testing.assert_allclose(dots.marker.color, MEAN.ravel())
    assert dots.marker.cmax == 4
    assert len(set(dots.marker.size)) == 1
    assert not legend
    assert "% of cells" not in dots.text[0]
    with pytest.raises(ValueError, match="must be"):
        dot_plot(["a"], ["x", "y"], MEAN, PERCENT)


def test_violins_have_the_quartiles_of_all_cells_and_few_points():
    values = np.random.default_rng(0).gamma(2, size=(5000, 1))
    labels = np.array(["b", "a"] * 2500)
    fig = violins(["G"], values, labels)
    assert [trace.name for trace in fig.data] == ["a", "b"]
    assert [len(trace.y) for trace in fig.data] == [MOST_POINTS] * 2
    for trace, name in zip(fig.data, "ab", strict=True):
        np.testing.assert_allclose(
            np.quantile(trace.y, [0.25, 0.5, 0.75]), np.quantile(values[labels == name], [0.25, 0.5, 0.75]), rtol=0.01
        )
        assert trace.points is False
        assert trace.box.visible
    assert fig.data[0].fillcolor != fig.data[1].fillcolor


def test_of_many_groups_the_largest_are_drawn_and_the_figure_says_so():
    labels = np.concatenate([[f"g{i:02}"] * (i + 1) for i in range(20)])
    fig = violins(["G", "H"], np.ones((len(labels), 2)), labels)
    assert [trace.name for trace in fig.data] == [f"g{i:02}" for i in range(20 - MOST_GROUPS, 20)] * 2
    assert f"{MOST_GROUPS} largest of 20" in fig.layout.annotations[-1].text
    missing = np.ones((4, 1))
    missing[0] = np.nan
    assert [
        len(trace.y) for trace in violins(["G"], missing, np.array([0.0, 0.0, 2.0, 2.0]), kind="time", label_unit="h").data
    ] == [1, 2]


def test_heatmap_orders_cells_by_group_and_shows_standard_deviations():
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(30, 2)), np.array(["late", "early", "mid"] * 10)
    bar, genes, *_ = cell_heatmap(["A", "B"], values, labels).data
    np.testing.assert_array_equal(bar.z[0], np.repeat([0, 1, 2], 10))
    assert [bar.text[0][i] for i in (0, 10, 20)] == ["early", "late", "mid"]
    order = np.concatenate([np.flatnonzero(labels == name) for name in ("early", "late", "mid")])
    expected = np.clip((values - values.mean(axis=0)) / values.std(axis=0), -CUT, CUT)
    np.testing.assert_allclose(genes.z, expected[order].T, atol=0.006)
    assert genes.zmin == -genes.zmax


def test_of_many_cells_large_groups_are_thinned_and_small_ones_kept():
    labels = np.array(["big"] * 9000 + ["mid"] * 900 + ["tiny"] * 7)
    fig = cell_heatmap(["A"], np.arange(9907.0)[:, None], labels, most=1000)
    codes = np.bincount(np.asarray(fig.data[0].z[0]))
    assert codes.sum() <= 1000
    assert codes[2] == 7
    assert abs(codes[0] - codes[1]) <= 1
    assert fig.layout.xaxis2.title.text == f"{codes.sum():,} of 9,907 cells"


def test_names_without_room_over_their_cells_go_into_a_legend():
    labels = np.array(["a very long name of cells"] * 2 + ["b"] * 98)
    crowded = cell_heatmap(["A"], np.arange(100.0)[:, None], labels)
    assert [trace.name for trace in crowded.data[2:]] == ["a very long name of cells", "b"]
    assert not crowded.layout.annotations
    roomy = cell_heatmap(["A"], np.arange(100.0)[:, None], np.array(["a", "b"] * 50))
    assert [note.text for note in roomy.layout.annotations] == ["a", "b"]
    assert roomy.layout.showlegend is False


def test_a_gene_that_never_changes_and_missing_values_are_the_mean():
    values = np.c_[np.ones(6), [np.nan, 1, 2, 3, 4, 5]]
    z = np.asarray(cell_heatmap(["A", "B"], values, np.array(["x"] * 6)).data[1].z)
    np.testing.assert_array_equal(z[0], 0)
    assert z[1, 0] == 0
    assert np.isfinite(z).all()


def test_lines_and_bands_are_shares_in_per_cent():
    times, share = np.array([0.0, 2.0, 4.0]), np.array([[0.25, 0.75], [0.5, 0.5], [np.nan, np.nan]])
    fig = composition_in_time(times, ["a", "b"], share, low=share - 0.1, high=share + 0.1, cells=np.array([4, 8, 0]), unit="d")
    band, line = fig.data[:2]
    np.testing.assert_allclose(line.y, [25, 50])
    np.testing.assert_array_equal(line.x, [0, 2])
    np.testing.assert_allclose(band.y, [15, 40, 60, 35])
    assert "8 cells" in line.customdata[1]
    assert fig.layout.xaxis.title.text == "time (d)"


def test_all_cells_and_replicates_stand_beside_the_selection():
    times, share = np.array([0.0, 2.0]), np.array([[0.25, 0.75], [0.5, 0.5]])
    points = np.array([0.0, 2.0, 2.0]), np.array([0, 0, 1]), np.array([0.2, 0.6, 0.4])
    fig = composition_in_time(times, ["a", "b"], share, beside=1 - share, points=points)
    beside, line, own = (trace for trace in fig.data if trace.legendgroup == "a")
    np.testing.assert_allclose(beside.y, [75, 50])
    assert beside.line.dash == "dot"
    np.testing.assert_allclose(line.y, [25, 50])
    np.testing.assert_allclose(own.y, [20, 60])


def test_stacked_areas_add_up_and_take_any_css_colour():
    fig = composition_in_time(
        np.array([0.0, 2.0]), ["a", "b"], np.full((2, 2), 0.5), stacked=True, colours=["rgb(1, 2, 3)", "#FF0000"]
    )
    assert [trace.fillcolor for trace in fig.data] == ["rgba(1,2,3,0.85)", "rgba(255,0,0,0.85)"]
    assert {trace.stackgroup for trace in fig.data} == {"all"}
    np.testing.assert_allclose(sum(np.asarray(trace.y) for trace in fig.data), 100)
    with pytest.raises(ValueError, match="must be"):
        composition_in_time(np.array([0.0]), ["a"], np.ones((2, 1)))


def test_volcano_leaves_out_what_was_not_tested_and_keeps_names_apart():
    change = np.r_[np.linspace(2, 2.05, 30), 0.1, -3.0]
    p_value = np.r_[np.geomspace(1e-20, 1.1e-20, 30), np.nan, 0.9]
    genes = [f"GENE{i}" for i in range(32)]
    fig = volcano(genes, change, p_value)
    assert sum(len(trace.x) for trace in fig.data) == 31
    assert len(fig.layout.annotations) < 12
    named = volcano(genes, change, p_value, named=["GENE31"])
    assert "GENE31" in [note.text for note in named.layout.annotations]
    small = volcano(genes, change, p_value, least=2.5, title="difference")
    assert small.data[0].name == "not significant (31)"
    assert small.layout.xaxis.title.text == "difference"


def test_groups_without_a_name_are_faint_and_times_have_units():
    found = grouped(np.array(["unknown", "B", "A"]), look=LIGHT)
    assert (found.names, found.colours[-1]) == (["A", "B", "unknown"], LIGHT.faint)
    assert grouped(np.array([3.0, 0.5]), kind="time", unit="h").names == ["0.5 h", "3 h"]
    np.testing.assert_array_equal(thin(np.arange(100), 5), [0, 25, 50, 74, 99])
    np.testing.assert_array_equal(thin(np.arange(3), 5), [0, 1, 2])
