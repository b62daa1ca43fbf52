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
CALLED = "passes called identifiable"
HELD, BANDS, WIDTH = "forward passes whose band holds the true height", "forward passes", "width of a forward band, in D"
LAW, LAW_P = "the linear law was kept", "p-value of the linear law"
FLAGGED = "says what growth was taken to be"
SAYS = {"none": "ignored", "transport": "cannot be told apart from drift"}
"""How growth was taken -> what the warning must say of it."""

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
    if truth.fates is not None:
        # Who finds no two fates, or sees no cell arrive, knows as little as who answers at random.
        true = truth.committor(cells.xy[truth.between(cells)])
        seen = np.isfinite(true)
        chance = np.full(len(true), np.nan) if answer.committor is None else answer.committor
        found[COMMITTOR] = float(np.where(np.isfinite(chance), np.abs(chance - true), 0.5)[seen].mean())
    if answer.covariance is not None and system.linear is not None:
        difference = np.linalg.norm(answer.covariance - system.covariance)
        found[COVARIANCE] = float(100 * difference / np.linalg.norm(system.covariance))
    if answer.share is not None:
        found["non-gradient share"] = answer.share
        found[SHARE] = answer.share - truth.share(cells)
    if answer.unidentified is not None:
        if system.forward:
            found[UNSAID] = float(sum(passage in answer.unidentified or passage not in heights for passage in system.forward))
        uncrossed = truth.hardly_crossed(cells)
        if uncrossed:
            said = [p for p in uncrossed if p in heights and p not in answer.unidentified]
            found[OVERSAID] = float(len(said))
    return found


def of_no_motion(answer: Answer) -> dict[str, float]:
    """Of a fit to shuffled times, in which nothing moves: passes called identifiable, which so have a height and a band."""
    return {CALLED: float(len(answer.identified or ()))}


def bands_hold(answer: Answer, truth: Truth) -> dict[str, float]:
    """Of the forward passes: how many there are, of how many a band holds the true height (what has none, holds none), and how
    wide the bands are."""
    bands = {passage: band for passage, band in (answer.bands or {}).items() if passage in truth.system.forward}
    held = [low <= truth.barriers[passage] <= high for passage, (low, high) in bands.items()]
    wide = {WIDTH: float(np.mean([high - low for low, high in bands.values()]))} if bands else {}
    return {BANDS: float(len(truth.system.forward)), HELD: float(sum(held))} | wide
