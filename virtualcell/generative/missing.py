"""The samplers of one model: a missing measurement's embedding, the whole cell's state given it, and new cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from virtualcell.generative.depths import Depths
from virtualcell.generative.draws import CellDraw
from virtualcell.generative.intervals import Reliability
from virtualcell.generative.known import Known
from virtualcell.generative.plausible import Plausible
from virtualcell.generative.residuals import Residuals
from virtualcell.generative.sampler import Sampler
from virtualcell.schema import DataError


@dataclass
class MissingSampler:
    """priors["rna->atac"]: embedding by ATAC alone given that by RNA alone; decoders["atac+rna"]: state of the whole cell given
    both; cells: state given time, treatment and label; known: what was measured."""

    known: Known
    priors: dict[str, Sampler]
    decoders: dict[str, Sampler]
    cells: Sampler
    depth: dict[str, Depths] = field(default_factory=dict)
    """How much is counted in drawn cells, by modality."""
    residuals: dict[str, Residuals] = field(default_factory=dict)
    """What the likelihood of a modality leaves out, of those with few features."""
    plausible: dict[str, Plausible] = field(default_factory=dict)
    """What raw measurements of cells look like, by modality."""
    reliability: dict[str, Reliability] = field(default_factory=dict)
    """Of intervals of readings, by direction."""
    seconds: float = 0.0

    def prior(self, source: str, target: str) -> Sampler:
        """The sampler of one direction. Raises DataError where too few cells have both."""
        if source == target:
            raise DataError(f"{source} cannot be drawn from itself.", next_step="choose another target.", field="target")
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
        return self.decoders[decoder_name(first, second)].draw(given, 1, noise=noise, seed=seed)[0]

    def conditions(
        self, n: int, time: np.ndarray | float | None, treatment: np.ndarray | str | None, labels: np.ndarray | None = None
    ) -> np.ndarray:
        return self.known.vocabulary.encode(n, time, treatment, labels)

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
        whole_number(n, "n")
        known = self.known
        chance = known.chances(label, time, treatment, balanced=balanced)
        rows = np.random.default_rng(seed).choice(len(chance), n, p=chance)
        times = known.time[rows] if time is None else np.full(n, float(time))
        given = self.conditions(n, times, known.treatment[rows], known.labels[rows])
        states = self.cells.draw(given, 1, noise=noise, seed=seed)[0]
        return CellDraw(
            states,
            known.labels[rows].astype(str),
            times if np.isfinite(known.time).any() else None,
            known.treatment[rows].astype(str) if (known.treatment != "").any() else None,
            known.batch[rows],
            noise,
            {"label": label, "time": time, "treatment": treatment, "balanced": balanced},
            seed,
        )

    def named(self) -> dict[str, Sampler]:
        """Every sampler by the name that it is kept under."""
        return (
            {f"prior.{k}": s for k, s in self.priors.items()}
            | {f"decoder.{k}": s for k, s in self.decoders.items()}
            | {"cells": self.cells}
        )

    def record(self) -> dict[str, dict[str, Any]]:
        """What each sampler says of itself: chosen on which cells, energy scores of what was tried, seconds."""
        named = {k: s.record for k, s in self.priors.items()} | {f"state of {k}": s.record for k, s in self.decoders.items()}
        return named | {"cells": self.cells.record}


def whole_number(n: object, field: str) -> None:
    """Raises DataError for how many that are none."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise DataError(f"{n} draws or cells were asked for.", next_step="ask for a whole number, 1 or more.", field=field)


def decoder_name(first: str, second: str) -> str:
    """Of the decoder of two modalities, in any order."""
    return "+".join(sorted((first, second)))
