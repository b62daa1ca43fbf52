"""How far an answer is from the truth, one number a question."""

from __future__ import annotations

import numpy as np

from benchmarks.landscape.answers import Answer, nearest
from benchmarks.landscape.truth import Truth
from virtualcell.data.known.system import Snapshots

BARRIER = "forward barrier, largest error in %"
COMMITTOR = "committor, mean absolute error"
ATTRACTOR = "attractors, farthest true one from the nearest found"
SPURIOUS = "attractors that are not there"
COVARIANCE = "covariance at rest, error in %"
SHARE = "non-gradient share minus the true one"
UNSAID = "forward barriers called not identifiable"
OVERSAID = "uncrossed barriers not called not identifiable"
ABOVE = "barriers above their band"
FLAGGED = "warns that growth is ignored"
IGNORED = "ignored"
"""What the warning must say of growth."""

LOST = 100.0
"""Error in percent of a barrier that a method does not see: it says that there is none."""


def score(answer: Answer, truth: Truth, cells: Snapshots) -> dict[str, float]:
    """Metric -> value; what was not asked or not answered is left out."""
    system = truth.system
    # Where none is found, the distance is that of the farthest corners of the system's rectangle.
    far = float(np.hypot(system.box[1] - system.box[0], system.box[3] - system.box[2]))
    distance = np.linalg.norm(system.places[:, None] - answer.attractors, axis=2)
    found = {
        ATTRACTOR: float(distance.min(axis=1, initial=far).max()),
        SPURIOUS: float(len(answer.attractors) - len(set(nearest(answer.attractors, system).values()))),
    }
    heights = answer.barriers or {}
    for passage in system.forward if answer.barriers is not None else ():
        error = 100 * abs(heights[passage] / truth.barriers[passage] - 1) if passage in heights else LOST
        found[f"forward barrier {passage[0]} to {passage[1]}, in D"] = heights.get(passage, 0.0)
        found[BARRIER] = max(found.get(BARRIER, 0.0), float(error))
    if answer.committor is not None:
        true = truth.committor(cells.xy[truth.between(cells)])
        seen = np.isfinite(true)
        found[COMMITTOR] = float(np.abs(answer.committor - true)[seen].mean())
    if answer.covariance is not None and system.linear is not None:
        difference = np.linalg.norm(answer.covariance - system.covariance)
        found[COVARIANCE] = float(100 * difference / np.linalg.norm(system.covariance))
    if answer.share is not None:
        found["non-gradient share"] = answer.share
        found[SHARE] = answer.share - truth.share(cells)
    if answer.unidentified is not None:
        if system.forward:
            found[UNSAID] = float(sum(passage in answer.unidentified for passage in system.forward))
        uncrossed = truth.hardly_crossed(cells)
        if uncrossed:
            said = [p for p in uncrossed if p in heights and p not in answer.unidentified]
            found[OVERSAID] = float(len(said))
    return found


def above_band(answer: Answer) -> float:
    """Barriers of a fit to shuffled times that are called identifiable and whose band does not reach down to 0."""
    silent = answer.unidentified or frozenset()
    return float(sum(low > 0 for passage, (low, _) in (answer.bands or {}).items() if passage not in silent))
