"""Fits the samplers of one model, and keeps what judges them beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from virtualcell.generative.balance import chances
from virtualcell.generative.conditions import Vocabulary
from virtualcell.generative.examples import Examples
from virtualcell.generative.fit_sampler import Aside, FittedSampler, SamplerSettings, fit_sampler
from virtualcell.generative.known import Known
from virtualcell.generative.material import Material
from virtualcell.generative.missing import MissingSampler, decoder_name

MIN_CELLS = 50
"""Cells with both measurements below which one is not drawn from the other."""
MANY_CELLS = 10_000
"""Of each modality, whose embeddings and states are kept to say what lies near them."""

Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Judges:
    """rows: cells of the material from which the autoencoder did not learn; samplers: with a prior and a decoder of the one
    direction, which were not fitted to these cells either."""

    rows: np.ndarray
    samplers: MissingSampler


@dataclass(frozen=True)
class FittedMissing:
    """samplers: fitted to all cells. judges["rna->atac"]: on which cells, and by which samplers, a direction can be judged."""

    samplers: MissingSampler
    judges: dict[str, tuple[Judges, ...]]


def fit_missing(
    material: Material, *, seed: int = 0, settings: SamplerSettings | None = None, progress: Told | None = None
) -> FittedMissing:
    """material: all cells of one model, read ``as_new``, its ``held_out`` ones among them: every choice is made by cells that
    ``fit_sampler`` keeps aside itself. progress: called with samplers done and all. Deterministic given the seed."""
    settings = settings or SamplerSettings()
    none = np.full(material.n_cells, "", dtype=object)
    time = np.full(material.n_cells, np.nan) if material.time is None else material.time.astype(float)
    treatment = none if material.treatment is None else material.treatment.astype(object)
    vocabulary = Vocabulary.of(material.time, material.treatment, material.labels)
    # Labels that only repeat the time or the treatment would contradict it where that is held at another value.
    if any(_repeats(material.labels, given) for given in (material.time, material.treatment) if given is not None):
        vocabulary = replace(vocabulary, labels=())
    coded = vocabulary.encode(material.n_cells, time, treatment, material.labels)
    chance = chances(material.labels, balanced=settings.balanced)
    pairs = [
        (s, t) for s, t in permutations(material.embeddings, 2) if (material.both(s, t) & ~material.held_out).sum() >= MIN_CELLS
    ]
    done, total = 0, len(pairs) + len(pairs) // 2 + 1
    if progress is not None:
        progress(0, total)

    def fitted(embedding: np.ndarray, target: np.ndarray, rows: np.ndarray) -> FittedSampler:
        nonlocal done
        examples = Examples(embedding, coded, target, chance, material.held_out)
        found = fit_sampler(examples.take(rows), vocabulary.patterns(), seed=seed, settings=settings)
        done += 1
        if progress is not None:
            progress(done, total)
        return found

    priors, decoders = {}, {}
    for source, target in pairs:
        rows, x, y = np.flatnonzero(material.both(source, target)), material.embeddings[source], material.embeddings[target]
        priors[f"{source}->{target}"] = fitted(x, y, rows)
        if source < target:
            decoders[decoder_name(source, target)] = fitted(np.concatenate([x, y], 1), material.states, rows)
    everyone = np.arange(material.n_cells)
    cells = fitted(np.zeros((material.n_cells, 0), dtype=np.float32), material.states, everyone)
    some = np.random.default_rng(seed).permutation(np.flatnonzero(~material.held_out))
    # So many of each measurement: one that few cells have would hardly be met among all.
    sample = np.unique(np.concatenate([some[material.both(m)[some]][:MANY_CELLS] for m in material.embeddings]))
    known = Known(
        vocabulary,
        time,
        treatment,
        material.labels.astype(object),
        material.batch,
        sample,
        {
            m: np.where(material.both(m)[sample, None], x[sample], np.nan).astype(np.float32)
            for m, x in material.embeddings.items()
        },
        material.states[sample].astype(np.float32),
    )
    samplers = MissingSampler(
        known,
        {key: each.sampler for key, each in priors.items()},
        {key: each.sampler for key, each in decoders.items()},
        cells.sampler,
    )
    judges = {}
    for source, target in pairs:
        key, both = f"{source}->{target}", decoder_name(source, target)
        rows = np.flatnonzero(material.both(source, target))
        found = zip(priors[key].aside, decoders[both].aside, strict=True)
        judges[key] = tuple(_judges(samplers, key, both, rows, material.held_out, *each) for each in found)
    return FittedMissing(samplers, judges)


def _judges(
    samplers: MissingSampler, key: str, both: str, rows: np.ndarray, held_out: np.ndarray, prior: Aside, decoder: Aside
) -> Judges:
    """rows (n,): of the material, those that the two samplers of a direction were given."""
    if not np.array_equal(prior.rows, decoder.rows):
        raise AssertionError("two samplers of the same cells and seed must keep the same cells aside")
    aside = rows[prior.rows]
    return Judges(aside[held_out[aside]], replace(samplers, priors={key: prior.sampler}, decoders={both: decoder.sampler}))


def _repeats(labels: np.ndarray, given: np.ndarray) -> bool:
    """Whether labels and another condition name the same groups of cells."""
    pairs = set(zip(labels.tolist(), given.tolist(), strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(given.tolist()))
