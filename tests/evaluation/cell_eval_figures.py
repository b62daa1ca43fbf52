"""Writes cell_eval.json: what cell-eval itself gives for a small screen, to hold ours against.

pip install cell-eval==0.8.2        # in an environment of its own
python tests/evaluation/cell_eval_figures.py
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

GENES, CELLS, NAMES = 30, 25, ("control", "g0", "g1", "g2", "g3")


def screen(seed: int) -> dict[str, np.ndarray]:
    """Measured ("real") and predicted cells of every treatment, (cells, genes) each; treatment g1 acts on gene g1."""
    rng = np.random.default_rng(seed)
    effect = {name: rng.normal(size=GENES) * (name != "control") for name in NAMES}
    level = rng.uniform(1, 3, GENES)
    found = {}
    # Some predictions lie nearer to the effect of another treatment than to their own.
    mixed = {name: 0.4 * effect[name] + 0.3 * effect[NAMES[min(i + 1, 4)]] for i, name in enumerate(NAMES)}
    mixed |= {"control": effect["control"], "g2": 0.2 * effect["g2"] + 0.6 * effect["g0"]}
    for name in NAMES:
        found[f"real {name}"] = np.abs(level + effect[name] + 0.4 * rng.normal(size=(CELLS, GENES)))
        found[f"pred {name}"] = np.abs(level + mixed[name] + 0.6 * rng.normal(size=(CELLS, GENES)))
    return found


def differences(seed: int) -> dict[str, np.ndarray]:
    """Log2 fold changes and false discovery rates of both, (treatments, genes)."""
    rng = np.random.default_rng(seed)
    shape = (len(NAMES) - 1, GENES)
    fold = rng.normal(size=shape)
    other = fold + 0.7 * rng.normal(size=shape)
    return {"real fold": fold, "pred fold": other, "real fdr": rng.uniform(0, 0.1, shape), "pred fdr": rng.uniform(0, 0.1, shape)}


def main() -> None:
    # None of these is needed to run the tests: their figures lie beside this file.
    pl = importlib.import_module("polars")
    types, of_cells, of_genes = (
        importlib.import_module(f"cell_eval.{name}") for name in ("_types", "metrics._anndata", "metrics._de")
    )

    cells, names = screen(0), [f"g{i}" for i in range(GENES)]

    def table(kind: str) -> ad.AnnData:
        obs = pd.DataFrame({"pert": np.repeat(NAMES, CELLS)}, index=[f"c{i}" for i in range(len(NAMES) * CELLS)])
        return ad.AnnData(np.concatenate([cells[f"{kind} {name}"] for name in NAMES]), obs=obs, var=pd.DataFrame(index=names))

    pair = types.PerturbationAnndataPair(table("real"), table("pred"), "pert", "control")
    given = differences(1)

    def results(kind: str) -> Any:
        fold, fdr = given[f"{kind} fold"], given[f"{kind} fdr"]
        return pl.DataFrame(
            {
                "target": np.repeat(NAMES[1:], GENES),
                "feature": np.tile(names, len(NAMES) - 1),
                "log2_fold_change": fold.ravel(),
                "p_value": fdr.ravel(),
                "fdr": fdr.ravel(),
                "fold_change": 2 ** fold.ravel(),
            }
        )

    compared = types.initialize_de_comparison(results("real"), results("pred"))
    said = {
        "pearson_delta": of_cells.pearson_delta(pair),
        "mse_delta": of_cells.mse_delta(pair),
        "discrimination_score": of_cells.discrimination_score(pair, metric="l1"),
        "overlap_at_N": of_genes.de_overlap_metric(compared, k=None),
        "overlap_at_5": of_genes.de_overlap_metric(compared, k=5),
        "de_direction_match": of_genes.DEDirectionMatch()(compared),
    }
    plain = {name: {str(key): float(value) for key, value in values.items()} for name, values in said.items()}
    Path(__file__).with_name("cell_eval.json").write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
