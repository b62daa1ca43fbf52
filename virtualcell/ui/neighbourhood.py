"""A gene and the open chromatin around it, by time or another annotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from scipy import stats

from virtualcell.demo import Bundle
from virtualcell.evaluation.intervals import share_interval
from virtualcell.figures.embedding import ordered
from virtualcell.schema import COUNTS_LAYER
from virtualcell.ui import state
from virtualcell.ui.modalities import LIKELY, kept_out, modalities, with_measured, written
from virtualcell.ui.translated import translated

REACH = 100_000
"""Base pairs to each side of a gene's start within which peaks are shown."""


@dataclass(frozen=True)
class Neighbourhood:
    """A gene and the peaks around it.

    distance: (peaks,) kb. opened: (3, groups, peaks) share of all cells with its interval. predicted: (groups, peaks) the share
    told from RNA in cells kept out of training. amount: (3, groups) mean expression with its interval.
    """

    names: list[str]
    distance: np.ndarray
    sided: bool
    """Whether it is known on which side of the gene's start the peaks lie; if not, they are drawn to the right."""
    groups: list[str]
    opened: np.ndarray
    predicted: np.ndarray
    amount: np.ndarray


def genes_with_peaks(b: Bundle) -> list[str]:
    """Measured genes to which the file assigns a peak within reach; empty where it assigns none."""
    if not {"rna", "atac"} <= set(modalities(b)):
        return []
    peaks = b.cells.mod["atac"].var
    if not {"nearest_gene", "dist_tss", "chrom", "start", "end"} <= set(peaks.columns):
        return []
    near = set(peaks.loc[peaks["dist_tss"].abs() <= REACH, "nearest_gene"].dropna().astype(str))
    return [gene for gene in b.cells.mod["rna"].var_names if gene in near]


def peaks_around(peaks: pd.DataFrame, gene: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """Places (rows of peaks) and signed distances in base pairs, centre minus start of the gene, and whether the sign is known.

    peaks: chrom, start, end, nearest_gene, dist_tss (without sign). The start of the gene is where centre plus or minus distance
    of its peaks meet; then all peaks within reach are found, whichever gene is nearest to them. A gene with one peak leaves two
    possible starts: then only this peak is given, with its distance as if it lay to the right.
    """
    centre = ((peaks["start"] + peaks["end"]) // 2).to_numpy(dtype=np.int64)
    mine = np.flatnonzero((peaks["nearest_gene"].astype(str) == gene).to_numpy())
    apart = peaks["dist_tss"].abs().to_numpy(dtype=np.int64)
    candidates = np.concatenate([centre[mine] - apart[mine], centre[mine] + apart[mine]])
    # Half base pairs are rounded either way.
    votes = (np.abs(candidates[:, None] - candidates[None, :]) <= 1).sum(axis=1)
    if votes.max() < 2:
        mine = mine[apart[mine] <= REACH]
        return mine, apart[mine], False
    begin = candidates[votes.argmax()]
    chromosome = peaks["chrom"].astype(str).to_numpy()
    near = np.flatnonzero((chromosome == chromosome[mine[0]]) & (np.abs(centre - begin) <= REACH))
    return near, centre[near] - begin, True


@st.cache_resource(max_entries=64, show_spinner="Reading the chromatin around the gene …")
def _neighbourhood(key: str, stamp: int, gene: str, column: str) -> Neighbourhood:
    b = state.bundle(key)
    atac = b.cells.mod["atac"]
    near, distance, sided = peaks_around(atac.var, gene)
    both, label = with_measured(b, "rna", "atac"), state.values(b, column)
    groups = ordered(label[both])
    counts = atac.layers[COUNTS_LAYER][:, near].toarray() > 0
    amount = state.expression(b, gene)
    unseen = np.intersect1d(kept_out(b), np.flatnonzero(both))
    told = np.full((len(groups), len(near)), np.nan)
    if len(unseen):
        found = translated(b, unseen, "rna", "atac")
        known = pd.Index(found.names).get_indexer(atac.var_names[near])
        for i, group in enumerate(groups):
            mine = label[unseen] == group
            if mine.any():
                told[i, known >= 0] = found.predicted[np.ix_(mine, known[known >= 0])].mean(axis=0)
    opened, level = np.empty((3, len(groups), len(near))), np.empty((3, len(groups)))
    for i, group in enumerate(groups):
        mine = both & (label == group)
        opened[:, i] = share_interval(counts[mine].sum(axis=0), mine.sum())
        reach = stats.norm.ppf((1 + LIKELY) / 2) * stats.sem(amount[mine]) if mine.sum() > 1 else np.nan
        level[:, i] = amount[mine].mean() + np.array([0, -reach, reach])
    unit = b.demo.columns.time_unit if column == b.demo.columns.time else ""
    shown = [
        f"{name} ({nearest})" for name, nearest in zip(atac.var_names[near], atac.var["nearest_gene"].iloc[near], strict=True)
    ]
    return Neighbourhood(shown, distance / 1000, sided, [written(group, unit) for group in groups], opened, told, level)


def neighbourhood(b: Bundle, gene: str, column: str) -> Neighbourhood:
    """A gene and the peaks around it, by time or another annotation; computed once."""
    return _neighbourhood(b.demo.key, state.stamp(b), gene, column)
