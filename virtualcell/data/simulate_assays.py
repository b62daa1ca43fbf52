"""Simulated cells of which all have a cheap assay and some an expensive one; written by running this module."""

from __future__ import annotations

import argparse
from pathlib import Path

import anndata as ad
import pandas as pd
import scipy.sparse as sp
from mudata import MuData

from virtualcell.data.simulate_pairs import simulate_mosaic

PRIMARY = "rna"
"""The cheap assay, of every cell."""
PATTERNS = (("rna",), ("rna", "atac"), ("rna", "prot"))
"""A third of the cells has RNA alone, a third open chromatin beside it, a third surface proteins; none has all three."""
N_CELLS, N_GENES, N_PEAKS, N_PROTEINS = 900, 120, 150, 24
KEY = "simulated_assays"


def simulate_assays(seed: int = 0, n_cells: int = N_CELLS, patterns: tuple[tuple[str, ...], ...] = PATTERNS) -> MuData:
    """Counts of RNA in every cell, and of chromatin and proteins in some; ``simulate_mosaic`` says how.

    ``uns["simulated_assays"]``: what it takes to make what was withheld again (``withheld``). The file itself holds no count of
    an assay that its cell did not have.
    """
    cells = _made(seed, n_cells, patterns)[0]
    cells.uns[KEY] = {"seed": seed, "cells": n_cells, "patterns": ["+".join(pattern) for pattern in patterns]}
    return cells


def withheld(cells: MuData) -> dict[str, sp.csr_matrix]:
    """True counts of every assay in every cell, (all simulated cells, features) by modality, those withheld included.

    Made again from the seed in ``uns["simulated_assays"]``; row i is of the cell "simulated-0000i". No training reads it.
    """
    about = cells.uns[KEY]
    patterns = tuple(tuple(str(pattern).split("+")) for pattern in about["patterns"])
    return _made(int(about["seed"]), int(about["cells"]), patterns)[1]


def truth_of(cells: MuData, modality: str, features: list[str]) -> MuData:
    """The withheld counts of one assay for these cells, as a file in which it was made in every cell would hold them.

    cells: as simulated, some or all of them, raw or preprocessed; features: names of those that are wanted, in their order.
    """
    # Cells and features carry their number: cells from 0, features from 1.
    rows = [int(str(name).removeprefix("simulated-")) for name in cells.obs_names]
    columns = [int(name[-3:]) - 1 for name in features]
    counts = sp.csr_matrix(withheld(cells)[modality])[rows][:, columns]
    return MuData({modality: ad.AnnData(counts, obs=pd.DataFrame(index=cells.obs_names), var=pd.DataFrame(index=features))})


def _made(seed: int, n_cells: int, patterns: tuple[tuple[str, ...], ...]) -> tuple[MuData, dict[str, sp.csr_matrix]]:
    return simulate_mosaic(patterns, n_cells, N_GENES, N_PEAKS, N_PROTEINS, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the simulated primary and secondary assays to a .h5mu file.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    simulate_assays(seed=arguments.seed).write_h5mu(arguments.out, compression="gzip")


if __name__ == "__main__":
    main()
