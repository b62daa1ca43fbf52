"""Editing the genes that carry the interferon signal upward: does the model's answer look like the measured response?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from mudata import MuData
from scipy.stats import pearsonr

from benchmarks.perturbation.judge import halves
from benchmarks.perturbation.kang import Progress
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.report import Claim, Row
from virtualcell.model import VirtualCell
from virtualcell.perturbation.edit import highest
from virtualcell.perturbation.screen import log_expression

CARRIERS = ("JAK1", "STAT1", "IRF1", "IRF7")
"""Kinase and transcription factors of the way from the receptor to the response that are among the genes of the data (Ivashkiv &
Donlin 2014, Nat. Rev. Immunol. 14:36, fig. 1). STAT2, IRF9, TYK2 and the receptor are not among them."""

PRODUCTS = ("ISG15", "IFIT1", "IFIT3", "MX1", "IFI6", "OAS1")
"""Made in the response, at its end: raising one of them in a cell would not call for the others."""

ALIKE = 10
"""Genes of the nearest mean expression, beside which each is judged."""

DEPTH = 1000.0
TOGETHER = "co-expression"
"""The simple rule: genes answer as they correlate with the raised gene among the cells that the model was fitted to."""

PEARSON, FIRST = "Pearson of the answer with the measured response", "genes alike in expression that answer less"
UNTREATED, ALL = "model of untreated cells alone", "model of treated and untreated cells, as on the page"


def answer(model: VirtualCell, cells: MuData, gene: str, level: float) -> np.ndarray:
    """Log2 fold changes (genes,) of these cells with a gene raised to a level, beside the same cells as they are."""
    table = model.perturb(cells, genes=gene, level=level).genes.set_index("gene")["log2_fold_change"]
    return table.reindex(model.features()).to_numpy()


def likeness(found: np.ndarray, measured: np.ndarray, left_out: Sequence[int]) -> float:
    """Pearson of an answer with the measured change over all genes but the edited ones; 0 of an answer that is nothing."""
    kept = np.setdiff1d(np.arange(len(found)), left_out)
    return float(pearsonr(found[kept], measured[kept])[0]) if found[kept].std() > 0 else 0.0


def judged(model: VirtualCell, cells: MuData, level: dict[str, float], measured: np.ndarray, gene: str) -> float:
    """Likeness of the answer to one gene, raised to its level."""
    return likeness(answer(model, cells, gene, level[gene]), measured, [model.features().index(gene)])


def together(expression: np.ndarray, place: int) -> np.ndarray:
    """Covariance of every gene of cells (n, genes) with that in one place, (genes,)."""
    centred = expression - expression.mean(0)
    return centred.T @ centred[:, place] / len(expression)


def alike(mean: np.ndarray, place: int, barred: np.ndarray, n: int = ALIKE) -> np.ndarray:
    """Places of the n genes of the nearest mean (genes,), without those barred (bool)."""
    apart = np.abs(np.log(mean + 1e-9) - np.log(mean[place] + 1e-9))
    apart[barred] = np.inf
    return np.argsort(apart, kind="stable")[:n]


def one(cells: MuData, seed: int) -> dict[tuple[str, str, str], float]:
    """(model, genes, figure) -> value. The model reads one half of the untreated cells; of the other half the measured response
    is taken. The model that is given treated cells has half of them, and the response is that of the other half."""
    columns = DEMOS["kang"].columns
    rng = np.random.default_rng(seed)
    untreated = (cells.obs[columns.perturbation] == columns.control).to_numpy()
    here, there = halves(np.flatnonzero(untreated), rng)
    seen, asked = halves(np.flatnonzero(~untreated), rng)
    counts = counts_of(cells.mod["rna"], modality="rna")
    names = [str(name) for name in cells.mod["rna"].var_names]
    expression = log_expression(counts, DEPTH)
    change = expression[asked].mean(0) - expression[there].mean(0)
    found = {}
    for title, rows in ((UNTREATED, here), (ALL, np.concatenate([here, seen]))):
        model = VirtualCell(DEMO_SETTINGS["kang"]).fit(cells[np.sort(rows)].copy(), batch=columns.batch, device="cpu")
        genes = model.features()
        read = [names.index(gene) for gene in genes]
        measured, mean = change[read], np.asarray(counts[here][:, read].mean(0)).ravel()
        # All genes are raised by the same rule, from what was seen of them in the cells that the model was fitted to.
        level = dict(zip(genes, highest(counts[np.sort(rows)][:, read], range(len(read))), strict=True))
        start = cells[here].copy()
        score = partial(judged, model, start, level, measured)
        barred = np.isin(genes, [*CARRIERS, *PRODUCTS]) | (mean == 0) | (np.array(list(level.values())) == 0)
        for kind, chosen in (("carriers of the signal", CARRIERS), ("products of the response", PRODUCTS)):
            own, less, beside, simple = [], [], [], []
            for gene in chosen:
                if gene not in genes or not level[gene]:
                    continue
                others = [score(genes[i]) for i in alike(mean, genes.index(gene), barred)]
                own.append(score(gene))
                less.append(np.mean(np.array(others) < own[-1]))
                beside.append(np.mean(others))
                place = genes.index(gene)
                simple.append(likeness(together(expression[rows][:, read], place), measured, [place]))
                found[title, gene, PEARSON] = own[-1]
                found[title, gene, FIRST] = float(less[-1])
            found[title, kind, PEARSON] = float(np.mean(own))
            found[title, kind, FIRST] = float(np.mean(less))
            found[title, f"{TOGETHER} with {kind}", PEARSON] = float(np.mean(simple))
            found[title, f"genes alike in expression to {kind}", PEARSON] = float(np.mean(beside))
    return found


def run(seeds: range, progress: Progress) -> tuple[list[Row], list[Claim]]:
    """Seeds draw the halves."""
    cells = load_demo("kang")
    by_seed = []
    for seed in seeds:
        by_seed.append(one(cells, seed))
        progress("edits", seed - seeds[0] + 1, len(seeds), {})
    rows = []
    for title, genes, figure in by_seed[0]:
        if all((title, genes, figure) in found for found in by_seed):  # a gene that a half hardly counts is not read
            values = [found[title, genes, figure] for found in by_seed]
            rows.append(Row.over_seeds(genes, figure, values, where=f"kang, edits: {title}", seeds=tuple(seeds)))
    return rows, []
