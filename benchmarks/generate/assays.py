"""Primary and secondary assays: what cells without an expensive assay are told of it, against the withheld truth of simulated
cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mudata import MuData
from sklearn.decomposition import PCA

from virtualcell.data.simulate_assays import PRIMARY, simulate_assays, withheld
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.multiomics import TunedRidge
from virtualcell.evaluation.report import Claim, Row
from virtualcell.model import VirtualCell
from virtualcell.schema import MEASURED_KEY

OURS, ALONE = "VirtualCell", "VirtualCell, trained on the cells that have this assay alone"
MEAN, RIDGE = "mean of the cells that have the assay", "ridge on RNA components"
ERROR, COVERED, WIDTH = "mean squared error", "share inside the 90 % interval", "width of the 90 % interval"
REFUSED = "share of cells that are refused"
COMPONENTS = 50
KINDS = {"atac": "bernoulli", "prot": "squared"}

Figures = dict[str, dict[str, float]]


def run(seeds: Sequence[int], progress: Any = None) -> tuple[list[Row], list[Claim]]:
    """Rows and claims over seeds, each with cells of its own, judged on the cells that lack the assay."""
    found = [one_seed(seed, progress) for seed in seeds]
    rows: list[Row] = []
    claims: list[Claim] = []
    for target in KINDS:
        where = f"assays, completed, {PRIMARY} to {target}, cells without it"
        tables = [tables[target] for tables in found]
        for method in tables[0]:
            for metric in tables[0][method]:
                values = [table[method][metric] for table in tables]
                rows.append(Row.over_seeds(method, metric, values, where=where, seeds=tuple(seeds)))
        for other in (MEAN, RIDGE, ALONE):
            worse = float(np.mean([table[OURS][ERROR] - table[other][ERROR] for table in tables]))
            claims.append(Claim(f"{where}: {ERROR}, ours minus {other}", worse, "<", 0.0))
        if COVERED in tables[0][OURS]:
            inside = float(np.mean([table[OURS][COVERED] for table in tables]))
            claims += [Claim(f"{where}: {COVERED}", inside, ">=", 0.85), Claim(f"{where}: {COVERED}", inside, "<=", 0.95)]
    return rows, claims


def one_seed(seed: int, progress: Any = None) -> dict[str, Figures]:
    """By expensive assay and method."""
    cells = simulate_assays(seed)
    whole = complete_cells(cells)
    settings = replace(DEMO_SETTINGS["assays"], seed=seed)
    model = VirtualCell(settings).fit(cells, device="cpu", progress=progress)
    told = model.complete(cells, primary=PRIMARY)
    rna = model.reading(whole, PRIMARY)
    components = PCA(COMPONENTS, random_state=seed).fit(rna).transform(rna)
    found: dict[str, Figures] = {}
    for target, kind in KINDS.items():
        truth = model.reading(whole, target)
        has = told[target].obs["measured"].to_numpy()
        ridge = TunedRidge(kind, seed=seed).fit(components[has], truth[has]).predict(components[~has])
        mean = np.tile(truth[has].mean(0), ((~has).sum(), 1))
        two = part_of(cells, has, target)
        alone = VirtualCell(settings).fit(two, device="cpu", progress=progress)
        ours, less = (m.complete(cells, primary=PRIMARY)[target][~has] for m in (model, alone))
        order = [model.features(target).index(name) for name in alone.features(target)]
        # All are judged by the cells that neither model refuses.
        told_of = np.isfinite(ours.X).all(1) & np.isfinite(less.X).all(1)
        true = truth[~has][told_of]
        found[target] = {
            OURS: judged(ours[told_of], true) | {REFUSED: float(1 - np.isfinite(ours.X).all(1).mean())},
            ALONE: judged(less[told_of], true[:, order]),
            RIDGE: {ERROR: float(((ridge[told_of] - true) ** 2).mean())},
            MEAN: {ERROR: float(((mean[told_of] - true) ** 2).mean())},
        }
    return found


def judged(told: Any, truth: np.ndarray) -> dict[str, float]:
    """Error, and coverage and width where there are intervals, of completed cells against true readings (cells, features)."""
    figures = {ERROR: float(((told.X - truth) ** 2).mean())}
    if "low" in told.layers:
        low, high = told.layers["low"], told.layers["high"]
        figures[COVERED] = float(((truth >= low) & (truth <= high)).mean())
        figures[WIDTH] = float((high - low).mean())
    return figures


def complete_cells(cells: MuData) -> MuData:
    """The same simulated cells with every assay measured in all: the truth that was withheld."""
    whole = cells.copy()
    truth = withheld(cells)
    for name, adata in whole.mod.items():
        adata.X = truth[name]
    whole.obsm[MEASURED_KEY] = np.ones((cells.n_obs, len(cells.mod)), dtype=bool)
    return whole


def part_of(cells: MuData, rows: np.ndarray, target: str) -> MuData:
    """The primary and one other assay of the cells that have both."""
    found = MuData({name: cells[name][rows].copy() for name in (PRIMARY, target)})
    found.obs = cells.obs[rows].copy()
    found.obsm[MEASURED_KEY] = np.ones((int(rows.sum()), 2), dtype=bool)
    return found
