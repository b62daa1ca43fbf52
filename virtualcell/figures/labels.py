"""Places for the names of points, so that no two names cover each other."""

from __future__ import annotations

import numpy as np

WIDE, HIGH = 7.2, 24.0
"""Pixels that a letter is wide and a name is high, at the usual size of text."""


def apart(points: np.ndarray, names: list[str], box: tuple[float, float] | None = None) -> np.ndarray:
    """Offset (n, 2) in pixels of each name from its point, to the right and down as Plotly's ``ax`` and ``ay`` count.

    points: (n, 2) in pixels, right and up. box: (width, height) of the figure, out of which no name may reach. The nearest free
    place is taken, above the point before beside and below it; where all are taken, the highest one.
    """
    points = np.asarray(points, float)
    taken: list[tuple[np.ndarray, np.ndarray]] = [(point, np.array([6.0, 6.0])) for point in points]
    offsets = np.zeros((len(points), 2))
    for i in np.argsort(-points[:, 1], kind="stable"):
        half = np.array([WIDE * len(names[i]) / 2 + 6, HIGH / 2])
        for offset in _places(half[0]):
            middle = points[i] + offset
            free = all((np.abs(middle - other) >= half + size).any() for other, size in taken)
            within = box is None or bool(((middle - half >= 0) & (middle + half <= box)).all())
            if free and within:
                break
        taken.append((middle, half))
        offsets[i] = offset * (1, -1)
    return offsets


def _places(half: float) -> list[np.ndarray]:
    """Offsets to try, nearest first."""
    found = []
    for away in (30.0, 52.0, 76.0, 102.0, 130.0):
        for side in (0.0, 0.6, -0.6, 1.2, -1.2):
            found.append(np.array([side * (half + 10), away]))
        found += [np.array([side * (half + away), up]) for up in (0.0, away / 2, -away / 2) for side in (1, -1)]
        found.append(np.array([0.0, -away]))
    return found


def on_screen(points: np.ndarray, eye: dict[str, float], pixels: float) -> np.ndarray:
    """Where points (n, 3) of a Plotly scene stand on a screen ``pixels`` high, (n, 2) right and up from its middle.

    points: in units of the scene's aspect ratio, around its middle. A camera at ``eye`` looks at the middle through 45 degrees.
    """
    place = np.array([eye["x"], eye["y"], eye["z"]])
    ahead = -place / np.linalg.norm(place)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    seen = np.asarray(points, float) - place
    depth = np.maximum(seen @ ahead, 1e-6) * np.tan(np.pi / 8)
    return np.stack([seen @ right, seen @ up], axis=1) / depth[:, None] * pixels / 2
