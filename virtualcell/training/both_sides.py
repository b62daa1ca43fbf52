"""The population between two measured ones, from both: cells carried forward from the one, and back from the other."""

from __future__ import annotations

from typing import Self

import numpy as np

from virtualcell.predictor.population import Population, Snapshots, mixture, neighbours
from virtualcell.training.ensemble import FlowMatching
from virtualcell.training.epochs import Progress

LARGEST = 3000
"""Cells of a population that is given: all of them, from both sides and every member, would be many, and distances between cells
take memory with their square."""


class BothSides(FlowMatching):
    """``FlowMatching`` whose populations between measured times come from both sides, each as near as it is in time.

    A flow that is not perfect drifts off the further it carries; what comes back from the other side has drifted off less where
    the first has most, and the two populations are two samples of cells instead of one. Going back, the flow's growth divides.
    """

    def fit(self, snapshots: Snapshots, seed: int = 0, progress: Progress | None = None) -> Self:
        super().fit(snapshots, seed, progress)
        self.fitted_to, self.fitted_seed = snapshots, seed
        self.measured = {t: np.asarray(snapshots[t], dtype=np.float64) for t in self.times}
        return self

    def carry(
        self, start: np.ndarray, t0: float, t1: float, seed: int = 0, *, among: tuple[int, ...] | None = None
    ) -> Population:
        """Beyond the last measured time, and across one, forward alone. ValueError for a start between two measured populations
        that is not the first of them: what comes back were descendants of all of its cells. Of more than ``LARGEST`` cells, so
        many, evenly (seed). among: the members that are pooled, by default all."""
        if not t1 > t0:
            raise ValueError(f"Times must rise from the start, but {t1:g} is not after {t0:g}.")
        before, after = neighbours(self.times, t1)
        forward = self._pooled(start, t0, t1, among)
        if after is None or after == t1 or before != t0:
            return forward
        if len(start) != len(self.measured[t0]):
            raise ValueError(f"{len(start)} cells are not the {len(self.measured[t0])} measured at {t0:g}; use FlowMatching.")
        share = (t1 - t0) / (after - t0)
        whole = mixture([forward, self._pooled(self.measured[after], after, t1, among)], np.array([1 - share, share]))
        return whole if len(whole.states) <= LARGEST else Population.of(whole.even(LARGEST, seed))

    def _pooled(self, start: np.ndarray, t0: float, t1: float, among: tuple[int, ...] | None) -> Population:
        members = self.members(start, t0, [t1])[0]
        return mixture(members if among is None else [members[i] for i in among])


class SomeGrowth:
    """A predictor that pools only the flows of some strengths of growth out of all that were fitted.

    Members share nothing, so several such predictors, and the one that pools all, share one fit of the same snapshots.
    """

    def __init__(self, flows: BothSides, strengths: tuple[float, ...], name: str):
        if isinstance(flows.plan, str) or not set(strengths) <= set(flows.plan):
            raise ValueError(f"Strengths {strengths} are not among those of {flows.name}: {flows.plan}.")
        self.flows, self.name = flows, name
        self.among = tuple(flows.plan.index(strength) for strength in strengths)

    def fit(self, snapshots: Snapshots, seed: int = 0) -> Self:
        if getattr(self.flows, "fitted_to", None) is not snapshots or self.flows.fitted_seed != seed:
            self.flows.fit(snapshots, seed)
        return self

    def carry(self, start: np.ndarray, t0: float, t1: float, seed: int = 0) -> Population:
        return self.flows.carry(start, t0, t1, seed, among=self.among)
