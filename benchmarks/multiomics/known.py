"""Simulated cells with a known answer: related linearly, beyond linear maps, or not at all; and a mosaic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mudata import MuData

from benchmarks.multiomics import coding
from benchmarks.multiomics.splits import Split
from benchmarks.multiomics.translation import GAIN
from benchmarks.peers.splits import rows as halves
from virtualcell.data.simulate_pairs import oracle_probability, simulate_mosaic, simulate_pairs
from virtualcell.evaluation.multiomics import TunedRidge, log_likelihood_gain, pearson_per_feature
from virtualcell.evaluation.report import Claim, Row
from virtualcell.model import VirtualCell
from virtualcell.schema import MEASURED_KEY, Settings

RELATIONS = ("linear", "nonlinear", "unrelated")
CHAIN = (("rna", "atac"), ("atac", "prot"))
"""RNA and protein never meet."""
MOSAIC_CELLS, CODED_CELLS = 2100, 1000


def translate_known(relation: str, seed: int, settings: Settings, progress: Any = None) -> dict[str, Any]:
    """Gain of RNA to ATAC (nats a test cell): oracle, tuned ridge, ours; whether the model calls them related."""
    cells = simulate_pairs(relation, seed=seed)
    split = Split.of(cells, seed)
    _, test = halves(cells.n_obs, seed)
    y, y_test = split.readings("atac")
    base = y.mean(0)
    x, x_test = split.scores("rna")
    ridge = log_likelihood_gain(y_test, TunedRidge("bernoulli", seed=seed).fit(x, y).predict(x_test), base)
    model = VirtualCell(settings).fit(split.train, device="cpu", progress=progress)
    guess = model.translate(split.test, source="rna", target="atac")
    gain = log_likelihood_gain(y_test, guess.X, base)
    quality = model.record["conversions"]["rna->atac"]
    return {
        "oracle": float(log_likelihood_gain(y_test, oracle_probability(cells)[test], base).mean()),
        "ridge": ridge,
        "ours": gain,
        "related": quality["related"],
        "rank": quality["rank"],
        "gate": quality["gate"],
    }


def _keep(cells: MuData, truth: dict[str, Any], mask: np.ndarray) -> MuData:
    """The cells with the true counts where ``mask`` says measured, zeros and the mask elsewhere."""
    kept = cells.copy()
    for i, m in enumerate(kept.mod):
        x = truth[m].tolil(copy=True)
        x[np.flatnonzero(~mask[:, i])] = 0
        kept.mod[m].X = x.tocsr()
    kept.obsm[MEASURED_KEY] = mask
    return kept


def mosaic(seed: int, settings: Settings, progress: Any = None) -> dict[str, float]:
    """Three modalities of which half of the blocks are missing: nats gained on what is measured, against complete data; and RNA
    to protein where the two were never measured together, against having measured them together."""
    cells, truth = simulate_mosaic(CHAIN, n_cells=MOSAIC_CELLS, seed=seed)
    training, test = halves(cells.n_obs, seed)
    rng = np.random.default_rng(seed)
    complete = np.ones((cells.n_obs, 3), dtype=bool)
    half = rng.random(complete.shape) < 0.5
    empty = ~half.any(1)
    half[empty, rng.integers(0, 3, empty.sum())] = True
    chain = np.asarray(cells.obsm[MEASURED_KEY], dtype=bool)
    whole = _keep(cells, truth, complete)
    found: dict[str, float] = {}
    average: np.ndarray | None = None
    for name, mask in (("complete", complete), ("half", half), ("chain", chain)):
        model = VirtualCell(settings).fit(_keep(cells, truth, mask)[training].copy(), device="cpu", progress=progress)
        held_out = whole[test].copy()
        nats = model.log_likelihood(held_out).to_numpy()
        if average is None:  # one reference for all three: the average cell of the complete data
            average = model.baseline_log_likelihood(held_out).to_numpy()
        found[f"{name}: gain"] = float((nats - average).sum(1).mean())
        guess = model.translate(held_out, source="rna", target="prot").X
        found[f"{name}: RNA to protein"] = float(np.nanmean(pearson_per_feature(model.reading(held_out, "prot"), guess)))
    return found


def table(seeds: Sequence[int], progress: Any = None) -> tuple[list[Row], list[Claim]]:
    """Rows and claims over seeds."""
    rows: list[Row] = []
    claims: list[Claim] = []
    settings = [Settings(seed=s) for s in seeds]
    for relation in RELATIONS:
        found = [translate_known(relation, s, chosen, progress) for s, chosen in zip(seeds, settings, strict=True)]
        where = f"simulated pairs, {relation}"
        for method in ("oracle", "ridge", "ours"):
            rows.append(Row.over_seeds(method, GAIN, [float(np.mean(f[method])) for f in found], where=where, seeds=tuple(seeds)))
        for name in ("rank", "gate"):
            rows.append(Row.over_seeds("ours", name, [float(f[name]) for f in found], where=where, seeds=tuple(seeds)))
        related = [bool(f["related"]) for f in found]
        if relation == "linear":
            share = min(float(np.mean(f["ours"])) / f["oracle"] for f in found)
            claims.append(Claim("linear relation: share of the oracle's gain, worst seed", share, ">=", 0.95))
            claims.append(Claim("linear relation: seeds called related", float(np.mean(related)), ">=", 1.0))
        elif relation == "nonlinear":
            step = min(_in_errors(f["ours"] - f["ridge"]) for f in found)
            claims.append(Claim("beyond linear maps: gain over ridge in standard errors over cells, worst seed", step, ">", 2.0))
        else:
            largest = max(abs(_in_errors(f["ours"])) for f in found)
            claims.append(Claim("unrelated: gain in standard errors over cells, worst seed", largest, "<", 2.0))
            claims.append(Claim("unrelated: share of seeds called related", float(np.mean(related)), "<=", 0.0))
    mosaics = [mosaic(s, chosen, progress) for s, chosen in zip(seeds, settings, strict=True)]
    for key in mosaics[0]:
        method, metric = key.split(": ")
        rows.append(
            Row.over_seeds(MOSAICS[method], f"{metric}", [m[key] for m in mosaics], where="simulated mosaic", seeds=tuple(seeds))
        )
    kept = min(m["half: gain"] / m["complete: gain"] for m in mosaics)
    claims.append(Claim("mosaic, half of the blocks missing: share of the complete data's gain, worst seed", kept, ">=", 0.9))
    return rows, claims


def coding_table(seeds: Sequence[int], d: int = 4) -> tuple[list[Row], list[Claim]]:
    """Joint against separate codes where the answer is known."""
    rows: list[Row] = []
    claims: list[Claim] = []
    settings = Settings().autoencoder
    for relation in ("linear", "unrelated"):
        found = [
            coding.one_seed(Split.of(simulate_pairs(relation, n_cells=CODED_CELLS, seed=s), s), settings, None, d) for s in seeds
        ]
        called = float(coding.summary(found, d, "time")["related"])
        if relation == "linear":
            claims.append(Claim("related: the pairing is called worth something", called, ">=", 1.0))
        else:
            claims.append(Claim("unrelated: the pairing is called worth something", called, "<=", 0.0))
        for pairs in ("true", "shuffled"):
            difference = [f["pairs"][pairs]["joint"] - f["pairs"][pairs]["separate"] for f in found]
            where = f"simulated pairs, {relation}, {pairs} pairs, {d} numbers"
            rows.append(
                Row.over_seeds("joint minus separate", "described: nats a cell", difference, where=where, seeds=tuple(seeds))
            )
            if relation == "linear":
                if pairs == "true":
                    claims.append(
                        Claim("related: joint coding over separate, worst seed, nats a cell", min(difference), ">", 0.0)
                    )
                else:
                    claims.append(
                        Claim("related but shuffled: joint over separate, best seed, nats a cell", max(difference), "<=", 0.0)
                    )
    return rows, claims


MOSAICS = {
    "complete": "all measured in every cell",
    "half": "half of the blocks missing",
    "chain": "RNA and protein never in one cell",
}


def _in_errors(values: np.ndarray) -> float:
    """Mean over its standard error; 0 where all are 0."""
    spread = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() / spread) if spread > 0 else 0.0
