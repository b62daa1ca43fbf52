"""Rare states: cells of the rarest state are drawn with and without balanced training, beside what is simpler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.generate.paired import paired
from benchmarks.peers.splits import rows as halves
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.generated import nearer_share
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.evaluation.report import Claim, Row
from virtualcell.evaluation.two_sample import classifier_auroc
from virtualcell.generative.fit_missing import fit_missing
from virtualcell.generative.fit_sampler import SamplerSettings
from virtualcell.generative.material import Material
from virtualcell.model import VirtualCell

DEMO_KEYS = ("kang", "larry", "simulated")
RARE, ALL = "energy distance, rarest state", "energy distance, all states"
SHARE = "share of cells that look like the rarest state, drawn over measured"
TELL, NEARER = "AUROC measured against drawn", "share nearer to training cells than 95 % of held-out cells"
LIKE = "share of cells drawn as the rarest state that look like it"
BALANCED, PLAIN = "VirtualCell, balanced", "VirtualCell, as measured"
GAUSSIAN, COPIES = "one Gaussian a state", "training cells of the state"
DRAWN, FEWEST, NEIGHBOURS = 400, 10, 5


def run(seeds: Sequence[int], progress: Any = None, demos: Sequence[str] = DEMO_KEYS) -> tuple[list[Row], list[Claim]]:
    """Rows and claims: distance of drawn to held-out cells of the rarest state that has enough of them, and of all cells."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for key in demos:
        if key not in DEMO_KEYS:
            continue
        tables = [_one(key, seed, progress) for seed in seeds]
        where = f"{key}, rare states, held-out cells"
        for method in tables[0]:
            for metric in tables[0][method]:
                values = [table[method][metric] for table in tables]
                rows.append(Row.over_seeds(method, metric, values, where=where, seeds=tuple(seeds)))
        copied = float(np.mean([table[BALANCED][NEARER] for table in tables]))
        claims.append(Claim(f"{where}: {NEARER}, all states", copied, "<=", 0.1))
        for other in (PLAIN, GAUSSIAN, COPIES):
            more = paired(tables, RARE, BALANCED, other, where, seeds)
            rows, claims = rows + more[0], claims + more[1]
    return rows, claims


def _one(key: str, seed: int, progress: Any) -> dict[str, dict[str, float]]:
    demo, cells = DEMOS[key], load_demo(key)
    training, test = halves(cells.n_obs, seed)
    train, held_out = cells[training].copy(), cells[test].copy()
    state = demo.columns.state
    # One autoencoder without time and treatment: states are labels here, and nothing moves.
    model = VirtualCell(replace(DEMO_SETTINGS[key], seed=seed)).fit(
        train, batch=demo.columns.batch, state=state, device="cpu", progress=progress
    )
    known, new = Material.of(model._fitted, train, as_new=True), Material.of(model._fitted, held_out)
    names, counts = np.unique(new.labels, return_counts=True)
    enough = [
        name for name, count in zip(names, counts, strict=True) if count >= FEWEST and (known.labels == name).sum() > FEWEST
    ]
    rare = min(enough, key=lambda name: int((known.labels == name).sum()))
    truth, own = new.states[new.labels == rare], known.states[known.labels == rare]
    look = KNeighborsClassifier(NEIGHBOURS).fit(known.states, known.labels)
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, float]] = {
        GAUSSIAN: {RARE: energy_distance(rng.multivariate_normal(own.mean(0), np.cov(own.T), DRAWN), truth)},
        COPIES: {RARE: energy_distance(own, truth), ALL: energy_distance(known.states, new.states)},
    }
    for method, balanced in ((BALANCED, True), (PLAIN, False)):
        sampler = fit_missing(known, seed=seed, settings=SamplerSettings(balanced=balanced)).samplers
        draw = {"time": None, "treatment": None, "noise": 1.0, "seed": seed}
        of_rare = sampler.draw_cells(DRAWN, label=rare, balanced=False, **draw)
        of_all = sampler.draw_cells(4 * DRAWN, label=None, balanced=False, **draw)
        found[method] = {
            RARE: energy_distance(of_rare.states, truth),
            ALL: energy_distance(of_all.states, new.states),
            # Not by the label that a cell was drawn for: by what its state looks like.
            SHARE: float((look.predict(of_all.states) == rare).mean() / (look.predict(new.states) == rare).mean()),
            LIKE: float((look.predict(of_rare.states) == rare).mean()),
            TELL: classifier_auroc(new.states, of_all.states[: len(new.states)], seed=seed),
            NEARER: nearer_share(of_all.states, known.states, new.states),
        }
    some = known.states[rng.permutation(len(known.states))[: len(new.states)]]
    found[COPIES][TELL] = classifier_auroc(new.states, some, seed=seed)
    found[COPIES][LIKE] = float((look.predict(truth) == rare).mean())
    return found
