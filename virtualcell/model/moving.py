"""Cells carried forward, where they end, and how well two populations fit as before and after."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import torch
from mudata import MuData

from virtualcell.landscape.fates import assign, fate_fractions
from virtualcell.model.held import Held
from virtualcell.predictor.compatibility import Unexpected, unexpected
from virtualcell.predictor.futures import as_states
from virtualcell.predictor.pair import pair_energy
from virtualcell.schema import (
    DataError,
    Trajectory,
)


class Moving(Held):
    """What becomes of cells in time."""

    def predict(
        self,
        cells: MuData | ad.AnnData | None = None,
        *,
        states: np.ndarray | None = None,
        duration: float,
        frames: int = 25,
        copies: int = 1,
        perturbation: str | None = None,
        dose: float = 1.0,
        applied: float | None = None,
        noise: float = 1.0,
        seed: int = 0,
    ) -> Trajectory:
        """Carries cells (or states (n, d)) forward.

        duration: in the unit of the time column; in spans (control to treated = 1) where the cells had no time. copies: simulated
        futures of each cell; row i of the trajectory starts from cell ``trajectory.start[i]``. dose: times the push that was
        measured, 0 or more; applied: how long, from the start, in the unit of duration, after which cells are let go (default:
        never). noise: times the noise that was learned, 0: none. The same seed gives the same futures.

        frames: evenly spaced times, the start first; of a single one, the start alone. Returns states (frames, cells * copies, d)
        and log weights (frames, cells * copies). Raises DataError where there is no predictor, and naming what cannot be used.
        """
        dynamics, perturbation = self.dynamics, self._treatment(perturbation)
        if states is None:
            states = self._states(self._table(self._given(cells), None, None))
        spans = self._spans(duration)
        if not (np.isfinite(noise) and noise >= 0):
            raise DataError(
                f"Noise is {noise} times what was learned.", next_step="give 1 for as much, 0 for none.", field="noise"
            )
        if not (np.isfinite(dose) and dose >= 0):
            raise DataError(f"The dose is {dose} times the measured one.", next_step="give 0 or more.", field="dose")
        if applied is not None and not 0 <= applied <= duration:
            raise DataError(
                f"The push is applied for {applied} of {duration}.", next_step="give a time from 0 to duration.", field="applied"
            )
        for field, n in (("frames", frames), ("copies", copies)):
            if n < 1:
                raise DataError(f"{n} were asked for.", next_step="ask for at least 1.", field=field)
        start = np.repeat(np.arange(len(states)), copies)
        with torch.no_grad():
            z = as_states(states, "states", dynamics)[start]
            generator = torch.Generator().manual_seed(seed)
            release = None if applied is None else applied / self.span
            path, log_weights = dynamics.rollout(
                z, spans, generator, perturbation, noise=noise, keep=frames, dose=dose, release=release
            )
        times = np.linspace(0.0, duration, frames)
        return Trajectory(times, path.cpu().numpy(), log_weights.cpu().numpy(), start, seed, perturbation)

    @staticmethod
    def _given(cells: MuData | ad.AnnData | None) -> MuData | ad.AnnData:
        """Cells to start from where no states were given. Raises DataError for none."""
        if cells is None:
            raise DataError("There is nothing to start from.", next_step="give cells or states.", field="cells")
        return cells

    def fates(self, trajectory: Trajectory, *, until: float | None = None) -> pd.DataFrame:
        """Shares of a trajectory's end states by annotation: columns fate, fraction, low, high (95 % bootstrap over start cells).

        until: as in ``ends``.
        """
        states, labels = self._named(until)
        return fate_fractions(
            assign(trajectory.states[-1], states, labels),
            sorted(set(labels)),
            trajectory.log_weights[-1],
            trajectory.start,
            seed=trajectory.seed,
        )

    def ends(self, trajectory: Trajectory, *, until: float | None = None) -> np.ndarray:
        """Annotation of the measured cells next to which each cell of a trajectory ends, (n,).

        until: when it ends, in the unit of the time column; by default at the last measured time or later, when only cells of
        that time give names, unless they all have one. Where it ends earlier, cells of all times do.
        """
        return assign(trajectory.states[-1], *self._named(until))

    def names_from_last(self, until: float | None = None) -> bool:
        """Whether only cells of the last measured time name what a trajectory ends among: it comes to that time, and they have
        more than one name."""
        times = self.times
        if times is None or not (until is None or until >= times.max() - self._instant):
            return False
        return len(set(np.asarray(self.record["labels"])[times == times.max()])) > 1

    def names_of_ends(self, until: float | None = None) -> np.ndarray:
        """Annotation of the measured cells that name what a trajectory ends among, as ``ends`` looks at them, (k,)."""
        return self._named(until)[1]

    def is_beyond(self, until: float) -> bool:
        """Whether a time, in the unit of the time column, lies after the last measured one; never without times."""
        times = self.times
        return times is not None and bool(until > times.max() + self._instant)

    @property
    def _instant(self) -> float:
        """Times that are nearer are the same."""
        return 1e-9 * self.span

    def _named(self, until: float | None) -> tuple[np.ndarray, np.ndarray]:
        """States and annotation of the measured cells that give names."""
        labels, times = np.asarray(self.record["labels"]), self.times
        if times is None or not self.names_from_last(until):
            return self.states, labels
        last = times == times.max()
        return self.states[last], labels[last]

    def pair_energy(
        self,
        start: np.ndarray,
        end: np.ndarray,
        *,
        duration: float,
        perturbation: str | None = None,
        method: str = "density",
        seed: int = 0,
    ) -> np.ndarray:
        """How badly the states end (n, d) fit as what the states start (n, d) become in ``duration``, in nats, (n,).

        duration: in the unit of the time column; method: "density" or "action", see ``predictor.pair.pair_energy``.
        """
        treatment = self._treatment(perturbation)
        return pair_energy(self.dynamics, start, end, self._spans(duration), treatment, method=method, seed=seed)

    def unexpected(self, start: np.ndarray, measured: np.ndarray, *, duration: float, seed: int = 0) -> Unexpected:
        """Which measured cells lie where the model puts hardly any: small ``chances``, (m,) in (0, 1], beside its own cells.

        start (n, d): an untreated population; measured (m, d): cells seen after ``duration``, in the unit of the time column.
        Raises DataError where there is no predictor, and naming the states or the duration that cannot be used.
        """
        return unexpected(self.dynamics, start, measured, self._spans(duration), seed=seed)
