"""Models that several files look at, each fitted once."""

from __future__ import annotations

import pytest
from mudata import MuData

from tests.model.samples import PLAIN, SMALL, a549, part, some
from virtualcell.data.catalogue import load_demo
from virtualcell.data.simulate_pairs import simulate_mosaic
from virtualcell.model import VirtualCell


@pytest.fixture(scope="session")
def cells() -> MuData:
    return a549()


@pytest.fixture(scope="session")
def model(cells: MuData) -> VirtualCell:
    return VirtualCell(SMALL).fit(cells, time="time_h", device="cpu")


@pytest.fixture(scope="session")
def kang_cells() -> MuData:
    cells = load_demo("kang")
    return part(cells, some(cells.n_obs, 300), 200)


@pytest.fixture(scope="session")
def kang(kang_cells: MuData) -> VirtualCell:
    return VirtualCell(SMALL).fit(kang_cells, perturbation="perturbation", batch="donor", state="cluster_id", device="cpu")


@pytest.fixture(scope="session")
def chain() -> MuData:
    """300 cells of RNA and ATAC, 300 of ATAC and protein; no cell has RNA and protein."""
    return simulate_mosaic([("rna", "atac"), ("atac", "prot")], n_cells=600, n_genes=40, n_peaks=60, n_proteins=12, seed=0)[0]


@pytest.fixture(scope="session")
def joined(chain: MuData) -> VirtualCell:
    return VirtualCell(PLAIN).fit(chain, device="cpu")
