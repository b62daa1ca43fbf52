"""Animated figures: every frame shows the cells where they are at that time, and the controls fit."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.figures.landscape import landscape_surface
from virtualcell.figures.landscape_map import landscape_map
from virtualcell.figures.motion import BELOW, joined, time_labels
from virtualcell.figures.trajectory import trajectory
from virtualcell.schema import Attractor, Landscape

TIMES = np.linspace(0, 3, 7)


@pytest.fixture
def valley() -> Landscape:
    """A bowl with its lowest point at (1, 0), known on x < 2.5 only."""
    x, y = np.linspace(-2, 3, 31), np.linspace(-2, 2, 25)
    xx, yy = np.meshgrid(x, y)
    bottom = Attractor("resting", np.zeros(2), np.array([1.0, 0.0]), 0.0, 40, 0.9, 1.0)
    return Landscape(
        x, y, (xx - 1) ** 2 + 2 * yy**2, (xx < 2.5), np.eye(2), np.zeros(2), np.zeros((4, 2)), (bottom,), "exact", ("a", "b")
    )


@pytest.fixture
def paths() -> np.ndarray:
    start = np.array([[-1.5, 0.3], [-1.2, -0.4], [2.0, 0.1]])
    return np.stack([start + (np.array([1.0, 0.0]) - start) * step / 6 for step in range(7)])


FATES = np.array(["left", "left", "right"])


def test_joined_paths_have_gaps_between_cells(paths):
    line = joined(paths, 2)
    assert line.shape == (3 * 4, 2)
    np.testing.assert_allclose(line[:3], paths[:3, 0], rtol=1e-6)
    assert np.isnan(line[3::4]).all()


def test_labels_differ_with_as_few_decimals_as_do():
    labels = time_labels(np.linspace(0, 3, 25))
    assert len(set(labels)) == 25
    assert labels[0] == "0.0"
    assert time_labels(np.array([2.0, 4.0, 6.0])) == ["2", "4", "6"]


def test_trajectory_frames_follow_the_cells(paths):
    fig = trajectory(np.zeros((9, 2)), paths, TIMES, FATES, unit="h")
    assert len(fig.frames) == len(fig.layout.sliders[0].steps) == 7
    for step, frame in enumerate(fig.frames):
        heads = {trace.name: trace for trace in frame.data if trace.mode == "markers"}
        np.testing.assert_allclose(heads["ends among left"].x, paths[step, :2, 0], rtol=1e-6)
        np.testing.assert_allclose(heads["ends among right"].y, paths[step, 2:, 1], rtol=1e-6)
        assert [fig.data[i].name for i in frame.traces] == [trace.name for trace in frame.data]
    assert fig.layout.margin.b == BELOW >= 60


def test_trajectory_refuses_paths_of_other_times(paths):
    with pytest.raises(ValueError, match="must be"):
        trajectory(np.zeros((9, 2)), paths, TIMES[:3], FATES, unit="h")


def test_surface_height_is_the_energy_and_unsupported_parts_are_absent(valley, paths):
    fig = landscape_surface(valley, paths, TIMES, FATES, unit="h")
    surface = fig.data[0]
    drawn = np.isfinite(surface.z)
    assert surface.z[~drawn].size > 0
    exact = (surface.x - 1) ** 2 + 2 * surface.y**2
    # 0.03 is what linear interpolation of a parabola on this grid can differ.
    np.testing.assert_allclose(surface.z[drawn], np.minimum(exact[drawn], surface.cmax), atol=0.03)
    assert surface.x[drawn].max() < 2.7
    assert surface.contours.z.show
    assert surface.contours.z.color.startswith("rgba(255,255,255")


def test_paths_lie_on_the_surface(valley, paths):
    fig = landscape_surface(valley, paths, TIMES, FATES, unit="h")
    heads = [trace for trace in fig.frames[3].data if trace.mode == "markers"]
    x = np.concatenate([trace.x for trace in heads])
    y = np.concatenate([trace.y for trace in heads])
    z = np.concatenate([trace.z for trace in heads])
    np.testing.assert_allclose(np.c_[x, y], paths[3], rtol=1e-6)
    exact = (x - 1) ** 2 + 2 * y**2
    assert np.all(z > exact - 0.02)
    assert np.all(z < exact + 0.05 * fig.data[0].cmax)


def test_attractors_are_named_at_their_place(valley, paths):
    fig = landscape_surface(valley, paths, TIMES, FATES, unit="h")
    (label,) = fig.layout.scene.annotations
    assert (label.text, label.x, label.y) == ("resting", 1.0, 0.0)


def test_map_shows_the_same_energy(valley, paths):
    fig = landscape_map(valley, paths, FATES)
    contour = fig.data[0]
    xx, yy = np.meshgrid(contour.x, contour.y)
    drawn = np.isfinite(contour.z)
    np.testing.assert_allclose(contour.z[drawn], ((xx - 1) ** 2 + 2 * yy**2)[drawn], atol=0.03)
    assert {trace.name for trace in fig.data[1:3]} == {"left", "right"}


def test_a_landscape_without_support_is_refused(valley, paths):
    nothing = Landscape(**{**vars(valley), "supported": np.zeros_like(valley.supported)})
    with pytest.raises(ValueError, match="no part"):
        landscape_surface(nothing, paths, TIMES, FATES, unit="h")


def test_a_stray_cell_makes_no_island_of_landscape(valley, paths):
    stray = valley.supported.copy()
    stray[:, 20:] = False
    stray[12, 27] = True
    fig = landscape_surface(Landscape(**{**vars(valley), "supported": stray}), paths[:, :2], TIMES, FATES[:2], unit="h")
    drawn = np.isfinite(fig.data[0].z)
    assert fig.data[0].x[drawn].max() < valley.x[22]
