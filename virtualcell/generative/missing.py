"""The samplers of one model: a missing measurement's embedding, the whole cell's state given it, and new cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np
import torch

from virtualcell.generative.balance import chances
from virtualcell.generative.conditions import Vocabulary
from virtualcell.generative.depths import Depths
from virtualcell.generative.draws import CellDraw
from virtualcell.generative.examples import Examples
from virtualcell.generative.fit_sampler import SamplerSettings, fit_sampler
from virtualcell.generative.intervals import Reliability
from virtualcell.generative.material import Material
from virtualcell.generative.reach import Domain
from virtualcell.generative.residuals import Residuals
from virtualcell.generative.sampler import Sampler
from virtualcell.schema import DataError

NAME = "samplers"
MIN_CELLS = 50
"""Cells with both measurements below which one is not drawn from the other."""
MANY_CELLS = 5_000
"""Embeddings that are kept to say what lies near them."""

Told = Callable[[int, int], None]


@dataclass
class MissingSampler:
    """priors["rna->atac"]: embedding by ATAC alone given that by RNA alone; decoders["atac+rna"]: state of the whole cell given
    both; cells: state given time, treatment and label; reference[modality]: embeddings (cells, d) that count as known; time,
    treatment, labels (cells,): of each measured cell, NaN and "" where there is none."""

    vocabulary: Vocabulary
    priors: dict[str, Sampler]
    decoders: dict[str, Sampler]
    cells: Sampler
    reference: dict[str, np.ndarray]
    time: np.ndarray
    treatment: np.ndarray
    labels: np.ndarray
    depth: dict[str, Depths] = field(default_factory=dict)
    """How much is counted in drawn cells, by modality."""
    residuals: dict[str, Residuals] = field(default_factory=dict)
    """What the likelihood of a modality leaves out, of those with few features."""
    reliability: dict[str, Reliability] = field(default_factory=dict)
    """Of intervals of readings, by direction."""
    seconds: float = 0.0

    # -- fitting -----------------------------------------------------------------------------------------------------------------
    @classmethod
    def fit(
        cls,
        material: Material,
        *,
        seed: int = 0,
        settings: SamplerSettings | None = None,
        progress: Told | None = None,
    ) -> MissingSampler:
        """material: all cells of one model, read ``as_new``, its ``held_out`` ones among them: every choice is made by cells that
        ``fit_sampler`` keeps aside itself. progress: called with samplers done and all. Deterministic given the seed."""
        settings = settings or SamplerSettings()
        none = np.full(material.n_cells, "", dtype=object)
        time = np.full(material.n_cells, np.nan) if material.time is None else material.time.astype(float)
        treatment = none if material.treatment is None else material.treatment.astype(object)
        vocabulary = Vocabulary.of(material.time, material.treatment, material.labels)
        # Labels that only repeat the time or the treatment would contradict it where that is held at another value.
        repeats = any(_repeats(material.labels, given) for given in (material.time, material.treatment) if given is not None)
        if repeats:
            vocabulary = replace(vocabulary, labels=())
        coded = vocabulary.encode(material.n_cells, time, treatment, material.labels)
        chance = chances(material.labels, balanced=settings.balanced)
        pairs = [
            (s, t)
            for s, t in permutations(material.embeddings, 2)
            if (material.both(s, t) & ~material.held_out).sum() >= MIN_CELLS
        ]
        done, total = 0, len(pairs) + len(pairs) // 2 + 1

        if progress is not None:
            progress(0, total)

        def fitted(embedding: np.ndarray, target: np.ndarray, here: np.ndarray) -> Sampler:
            nonlocal done
            examples = Examples(embedding, coded, target, chance)
            found = fit_sampler(examples.take(np.flatnonzero(here)), vocabulary.patterns(), seed=seed, settings=settings)
            done += 1
            if progress is not None:
                progress(done, total)
            return found

        priors, decoders = {}, {}
        for source, target in pairs:
            here, x, y = material.both(source, target), material.embeddings[source], material.embeddings[target]
            priors[f"{source}->{target}"] = fitted(x, y, here)
            if source < target:
                decoders[f"{source}+{target}"] = fitted(np.concatenate([x, y], 1), material.states, here)
        everyone = np.ones(material.n_cells, dtype=bool)
        cells = fitted(np.zeros((material.n_cells, 0), dtype=np.float32), material.states, everyone)
        some = np.random.default_rng(seed).permutation(material.n_cells)
        reference = {
            m: values[some[material.both(m)[some]][:MANY_CELLS]].astype(np.float32) for m, values in material.embeddings.items()
        }
        return cls(vocabulary, priors, decoders, cells, reference, time, treatment, material.labels.astype(object))

    # -- drawing -----------------------------------------------------------------------------------------------------------------
    def prior(self, source: str, target: str) -> Sampler:
        """The sampler of one direction. Raises DataError where too few cells have both."""
        key = f"{source}->{target}"
        if key not in self.priors:
            known = ", ".join(name.replace("->", " to ") for name in self.priors) or "none"
            raise DataError(
                f"Nothing was learned of {target} given {source}: too few training cells have both.",
                next_step=f"choose one of the learned directions: {known}.",
                field=target,
            )
        return self.priors[key]

    def whole(self, embeddings: dict[str, np.ndarray], conditions: np.ndarray, *, noise: float, seed: int) -> np.ndarray:
        """States (cells, d) drawn for two embeddings (cells, d), one of them drawn, and conditions (cells, q)."""
        first, second = sorted(embeddings)
        given = np.concatenate([embeddings[first], embeddings[second], conditions], 1)
        return self.decoders[f"{first}+{second}"].draw(given, 1, noise=noise, seed=seed)[0]

    def conditions(
        self, n: int, time: np.ndarray | float | None, treatment: np.ndarray | str | None, labels: np.ndarray | None = None
    ) -> np.ndarray:
        return self.vocabulary.encode(n, time, treatment, labels)

    def refused(self, source: str, embedding: np.ndarray, time: np.ndarray | None, treatment: np.ndarray | None) -> np.ndarray:
        """Why nothing is drawn for a cell, (cells,) str, "" where something is: its embedding (cells, d) lies further from those
        measured than 99 % of them do from each other, its time (cells,) lies outside the measured times, or its treatment was
        never measured, or never around its time."""
        why = np.full(len(embedding), "", dtype=object)
        usual = np.isfinite(embedding).all(1)
        usual[usual] = Domain(self.reference[source]).contains(embedding[usual])
        why[~usual] = f"Its {source} is unlike that of 99 % of the training cells."
        # Of the cells, not of the vocabulary: that leaves out a condition which had one value only.
        times, known = np.unique(self.time[np.isfinite(self.time)]), set(self.treatment) - {""}
        if known and treatment is not None:
            given = np.asarray(treatment, dtype=str)
            if len(times) and time is not None:
                why[self._apart(time, given)] = "Its treatment was never measured around its time."
            why[~np.isin(given, [*known, ""])] = "Its treatment was never measured."
        if len(times) and time is not None:
            outside = ~((time >= times[0]) & (time <= times[-1])) & ~np.isnan(time)
            why[outside] = f"Its time lies outside the measured times, {times[0]:g} to {times[-1]:g}."
        return why

    def _apart(self, time: np.ndarray, treatment: np.ndarray) -> np.ndarray:
        """Boolean (cells,): known treatments at a time with no measured cell of them from the measured time before it to the one
        after it; of many times, from a knot of the vocabulary to the next but one."""
        measured = np.unique(self.time[np.isfinite(self.time)])
        knots = np.asarray(self.vocabulary.times) if self.vocabulary.times else measured
        more, end = int(len(measured) > len(knots)), len(knots) - 1
        first = knots[(np.searchsorted(knots, time, "right") - 1 - more).clip(0, end)]
        last = knots[(np.searchsorted(knots, time, "left") + more).clip(0, end)]
        found = np.zeros(len(time), dtype=bool)
        for name in np.setdiff1d(treatment, [""]):
            own, here = np.sort(self.time[self.treatment == name]), treatment == name
            found[here] = np.searchsorted(own, first[here], "left") == np.searchsorted(own, last[here], "right")
        return found & np.isfinite(time)

    def draw_cells(
        self,
        n: int,
        *,
        label: str | None,
        time: float | None,
        treatment: str | None,
        balanced: bool,
        noise: float,
        seed: int,
    ) -> CellDraw:
        """New cells: conditions first, as measured together (each label as often as it was measured, or, balanced, each label
        alike), then states given them. Raises DataError for conditions that were never measured, or never together."""
        if n < 1:
            raise DataError(f"{n} cells cannot be drawn.", next_step="ask for 1 or more.", field="n")
        known = sorted(set(self.labels))
        if label is not None and label not in known:
            raise DataError(f"{label!r} was never measured.", next_step=f"choose one of {', '.join(known[:8])}.", field="label")
        self.vocabulary.check(time, treatment)
        like = np.ones(len(self.labels), dtype=bool)
        if label is not None:
            like &= self.labels == label
        if treatment is not None:
            like &= self.treatment == treatment
        near = self._times_near(time)
        if near is not None:
            like &= np.isin(self.time, near)
        if not like.any():
            raise DataError(
                "These conditions were never measured together.", next_step="hold fewer of them, or others.", field="conditions"
            )
        rng = np.random.default_rng(seed)
        rows = np.flatnonzero(like)
        chance = np.ones(len(rows))
        if balanced:
            _, place, counts = np.unique(self.labels[rows].astype(str), return_inverse=True, return_counts=True)
            chance = 1 / counts[place]
        rows = rng.choice(rows, n, p=chance / chance.sum())
        times = self.time[rows] if time is None else np.full(n, float(time))
        given = self.conditions(n, times, self.treatment[rows], self.labels[rows])
        states = self.cells.draw(given, 1, noise=noise, seed=seed)[0]
        return CellDraw(
            states,
            self.labels[rows].astype(str),
            times if np.isfinite(self.time).any() else None,
            self.treatment[rows].astype(str) if (self.treatment != "").any() else None,
            noise,
            {"label": label, "time": time, "treatment": treatment, "balanced": balanced},
            seed,
        )

    def _times_near(self, time: float | None) -> np.ndarray | None:
        """The measured times on either side of a time."""
        if time is None:
            return None
        measured = np.unique(self.time[np.isfinite(self.time)])
        return np.unique([measured[measured <= time][-1], measured[measured >= time][0]])

    # -- keeping -----------------------------------------------------------------------------------------------------------------
    def record(self) -> dict[str, dict[str, Any]]:
        """What each sampler says of itself: chosen on which cells, energy scores of what was tried, seconds."""
        named = {f"{k}": s.record for k, s in self.priors.items()} | {f"state of {k}": s.record for k, s in self.decoders.items()}
        return named | {"cells": self.cells.record}

    def _samplers(self) -> dict[str, Sampler]:
        return (
            {f"prior.{k}": s for k, s in self.priors.items()}
            | {f"decoder.{k}": s for k, s in self.decoders.items()}
            | {"cells": self.cells}
        )

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Weights and record, for ``saved.write_part``."""
        weights = {f"{name}|{k}": v for name, s in self._samplers().items() for k, v in s.state_dict().items()}
        weights |= {f"reference|{m}": torch.from_numpy(values) for m, values in self.reference.items()}
        for m, depth in self.depth.items():
            for part in ("coef", "residuals", "bounds"):
                weights[f"depth|{m}|{part}"] = torch.from_numpy(getattr(depth, part).astype(np.float32))
        for m, left in self.residuals.items():
            weights |= {f"residuals|{m}|mean": torch.from_numpy(left.mean), f"residuals|{m}|root": torch.from_numpy(left.root)}
        weights |= {f"reliability|{k}": torch.from_numpy(r.levels.astype(np.float32)) for k, r in self.reliability.items()}
        weights["time"] = torch.from_numpy(self.time.astype(np.float64))
        names = {what: sorted(set(map(str, values))) for what, values in (("treatment", self.treatment), ("label", self.labels))}
        for what, values in (("treatment", self.treatment), ("label", self.labels)):
            weights[what] = torch.from_numpy(np.searchsorted(names[what], values.astype(str)).astype(np.int32))
        return weights, {
            "vocabulary": {
                "times": self.vocabulary.times,
                "treatments": self.vocabulary.treatments,
                "labels": self.vocabulary.labels,
            },
            "names": names,
            "depth": {m: depth.intercept for m, depth in self.depth.items()},
            "residuals": list(self.residuals),
            "seconds": self.seconds,
            "samplers": {name: {"shape": s.shape(), "record": s.record} for name, s in self._samplers().items()},
        }

    @classmethod
    def of_state(cls, weights: dict[str, torch.Tensor], record: dict[str, Any]) -> MissingSampler:
        """From what ``state`` gave. Raises KeyError, ValueError or RuntimeError where it is of another version."""
        found: dict[str, Sampler] = {}
        for name, described in record["samplers"].items():
            sampler = found[name] = Sampler.empty(described["shape"])
            own = {k.removeprefix(f"{name}|"): v for k, v in weights.items() if k.startswith(f"{name}|")}
            sampler.load_state_dict(own)
            sampler.record = described["record"]
            sampler.eval().requires_grad_(requires_grad=False)

        def under(what: str) -> dict[str, np.ndarray]:
            return {k.removeprefix(f"{what}|"): v.numpy() for k, v in weights.items() if k.startswith(f"{what}|")}

        def named(what: str) -> np.ndarray:
            return np.asarray(record["names"][what], dtype=object)[weights[what].numpy()]

        return cls(
            Vocabulary.from_dict(record["vocabulary"]),
            {k.removeprefix("prior."): s for k, s in found.items() if k.startswith("prior.")},
            {k.removeprefix("decoder."): s for k, s in found.items() if k.startswith("decoder.")},
            found["cells"],
            under("reference"),
            weights["time"].numpy(),
            named("treatment"),
            named("label"),
            {
                m: Depths(
                    *(weights[f"depth|{m}|coef"].numpy(), intercept),
                    *(weights[f"depth|{m}|{part}"].numpy() for part in ("residuals", "bounds")),
                )
                for m, intercept in record["depth"].items()
            },
            {
                m: Residuals(weights[f"residuals|{m}|mean"].numpy(), weights[f"residuals|{m}|root"].numpy())
                for m in record["residuals"]
            },
            {k: Reliability(levels) for k, levels in under("reliability").items()},
            record["seconds"],
        )


def _repeats(labels: np.ndarray, given: np.ndarray) -> bool:
    """Whether labels and another condition name the same groups of cells."""
    pairs = set(zip(labels.tolist(), given.tolist(), strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(given.tolist()))
