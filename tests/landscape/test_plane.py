"""The plane on which a landscape is drawn."""

from __future__ import annotations

import numpy as np

from virtualcell.landscape.plane import choose_plane


def test_the_plane_is_orthonormal_and_time_runs_to_the_right() -> None:
    rng = np.random.default_rng(5)
    time = np.repeat([0.0, 1.0, 2.0], 60)
    z = rng.normal(size=(180, 6)) + time[:, None] * [-1.0, 0.5, 0, 0, 0, 0]
    groups = np.array([f"g{i % 5}" for i in range(180)])
    for labels in (None, groups):
        for t in (None, time):
            plane, origin, names = choose_plane(z, t, labels)
            np.testing.assert_allclose(plane @ plane.T, np.eye(2), atol=1e-6)
            np.testing.assert_allclose(origin, z.mean(0), rtol=1e-5, atol=1e-6)
            assert len(names) == 2
    plane, origin, _ = choose_plane(z, time, None)
    expected = z[time == 2].mean(0) - z[time == 0].mean(0)
    np.testing.assert_allclose(plane[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert np.corrcoef((z - origin) @ plane[0], time)[0, 1] > 0.5


def test_with_groups_the_plane_holds_what_tells_them_apart() -> None:
    rng = np.random.default_rng(6)
    corners = np.array([[4.0, 4, 0], [4, -4, 0], [-4, 4, 0], [-4, -4, 0]])
    z = np.repeat(corners, 50, axis=0) + rng.normal(0, 1, (200, 3)) * [
        0.5,
        0.5,
        6.0,
    ]  # most spread lies where groups do not differ
    plane, _, names = choose_plane(z, None, np.repeat(list("abcd"), 50))
    np.testing.assert_allclose(np.linalg.norm(plane[:, :2], axis=1), 1, atol=0.05)
    assert "between groups" in names[0]
