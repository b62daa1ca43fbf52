"""Held-out treatments: a treated population is kept from all training and predicted from untreated cells.

    python -m benchmarks.heldout_treatment --demo kang --json

Kang: the IFN-beta cells of each cell type in turn. Norman: the doubles of which both singles were measured, all at once. The
model is fitted without the held-out cells; untreated cells are pushed and decoded. Beside it: no change, the mean change of the
training treatments, the additive rule (Norman) and the agreement of two halves of the measured treated cells. Untreated cells are
split in two: one half is where predictions start, the other is what the measured change is taken from; one shared control would
make every method look right.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mudata import MuData

from benchmarks.heldout_time import of_change, pseudobulk, take, weighted_pseudobulk
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.demo import DEMO_SETTINGS, bar
from virtualcell.evaluation.report import Claim, Row, emit, payload
from virtualcell.model import VirtualCell
from virtualcell.schema import Settings

OURS, NOTHING, MEAN, ADDITIVE, CEILING = (
    "VirtualCell",
    "no change",
    "mean change of training treatments",
    "additive (sum of the singles)",
    "ceiling: half of the measured cells",
)


def bulk(cells: MuData, rows: np.ndarray, genes: list[str]) -> np.ndarray:
    return pseudobulk(take(cells, rows), genes)


def halves(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint random halves of the True rows, as masks."""
    where = rng.permutation(np.flatnonzero(rows))
    masks = np.zeros((2, len(rows)), dtype=bool)
    masks[0, where[: len(where) // 2]] = True
    masks[1, where[len(where) // 2 :]] = True
    return masks[0], masks[1]


def one_split(
    cells: MuData, key: str, held: np.ndarray, cases: dict[str, np.ndarray], settings: Settings, progress: Any
) -> list[dict[str, dict[str, float]]]:
    """Fits without the cells ``held``; cases[name]: rows of a held-out treated population, name its treatment or its cell
    type."""
    columns = DEMOS[key].columns
    names = cells.obs[columns.perturbation].astype(str).to_numpy()
    control = names == columns.control
    model = VirtualCell(settings).fit(
        take(cells, ~held),
        perturbation=columns.perturbation,
        control=columns.control,
        batch=columns.batch,
        device="cpu",
        progress=progress,
    )
    genes = model.features()
    rng = np.random.default_rng(settings.seed)
    results = []
    for case, treated in cases.items():
        same = control.copy()
        treatment = case
        if columns.state is not None:
            same &= cells.obs[columns.state].astype(str).to_numpy() == case
            treatment = str(names[treated][0])
        here, there = halves(same, rng)
        start = bulk(cells, here, genes)
        first, second = halves(treated, rng)
        true_change = bulk(cells, first, genes) - bulk(cells, there, genes)
        effect = model.perturb(take(cells, here), treatment=treatment, seed=settings.seed)
        flat = np.zeros(len(effect.start))
        predicted = {
            OURS: weighted_pseudobulk(model, effect.treated, flat) - weighted_pseudobulk(model, effect.untreated, flat),
            NOTHING: np.zeros(len(genes)),
            CEILING: bulk(cells, second, genes) - start,
        }
        if columns.state is not None:
            types = cells.obs[columns.state].astype(str).to_numpy()
            others = [t for t in np.unique(types) if t != case]
            predicted[MEAN] = np.mean(
                [bulk(cells, (types == t) & ~control, genes) - bulk(cells, (types == t) & control, genes) for t in others], axis=0
            )
        else:
            seen = [n for n in np.unique(names[~held]) if n != columns.control]
            predicted[MEAN] = np.mean([bulk(cells, names == n, genes) - start for n in seen], axis=0)
            predicted[ADDITIVE] = sum(
                (bulk(cells, names == part, genes) - start for part in case.split("+")), np.zeros(len(genes))
            )
        results.append({name: of_change(change, true_change) for name, change in predicted.items()})
    return results


def run(key: str, seeds: Sequence[int], settings: Settings | None = None, progress: Any = None) -> tuple[list[Row], list[Claim]]:
    """Rows and claims of a demo's held-out treatments, averaged over cases; intervals over seeds (splits and fits)."""
    demo = DEMOS[key]
    cells = load_demo(key)
    names = cells.obs[demo.columns.perturbation].astype(str).to_numpy()
    control = names == demo.columns.control
    base = (settings or DEMO_SETTINGS[key]).plain()
    if demo.columns.state is not None:
        types = cells.obs[demo.columns.state].astype(str).to_numpy()
        splits = [((types == t) & ~control, {str(t): (types == t) & ~control}) for t in np.unique(types)]
        what = "treated cells of each type held out"
    else:
        measured = set(names)
        doubles = [n for n in sorted(measured) if "+" in n and all(part in measured for part in n.split("+"))]
        splits = [(np.isin(names, doubles), {n: names == n for n in doubles})]
        what = f"{len(doubles)} doubles held out"
    per_seed: list[dict[str, dict[str, float]]] = []
    for seed in seeds:
        found = [
            case
            for held, cases in splits
            for case in one_split(cells, key, held, cases, dataclasses.replace(base, seed=seed), progress)
        ]
        per_seed.append({m: {k: float(np.mean([f[m][k] for f in found])) for k in found[0][m]} for m in found[0]})
    where = f"{key}, {what}"
    rows: list[Row] = []
    for method in per_seed[0]:
        for metric in per_seed[0][method]:
            values = [s[method][metric] for s in per_seed]
            rows.append(Row.over_seeds(method, metric, values, where=where, seeds=tuple(seeds)))
    means = {row.method: row.value for row in rows if row.metric == "RMSE of change"}
    others = [m for m in (NOTHING, MEAN, ADDITIVE) if m in per_seed[0]]
    claims = [Claim(f"RMSE of change below {m}", means[OURS], "<", means[m]) for m in others]
    return rows, claims


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", default="kang", choices=[k for k, d in DEMOS.items() if d.treatments])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--out", type=Path, help="also write the JSON object to this file")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    shown, progress = bar()
    with shown:
        rows, claims = run(chosen.demo, chosen.seeds, progress=progress)
    if chosen.out:
        chosen.out.write_text(json.dumps(payload(rows, claims), indent=1) + "\n")
    emit(rows, claims, chosen.json)


if __name__ == "__main__":
    main()
