"""The energy and what it says: the surface, ways over it, and which valley is reached first."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pandas as pd
import torch

from virtualcell.landscape.committor import committor
from virtualcell.landscape.order import first_changes
from virtualcell.landscape.path import least_energy_path
from virtualcell.landscape.plane import choose_plane
from virtualcell.landscape.surface import make_landscape
from virtualcell.model.held import Held
from virtualcell.schema import (
    DataError,
    EnergyPath,
    Landscape,
)


class OnLandscape(Held):
    """Questions to the potential."""

    def energy(self, states: np.ndarray) -> np.ndarray:
        """Potential of states (..., d) in units of D, up to a constant, (...)."""
        dynamics = self.dynamics
        with torch.no_grad():
            states = self._checked(states)
            z = torch.from_numpy(states.reshape(-1, states.shape[-1])).to(self.device)
            return (dynamics.potential(z) / dynamics.diffusion).cpu().numpy().reshape(states.shape[:-1])

    def landscape(self, resolution: int = 60, *, perturbation: str | None = None, dose: float = 1.0) -> Landscape:
        """The potential over the plane along which time and groups differ most, with its attractors named by measured cells.

        perturbation: tilted by its push, ``dose`` times as strong as measured: the valleys that are left while it is applied.
        Passes are given of the untreated landscape only.
        """
        dynamics, perturbation = self.dynamics, self._treatment(perturbation)
        if not (np.isfinite(dose) and dose >= 0):
            raise DataError(f"The dose is {dose} times the measured one.", next_step="give 0 or more.", field="dose")
        if resolution < 2:
            raise DataError(f"resolution = {resolution}.", next_step="give two points a side or more.", field="resolution")
        states, labels = self.states, np.asarray(self.record["labels"])
        if not np.isfinite(self.energy(states)).all():
            raise DataError(
                "The potential has no finite height where cells were measured, so there is no surface.",
                next_step="train longer (--epochs, --steps) or with another --seed, and ask again.",
            )
        groups = labels if self.settings.columns.state else None
        if self.settings.columns.state is None and self.settings.columns.time is None:
            labels = np.full(len(states), "state")  # a treatment is no name for a valley of the untreated surface
        follow = None
        if self.record["treatment_of"] is not None:
            treated = np.asarray(self.record["treatment_of"])
            follow = np.flatnonzero(treated == self.settings.columns.control)
            groups = treated if groups is None else np.char.add(np.char.add(groups.astype(str), " / "), treated)
        time = self.times
        plane, origin, names = choose_plane(states, time, groups)
        # On the CPU: some devices have no eigenvalues.
        dynamics, *refits = (copy.deepcopy(one).cpu() for one in (dynamics, *self._fitted.refits))
        if perturbation is not None:
            dynamics, refits, time = dynamics.tilted(perturbation, dose), [], None
        found = make_landscape(
            dynamics,
            states,
            labels,
            plane,
            origin,
            names,
            resolution,
            follow=follow,
            refits=refits,
            time=(time - time.min()) / self.span if time is not None else None,
            growth_known=self.record["growth_identified"],
        )
        return dataclasses.replace(found, rotation_share=self.record["rotation_share"])

    def path(self, start: np.ndarray, end: np.ndarray) -> EnergyPath:
        """The way of least energy of untreated cells between two states (d,), over the lowest pass found, in units of D."""
        dynamics = copy.deepcopy(self.dynamics).cpu()
        start, end = self._checked(start, "start", 1), self._checked(end, "end", 1)
        return least_energy_path(dynamics.potential, float(dynamics.diffusion.detach()), start, end, self.states)

    def genes_along(self, path: EnergyPath, most: int = 20) -> pd.DataFrame:
        """Genes that change most along a path, in the order in which they have made half of their change (``first_changes``)."""
        return first_changes(self.decode(path.states), self.features(), most)

    def committor(
        self, states: np.ndarray, a: np.ndarray, b: np.ndarray, *, copies: int = 100, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probability that untreated cells (n, d) reach the attractor b (d,) before a (d,), and its standard deviation after so
        many futures, both (n,); NaN where none arrived (``landscape.committor``)."""
        states, a, b = (self._checked(x, name, n) for x, name, n in ((states, "states", 2), (a, "a", 1), (b, "b", 1)))
        return committor(copy.deepcopy(self.dynamics).cpu(), states, a, b, copies=copies, seed=seed)
