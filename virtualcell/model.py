"""VirtualCell, the one public class: cells in, states, translations, trajectories, pushes and the landscape out."""

from __future__ import annotations

import copy
import dataclasses
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import torch
from mudata import MuData

from virtualcell.landscape.barriers import any_crossed
from virtualcell.landscape.committor import committor
from virtualcell.landscape.dose_response import dose_response
from virtualcell.landscape.fates import assign, fate_fractions
from virtualcell.landscape.order import first_changes
from virtualcell.landscape.path import least_energy_path
from virtualcell.landscape.plane import choose_plane
from virtualcell.landscape.surface import make_landscape
from virtualcell.perturbation.edit import ATAC, Edit
from virtualcell.perturbation.effect import FORCE, SENSITIVITY, Effect
from virtualcell.perturbation.from_counts import response_of
from virtualcell.perturbation.peaks_near import peaks_near, says_where
from virtualcell.perturbation.pushes import compared, ranked, responded, responds
from virtualcell.perturbation.release import critical_dose
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.saved import load_response, save_response
from virtualcell.predictor.compatibility import Unexpected, unexpected
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.futures import as_states
from virtualcell.predictor.pair import pair_energy
from virtualcell.schema import (
    LATENT_KEY,
    UNS_KEY,
    Columns,
    DataError,
    EnergyPath,
    Landscape,
    Settings,
    Trajectory,
)
from virtualcell.training.autoencoder import Progress, nats_of_average, nats_of_cells
from virtualcell.training.device import choose_device
from virtualcell.training.fitted import Fitted, states_of
from virtualcell.training.given import RNA, as_mudata
from virtualcell.training.saved import load_fitted, save_fitted
from virtualcell.training.table import CellTable, make_table
from virtualcell.training.whole import fit_whole
from virtualcell.trust.domain import Domain

CHUNK = 4096


class VirtualCell:
    """A multi-omic autoencoder with a JEPA-style predictor on a learned potential.

    Fit it to measured cells or load a saved one; every method then takes cells as MuData or AnnData, raw or preprocessed.

    >>> cells = virtualcell.read("cells.h5mu")                                # doctest: +SKIP
    >>> model = virtualcell.VirtualCell().fit(cells, time="time_h")           # doctest: +SKIP
    >>> model.embed(cells)                                                    # doctest: +SKIP
    """

    def __init__(self, settings: Settings | None = None):
        self._settings = settings or Settings()
        self._model: Fitted | None = None
        self._domain: Domain | None = None
        self.response: Response | None = None

    # -- fitting -----------------------------------------------------------------------------------------------------------------
    def fit(
        self,
        cells: MuData | ad.AnnData,
        *,
        time: str | None = None,
        time_unit: str = "h",
        perturbation: str | None = None,
        control: str = "control",
        batch: str | None = None,
        state: str | None = None,
        clones: str | None = None,
        donor: str | None = None,
        growth: str | None = None,
        population_size: str | None = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> VirtualCell:
        """Learns states from the counts and, where there are several times or treatments, the dynamics that lead from one to the
        next.

        time, perturbation, batch, donor, state: columns of ``obs``; clones: slot of ``obsm``; control: name of the untreated
        cells; growth or population_size: what is known of division (see ``Columns``). ``cells`` is not changed. Raises DataError
        where the cells cannot be used (see ``virtualcell.data.check``).
        """
        columns = Columns(time, time_unit, perturbation, control, batch, state, clones, growth, population_size, donor)
        settings = dataclasses.replace(self.settings, columns=columns)
        # Only what was fitted to its end takes the place of what was there.
        fitted = fit_whole(cells, settings, choose_device(device), progress, any_crossed)
        response = response_of(fitted, as_mudata(cells))
        self._model, self._domain, self.response = fitted, None, response
        return self

    # -- reading cells -----------------------------------------------------------------------------------------------------------
    def embed(self, cells: MuData | ad.AnnData, *, modalities: list[str] | None = None, batch: str | None = None) -> np.ndarray:
        """States of cells, float32 (cells, d), from all or some of their measured modalities.

        Writes ``obsm["X_vc"]`` and ``uns["virtualcell"]`` of ``cells``. batch: ``obs`` column, by default the one of the fit.
        """
        states = self._states(self._table(cells, modalities, batch))
        cells.obsm[LATENT_KEY] = states
        cells.uns[UNS_KEY] = self.provenance()
        return states

    def translate(self, cells: MuData | ad.AnnData, *, source: str, target: str) -> ad.AnnData:
        """What the target modality is expected to read in cells of which only the source modality is looked at.

        Returns AnnData (cells, target features): X is the expected reading, in the unit named in ``uns["virtualcell"]["unit"]``
        (RNA: log(1 + counts per 10,000); protein: centred log ratio; ATAC: probability that a peak is seen open in a cell of
        these experiments; others: the unit of the data). ``layers["low"]`` and ``layers["high"]``: bounds between which a
        measurement lies in 90 % of new cells, feature by feature (conformal, from cells kept out of the fit); absent for open
        peaks, whose probability says it all, and where the two were never measured together and a third modality is the bridge
        (``uns["virtualcell"]["route"]``). Raises DataError where there is no way from source to target.
        """
        core = self._fitted.autoencoder
        for role, name in (("source", source), ("target", target)):
            if name not in core.names:
                raise DataError(
                    f"The model has no {role} modality {name!r}.", next_step=f"choose one of {', '.join(core.names)}.", field=name
                )
        translator = self._fitted.translator
        route = translator.route(source, target)
        if not route:
            raise DataError(
                f"{source} and {target} were measured together in too few of the training cells, and no third measurement joins "
                "them.",
                next_step="train on cells that have both, or one that has each together with a third.",
                field=target,
            )
        table = self._table(cells, [source], None)
        parts: list[list[np.ndarray]] = []
        with torch.no_grad():
            for start in range(0, table.n_cells, 1024):
                values, _, batch = table.rows(np.arange(start, min(start + 1024, table.n_cells)), self.device)
                scores = core.batch_means[source](core.modalities[source].scores(values[source]), batch)
                found = translator(core, scores, source, target)
                parts.append([part.float().cpu().numpy() for part in found if part is not None])
        read, *bounds = (np.concatenate(part) for part in zip(*parts, strict=True))
        translated = ad.AnnData(read, obs=cells.obs.copy(), var=pd.DataFrame(index=self._fitted.features[target]))
        for name, bound in zip(("low", "high"), bounds, strict=False):
            translated.layers[name] = bound
        translated.uns[UNS_KEY] = self.provenance() | {"unit": core.modalities[target].reading_unit, "route": list(route)}
        return translated

    def reading(self, cells: MuData | ad.AnnData, modality: str) -> np.ndarray:
        """What was measured, (cells, features) float32, in the unit in which ``translate`` predicts."""
        table, kind = self._table(cells, [modality], None), self._fitted.autoencoder.modalities[modality]
        with torch.no_grad():
            pieces = np.array_split(np.arange(table.n_cells), max(1, table.n_cells // 1024))
            return np.concatenate([kind.reading(table.rows(rows, self.device)[0][modality]).cpu().numpy() for rows in pieces])

    def log_likelihood(self, cells: MuData | ad.AnnData) -> pd.DataFrame:
        """How well the model describes each cell from its own state: log-likelihood in nats, cells x modalities; NaN where not
        measured."""
        return self._nats(cells, nats_of_cells)

    def baseline_log_likelihood(self, cells: MuData | ad.AnnData) -> pd.DataFrame:
        """The same with the average training cell in place of each cell's state: what there is to be gained upon."""
        return self._nats(cells, nats_of_average)

    def decode(self, states: np.ndarray, *, modality: str = RNA, features: list[str] | None = None) -> np.ndarray:
        """Expected measurement of states (..., d): (..., features) float32.

        RNA: mean counts per 10,000; ATAC: probability that a peak is seen open at the median depth; protein: mean tag counts.
        """
        core, names = self._fitted.autoencoder, self.features(modality)
        place = np.arange(len(names))
        if features is not None:
            place = pd.Index(names).get_indexer(features)
            if (place < 0).any():
                missing = [f for f, p in zip(features, place, strict=True) if p < 0]
                raise DataError(
                    f"The model does not know {', '.join(missing)}.", next_step="choose among model.features().", field=modality
                )
        states = self._checked(states)
        flat = states.reshape(-1, states.shape[-1])
        found = np.empty((len(flat), len(place)), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(flat), CHUNK):
                z = torch.from_numpy(flat[start : start + CHUNK]).to(self.device) / core.latent_scale
                output = core.decoders[modality](z)
                found[start : start + CHUNK] = core.modalities[modality].expectation(output)[:, place].cpu().numpy()
        return found.reshape(*states.shape[:-1], len(place))

    def features(self, modality: str = RNA) -> list[str]:
        """Names of the features that the model reads and predicts."""
        if modality not in self._fitted.features:
            known = ", ".join(self._fitted.features)
            raise DataError(f"The model has no modality {modality!r}.", next_step=f"choose one of {known}.", field="modality")
        return list(self._fitted.features[modality])

    # -- moving cells ------------------------------------------------------------------------------------------------------------
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
            if cells is None:
                raise DataError("There is nothing to start from.", next_step="give cells or states.", field="cells")
            states = self._states(self._table(cells, None, None))
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

    def perturb(
        self,
        cells: MuData | ad.AnnData,
        *,
        treatment: str | None = None,
        genes: str | Sequence[str] | None = None,
        fold: float | None = None,
        level: float | Sequence[float] | None = None,
        peaks: Sequence[str] | None = None,
        duration: float | None = None,
        seed: int = 0,
    ) -> Effect:
        """Pushes cells by a measured treatment, or edits what is read of genes, and lets them move for ``duration`` (default: one
        span).

        A treatment measured beside its control at one time changes expression as it did there (``perturbation.response``): two
        that were not measured together add. Where there are times, or another duration is asked for, it acts as a force while it
        is applied. All are compared with the same cells, untouched; where cells move, with the same random numbers.

        genes: edited in the input of the encoder, by default knocked out; fold: times their counts; level: counts per 10,000 that
        each cell is raised to (``perturbation.edit.Edit``). An edit shows what the model's reading depends on, which is no
        evidence of cause. peaks: names of those closed or opened with the genes; by default those within 5,000 bases, where ATAC
        is read and ``var`` says where genes lie (``perturbation.peaks_near``); [] for none. Raises DataError naming what cannot
        be used.
        """
        if (treatment is None) == (genes is None):
            raise DataError("A push is either a treatment or an edit of genes.", next_step="name one of them.", field="treatment")
        if genes is None and (fold, level, peaks) != (None, None, None):
            raise DataError(
                "fold, level and peaks say how genes are edited; a treatment does what was measured.",
                next_step="name genes, or leave them out.",
                field="fold",
            )
        table = self._table(cells, None, None)
        edited, kind, name = None, FORCE, str(treatment)
        if genes is not None:
            wanted = (genes,) if isinstance(genes, str) else tuple(genes)
            near = self._peaks_near(cells, table, wanted) if peaks is None else peaks
            edit = Edit.of(wanted, fold, level, near)
            edited, kind, name = edit.applied(table, self._fitted.features), SENSITIVITY, edit.name
        elif (treatment := self._treatment(treatment)) is None:
            raise DataError(
                f"{name!r} is the control: it pushes nothing.", next_step="name a measured treatment.", field="treatment"
            )
        read = self.features() if RNA in self._fitted.features else []
        response = self.response if duration in (None, self.span) else None
        if treatment is not None and response is not None and responds(response, treatment, self.record["treatments"]):
            return responded(response, table, treatment, read, self._states, self.in_domain, seed)
        start = self._states(table)
        begin = start if edited is None else self._states(edited)
        untreated, treated = start, begin
        if self.moves:
            course: dict[str, Any] = {"duration": self.span if duration is None else duration, "frames": 2, "seed": seed}
            untreated = self.predict(states=start, **course).states[-1]
            treated = self.predict(states=begin, perturbation=treatment, **course).states[-1]
        found = compared(name, kind, start, untreated, treated, read, self.decode, self.in_domain, seed)
        return found if edited is None else dataclasses.replace(found, edited=begin)

    def _peaks_near(self, cells: MuData | ad.AnnData, table: CellTable, genes: tuple[str, ...]) -> list[str]:
        """Peaks that the model reads and these cells' ``var`` places near the genes; none where it does not say, or no cell has
        ATAC."""
        known = set(self._fitted.features.get(ATAC, []))
        if not known or not isinstance(cells, MuData) or not table.mask[:, list(self._fitted.features).index(ATAC)].any():
            return []
        peaks, positions = cells.mod[ATAC].var, cells.mod[RNA].var if RNA in cells.mod else None
        found = peaks_near(genes, peaks, positions=positions) if says_where(peaks, positions) else []
        return [peak for peak in found if peak in known]

    def dose_response(
        self,
        cells: MuData | ad.AnnData | None = None,
        *,
        states: np.ndarray | None = None,
        treatment: str,
        doses: Sequence[float],
        duration: float | None = None,
        rest: float | None = None,
        landscape: Landscape | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """What becomes of cells (or states (n, d)) pushed for ``duration`` and then let go for ``rest`` (by default one span
        each): shares that stayed in their valley, left it and rolled back, or settled in another, under each dose.

        doses: times the push that was measured; landscape: the untreated one, where it is known already. Columns as
        ``landscape.dose_response``. Raises DataError naming what cannot be used, and where there is no valley.
        """
        dynamics, push = self.dynamics, self._treatment(treatment)
        if push is None:
            raise DataError(f"{treatment!r} is the control.", next_step="name a measured treatment.", field="treatment")
        if states is None:
            if cells is None:
                raise DataError("There is nothing to start from.", next_step="give cells or states.", field="cells")
            states = self._states(self._table(cells, None, None))
        amounts = np.asarray(doses, dtype=float)
        if not (amounts.ndim == 1 and len(amounts) and np.isfinite(amounts).all() and (amounts >= 0).all()):
            raise DataError("Doses are 0 or more times the measured one.", next_step="give one or more.", field="doses")
        places = [a.state for a in (landscape or self.landscape()).attractors]
        if not places:
            raise DataError("The landscape has no valley to leave.", next_step="train on more cells.", field="landscape")
        return dose_response(
            copy.deepcopy(dynamics).cpu(),
            np.stack(places),
            self._checked(states, "states", 2),
            push,
            amounts,
            duration=self._spans(self.span if duration is None else duration),
            rest=self._spans(self.span if rest is None else rest),
            seed=seed,
        )

    def critical_dose(
        self,
        state: np.ndarray,
        *,
        treatment: str,
        duration: float | None = None,
        rest: float | None = None,
        landscape: Landscape | None = None,
    ) -> float | None:
        """The least dose, times the measured one, at which a cell without noise that starts at a state (d,) is not back after the
        push and the rest (by default one span each): ``perturbation.release.critical_dose``; None where it always comes back.

        Back: within a quarter of the way to the next valley. Raises DataError naming what cannot be used, and where there are
        fewer than two valleys.
        """
        dynamics, push = self.dynamics, self._treatment(treatment)
        if push is None:
            raise DataError(f"{treatment!r} is the control.", next_step="name a measured treatment.", field="treatment")
        places = np.stack([a.state for a in (landscape or self.landscape()).attractors] or [np.zeros(0)])
        if len(places) < 2:
            raise DataError("There is no other valley to settle in.", next_step="train on more cells.", field="landscape")
        start = self._checked(state, "state", 1)
        home = int(((places - start) ** 2).sum(1).argmin())
        near = np.linalg.norm(np.delete(places, home, axis=0) - places[home], axis=1).min() / 4
        return critical_dose(
            copy.deepcopy(dynamics).cpu(),
            start,
            push,
            duration=self._spans(self.span if duration is None else duration),
            rest=self._spans(self.span if rest is None else rest),
            near=float(near),
        )

    def which_push(
        self, start: MuData | ad.AnnData, goal: MuData | ad.AnnData, treatments: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Treatments, the one first that most probably leads from start to goal: columns treatment, probability, apart, closer,
        arriving, low, high, arriving_untreated, arriving_goal (``perturbation.inverse.rank_treatments``).

        Each was measured at one dose, and is ranked at that dose only.

        treatments: by default all measured, and the pairs of those measured alone. Raises DataError where no treatment was
        measured beside its control at one time, some of the cells have no RNA counts, or there are fewer than two.
        """
        here, there = (self._table(cells, None, None) for cells in (start, goal))
        return ranked(self.response, here, there, treatments)

    def relearned(self, cells: MuData | ad.AnnData) -> VirtualCell:
        """The same model with what treatments change learned from these cells alone, as from all but those of a goal, which would
        otherwise be ranked by what they themselves have taught. Raises DataError where no treatment was measured beside its
        control in them."""
        response = response_of(self._fitted, as_mudata(cells))
        if response is None:
            raise DataError(
                "No treatment was measured beside its control in these cells.",
                next_step="leave fewer cells out.",
                field="treatment",
            )
        found = copy.copy(self)
        found.response = response
        return found

    # -- the landscape -----------------------------------------------------------------------------------------------------------
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

    def in_domain(self, states: np.ndarray) -> np.ndarray:
        """Whether states (..., d) lie where the model was trained, boolean (...)."""
        if self._domain is None:
            self._domain = Domain(self.states)
        return self._domain.contains(self._checked(states))

    # -- saving ------------------------------------------------------------------------------------------------------------------
    def save(self, folder: str | Path) -> None:
        """Writes ``model.safetensors``, ``cells.safetensors`` (states of the training cells), ``model.json`` and, of treatments
        beside their control, ``response.safetensors``."""
        save_fitted(self._fitted, Path(folder))
        save_response(self.response, Path(folder), self.record["digest"])

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> VirtualCell:
        """Reads a saved model. Raises DataError naming the file that is missing, broken or of another shape."""
        model = cls()
        fitted = model._model = load_fitted(Path(folder), choose_device(device))
        model.response = load_response(Path(folder), fitted.record["digest"], len(fitted.features.get(RNA, [])))
        return model

    def provenance(self) -> dict[str, Any]:
        """What a result should carry: version, data digest, seed and settings."""
        keys = ("version", "digest", "file", "seed", "n_cells")
        return {k: self._fitted.record[k] for k in keys} | {"settings": json.dumps(self.settings.to_dict(), sort_keys=True)}

    # -- within ------------------------------------------------------------------------------------------------------------------
    @property
    def _fitted(self) -> Fitted:
        if self._model is None:
            raise RuntimeError("This model has not been fitted: call fit(cells, ...) or VirtualCell.load(folder).")
        return self._model

    @property
    def settings(self) -> Settings:
        """Those of the fit, with its columns; before it, those that were given."""
        return self._settings if self._model is None else self._model.settings

    @property
    def record(self) -> dict[str, Any]:
        """What is said of the fit, as it is saved; empty before it."""
        return {} if self._model is None else self._model.record

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return torch.device("cpu") if self._model is None else self._model.device

    @property
    def span(self) -> float:
        """Time between the first and the last measurement, in the unit of the time column; 1 where there was no time."""
        span = self._fitted.record["span"]
        return span[1] - span[0] if span else 1.0

    @property
    def states(self) -> np.ndarray:
        """States of the training cells, (cells, d)."""
        return self._fitted.arrays["states"]

    @property
    def times(self) -> np.ndarray | None:
        """Time of each training cell, (cells,), in the unit of the time column; None where there were no two times."""
        return self._fitted.arrays.get("time")

    @property
    def moves(self) -> bool:
        """Whether a predictor was fitted."""
        return self._model is not None and self._model.dynamics is not None

    @property
    def dynamics(self) -> Dynamics:
        """What moves cells: landscape, forces, noise and growth, in spans. Raises DataError where nothing says how they move."""
        dynamics = self._fitted.dynamics
        if dynamics is None:
            raise DataError(
                "This model has no predictor: its cells had one time point and no treatment beside a control.",
                next_step="fit it to cells measured at two or more times, or treated and untreated.",
                field="time",
            )
        return dynamics

    def _checked(self, states: np.ndarray, field: str = "states", ndim: int | None = None) -> np.ndarray:
        """States (..., d) as float32, of ndim axes where it is given. Raises DataError naming the field where they are none."""
        given, d = np.asarray(states, dtype=np.float32, order="C"), self._fitted.record["latent_dim"]
        if given.ndim < 1 or given.shape[-1] != d or (ndim is not None and given.ndim != ndim):
            wanted = {None: f"(..., {d})", 1: f"({d},)", 2: f"(cells, {d})"}[ndim]
            raise DataError(f"It has shape {given.shape}, not {wanted}.", next_step=f"give {d} coordinates a cell.", field=field)
        if not np.isfinite(given).all():
            raise DataError("It holds values that are not numbers.", next_step="leave those cells out.", field=field)
        return given

    def _spans(self, duration: float) -> float:
        """A duration in the unit of the time column, in spans. Raises DataError where it is none."""
        if not (np.isfinite(duration) and duration > 0):
            raise DataError(f"The time to simulate is {duration}.", next_step="give a time above 0.", field="duration")
        return duration / self.span

    def _treatment(self, name: str | None) -> str | None:
        """A treatment as the dynamics know it; the control is no push. Raises DataError for what was never measured."""
        if name is None or name == self.settings.columns.control:
            return None
        try:
            self.dynamics.force(name)
        except KeyError as error:
            raise DataError(str(error.args[0]), next_step="choose among the measured treatments.", field="treatment") from None
        return name

    def _table(self, cells: MuData | ad.AnnData, modalities: list[str] | None, batch: str | None) -> CellTable:
        fitted, cells = self._fitted, as_mudata(cells)
        columns = (batch,) if batch else self.settings.columns.covariates
        missing = [column for column in columns if column not in cells.obs]
        if batch is None and missing:
            warnings.warn(
                f"There is no column {', '.join(missing)} in obs: the batch is unknown and the average is taken.", stacklevel=3
            )
            columns = ()
        return make_table(cells, fitted.features, columns, fitted.batches, modalities, fitted.kinds)

    def _nats(self, cells: MuData | ad.AnnData, describe: Callable[..., np.ndarray]) -> pd.DataFrame:
        table = self._table(cells, None, None)
        nats = describe(self._fitted.autoencoder, table, np.arange(table.n_cells), self.device)
        return pd.DataFrame(np.where(table.mask, nats, np.nan), index=cells.obs_names, columns=list(self._fitted.features))

    def _states(self, table: CellTable) -> np.ndarray:
        return states_of(self._fitted.autoencoder, table, self.device)
