"""The plane of the latent space on which a landscape is drawn."""

from __future__ import annotations

import numpy as np


def choose_plane(
    z: np.ndarray, time: np.ndarray | None, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Orthonormal rows (2, d), origin (d,) and names of the two axes for states z (cells, d).

    groups: (cells,) labels (state, treatment or both). With four or more groups of ten cells the plane holds the two directions
    along which group means differ most; else the first axis leads from the mean of the earliest to the mean of the latest cells,
    and the second is the direction of largest spread at right angles to it. The projection is linear and exact: no cell is moved,
    unlike in UMAP.
    """
    origin = z.mean(0)
    names: tuple[str, str]
    means = []
    if groups is not None:
        labels, counts = np.unique(groups.astype(str), return_counts=True)
        means = [(z[groups.astype(str) == label].mean(0), n) for label, n in zip(labels, counts, strict=True) if n >= 10]
    if len(means) >= 4:
        centred = np.stack([mean - origin for mean, _ in means]) * np.sqrt([[n] for _, n in means])
        plane = np.linalg.svd(centred, full_matrices=False)[2][:2]
        names = ("first axis between groups", "second axis between groups")
    elif time is not None:
        first = z[time == time.max()].mean(0) - z[time == time.min()].mean(0)
        first = first / np.linalg.norm(first)
        rest = z - origin
        rest = rest - np.outer(rest @ first, first)
        second = np.linalg.svd(rest, full_matrices=False)[2][0]
        plane = np.stack([first, second])
        names = ("from the first to the last time", "largest spread beside it")
    else:
        plane = np.linalg.svd(z - origin, full_matrices=False)[2][:2]
        names = ("largest spread", "second largest spread")
    # Left to right is early to late, and the sign of the second axis does not depend on the solver.
    if time is not None and np.corrcoef((z - origin) @ plane[0], time)[0, 1] < 0:
        plane[0] = -plane[0]
    if plane[1][np.abs(plane[1]).argmax()] < 0:
        plane[1] = -plane[1]
    return plane.astype(np.float32), origin.astype(np.float32), names
