"""Which gene sets change more than other genes do: a competitive test that knows that genes vary together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, rankdata
from scipy.stats import t as student

from virtualcell.data.gene_sets import GeneSet, members, symbol
from virtualcell.perturbation.evidence import HALF, evidence, standard_errors

FEWEST = 3
"""Genes of a set that were measured, and genes outside it."""

LEADING = 8
"""Genes named as those that drive a set."""

COLUMNS = ("set", "source", "measured", "of", "change", "low", "high", "others", "p", "q", "leading")


def set_changes(genes: pd.DataFrame, sets: Sequence[GeneSet], noise: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Mean log2 fold change of gene sets and whether their genes change otherwise than the genes outside, surest first.

    genes: as of an ``Effect``. noise: (cells, genes in the order of ``names``) what makes cells that should be alike differ,
    each gene around 0: how genes vary together in it is how errors of their changes do. Columns: set, source, measured (genes
    of the set here), of (genes of the set), change with low and high (95 %, error of the mean of correlated genes), others
    (mean change of genes outside), p, q (Benjamini-Hochberg over sets), leading (genes whose change is surest in the
    direction of the set's).

    The test: changes over their standard errors are ranked, and the rank sum of the set is compared with its null, whose
    variance grows with the correlation of genes of the set (CAMERA, Wu & Smyth 2012, Nucleic Acids Research 40:e133, sec.
    "rank-based"; variance of Barry, Nobel & Wright 2008, Annals of Applied Statistics 2:286). Correlation: mean over pairs,
    from the variance inflation of the set's mean never below 0. Left out are sets of which fewer than
    ``FEWEST`` genes are here, or all but as few.
    """
    order = pd.Index(names).get_indexer(genes["gene"])
    if (order < 0).any() or noise.ndim != 2 or noise.shape[1] != len(names) or len(noise) < 3:
        raise ValueError(f"noise {noise.shape} must have a column for each gene of the table, and three cells or more.")
    change, error = genes["log2_fold_change"].to_numpy(float), standard_errors(genes)
    sure = np.sign(change) * evidence(genes)
    rank, rows = rankdata(sure), []
    here = [str(gene) for gene in genes["gene"]]
    for one in sets:
        mine = np.array(members(one.genes, here), dtype=int)
        others = np.setdiff1d(np.arange(len(here)), mine)
        if min(len(mine), len(others)) < FEWEST:
            continue
        together = correlation(noise[:, order[mine]])
        mean = float(change[mine].mean())
        spread = np.sqrt((1 - together) * (error[mine] ** 2).sum() + together * error[mine].sum() ** 2) / len(mine)
        up = -1.0 if mean < 0 else 1.0
        leading = mine[np.argsort(-up * sure[mine], kind="stable")][:LEADING]
        rows.append(
            {
                "set": one.name,
                "source": one.source,
                "measured": len(mine),
                "of": len(one.genes),
                "change": mean,
                "low": mean - HALF * spread,
                "high": mean + HALF * spread,
                "others": float(change[others].mean()),
                "p": rank_test(rank, mine, together, len(noise) - 1),
                "leading": ", ".join(symbol(here[i]) for i in leading if up * change[i] > 0),
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if len(table):
        table["q"] = false_discovery_control(table["p"].to_numpy(float))
        apart = (table["change"] - table["others"]).abs()
        table = table.iloc[np.lexsort((-apart, table["p"]))]
    return table.reset_index(drop=True)


def correlation(noise: np.ndarray) -> float:
    """Mean correlation of pairs of columns (cells, genes), each around 0, between 0 and 1; columns that do not vary are left
    out."""
    scale = np.sqrt((noise**2).mean(0))
    kept = noise[:, scale > 1e-12] / scale[scale > 1e-12]
    m = kept.shape[1]
    if m < 2:
        return 0.0
    inflation = m * float((kept.mean(1) ** 2).mean())
    return float(np.clip((inflation - 1) / (m - 1), 0.0, 1.0))


def rank_test(rank: np.ndarray, mine: np.ndarray, together: float, df: int) -> float:
    """Two-sided p of the rank sum of some of all genes, whose statistics have one correlation with one another.

    rank: (genes,), ties averaged. df: of the noise, from which the correlation comes.
    """
    n, m = len(rank), len(mine)
    k = n - m
    u = rank[mine].sum() - m * (m + 1) / 2
    # Each term: pairs of comparisons that share nothing but correlated genes, the same gene, the same other gene, or both.
    variance = m * k * np.arcsin(1.0) + m * k * (k - 1) * np.arcsin(0.5)
    variance += m * (m - 1) * k * (k - 1) * np.arcsin(together / 2) + m * (m - 1) * k * np.arcsin((1 + together) / 2)
    variance /= 2 * np.pi
    _, tied = np.unique(rank, return_counts=True)
    tied = tied.astype(float)
    variance *= 1 - ((tied**3 - tied).sum()) / (n**3 - n)
    if variance <= 0:
        return 1.0
    apart = max(abs(u - m * k / 2) - 0.5, 0.0)
    return float(min(1.0, 2 * student.sf(apart / np.sqrt(variance), df)))


def around_means(expression: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Cells (n, genes) apart from the mean of their own kind (n,), scaled to the spread of the kind; kinds of one cell
    are left out."""
    found = []
    for name in np.unique(kind):
        cells = expression[kind == name]
        if len(cells) > 1:
            found.append((cells - cells.mean(0)) * np.sqrt(len(cells) / (len(cells) - 1)))
    return np.concatenate(found) if found else np.empty((0, expression.shape[1]))
