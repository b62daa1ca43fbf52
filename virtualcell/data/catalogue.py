"""The data that come with VirtualCell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtualcell.schema import Columns, DataError

if TYPE_CHECKING:
    from mudata import MuData


@dataclass(frozen=True)
class Demo:
    """A data set that comes with the product: what it is, where it is from and what to know before reading a figure of it."""

    key: str
    title: str
    sentence: str
    file: str
    columns: Columns
    citation: str
    source_url: str
    """Where the table was taken from."""
    licence: str
    """Terms of the source; the project's own licence does not cover the data."""
    caveats: tuple[str, ...]
    simulated: bool
    dynamics: bool
    """Has several measured times, so that a predictor can be trained."""
    treatments: bool
    """Has perturbed cells and their controls, apart from time."""
    marker_genes: tuple[str, ...]


_DEMOS = (
    Demo(
        key="a549",
        title="Lung cancer cells after dexamethasone (RNA + chromatin)",
        sentence="2,641 A549 cells, RNA and open chromatin measured together 0, 1 and 3 hours after a glucocorticoid.",
        file="scicar_a549_rna_atac.h5mu",
        columns=Columns(time="time_h", time_unit="h"),
        citation="Cao J. et al. Joint profiling of chromatin accessibility and gene expression in thousands of single cells. "
        "Science 361, 1380-1385 (2018). GEO GSE117089.",
        source_url="https://github.com/sqjin/scAI",
        licence="GPL-3 (repository of scAI, from which the table was taken)",
        caveats=(
            "Drug and time are the same variable: there are no untreated cells at 1 h or 3 h, so what changes with time cannot "
            "be told from what the drug does.",
            "The 1,185 genes were chosen by the source of the table, so time is easier to read from them than from all genes.",
            "Chromatin is measured sparsely: half of the cells have at most 154 open peaks.",
            "29 of the genes are mouse genes (written like Fgfr2): the experiment mixed the two species, and human cells make "
            "none of them.",
        ),
        simulated=False,
        dynamics=True,
        treatments=False,
        marker_genes=("FKBP5", "PER1", "TSC22D3", "ERRFI1", "ANGPTL4", "CEBPD"),
    ),
    Demo(
        key="larry",
        title="Mouse blood formation with clone barcodes",
        sentence="781 blood progenitors and their descendants on days 2, 4 and 6; barcodes tell which cells are sisters.",
        file="weinreb_larry_clones.h5ad",
        columns=Columns(time="time_d", time_unit="d", state="state_info", clones="X_clone"),
        citation="Weinreb C. et al. Lineage tracing on transcriptional landscapes links state to fate during differentiation. "
        "Science 367, eaaw3381 (2020). GEO GSE140802.",
        source_url="https://github.com/AllonKleinLab/cospar",
        licence="MIT (repository of CoSpar, from which the subset was taken)",
        caveats=(
            "Only 34 cells were measured on day 2: what is said of the start rests on few cells.",
            "Sister cells in the same measured state can take different fates, so no method can foretell every fate.",
            "A subset of the published cells and genes; of 339 clones, 113 are seen both on day 4 and on day 6.",
        ),
        simulated=False,
        dynamics=True,
        treatments=False,
        marker_genes=("Elane", "Mpo", "S100a8", "Csf1r", "Gata1", "Mcpt8", "Cpa3", "Cd34"),
    ),
    Demo(
        key="kang",
        title="Blood immune cells with and without interferon-beta",
        sentence="1,556 blood immune cells of two donors after 6 hours with or without interferon-beta, in five cell types.",
        file="kang_ifnb_pbmc.h5ad",
        columns=Columns(perturbation="perturbation", control="control", batch="donor", state="cluster_id"),
        citation="Kang H. M. et al. Multiplexed droplet single-cell RNA-sequencing using natural genetic variation. "
        "Nature Biotechnology 36, 89-94 (2018). GEO GSE96583.",
        source_url="https://github.com/HelenaLC/muscat",
        licence="GPL-3 (repository of muscat, from which the table was taken)",
        caveats=(
            "All cells were measured at one time (6 h), so the data say what changed, not how it came about.",
            "Two donors only: differences between people cannot be judged.",
            "The 1,267 genes were chosen by the source of the table.",
        ),
        simulated=False,
        dynamics=False,
        treatments=True,
        marker_genes=("ISG15", "IFIT1", "IFIT3", "CXCL10", "CD74"),
    ),
    Demo(
        key="norman",
        title="Leukaemia cells with one or two genes switched on",
        sentence="3,375 K562 cells in which CRISPR activation switched on one gene, two or none: 33 treatments and controls.",
        file="norman19_combo_perturbseq.h5ad",
        columns=Columns(perturbation="perturbation", control="control"),
        citation="Norman T. M. et al. Exploring genetic interaction manifolds constructed from rich single-cell phenotypes. "
        "Science 365, 786-793 (2019). GEO GSE133344.",
        source_url="https://github.com/altoslabs/perturbench",
        licence="BSD-3-Clause (repository of PerturBench, from which the subset was taken)",
        caveats=(
            "The 500 genes were chosen by the source; of the 31 genes that were switched on only TMSB4X is among them, so a "
            "treatment is a label here and not a change of a measured gene. The model reads 169 of the 500; the others are seen "
            "in fewer than three cells.",
            "Only 100 untreated cells.",
            "Counts were recovered from log-normalised values.",
            "Of the 15 pairs of genes, 5 also have both genes switched on alone.",
            "All cells were measured at one time.",
        ),
        simulated=False,
        dynamics=False,
        treatments=True,
        marker_genes=("TMSB4X", "HBG2", "HBZ", "S100A4"),
    ),
    Demo(
        key="cite",
        title="Blood immune cells, RNA and surface proteins",
        sentence="400 blood immune cells in which RNA and 14 surface proteins were measured together, in two batches.",
        file="pbmc_cite_5k10k_mini.h5mu",
        columns=Columns(batch="batch"),
        citation="10x Genomics, 5k and 10k PBMCs with a panel of TotalSeq-B antibodies (Cell Ranger 3.0), 2018-2019.",
        source_url="https://github.com/scverse/scvi-tools",
        licence="CC-BY 4.0 (10x Genomics); subset from the repository of scvi-tools (BSD-3-Clause)",
        caveats=(
            "No times and no treatments: nothing about movement can be learned from these cells.",
            "No one has named the cell types in this file.",
            "200 cells of each batch only.",
        ),
        simulated=False,
        dynamics=False,
        treatments=False,
        marker_genes=("CD3D", "MS4A1", "CD14", "NKG7", "LYZ"),
    ),
    Demo(
        key="simulated",
        title="Simulated cells on a known landscape",
        sentence="Not measured: cells computed on a landscape with one progenitor well and two fates; the right answer is known.",
        file="simulated_three_wells.h5mu",
        columns=Columns(time="time", time_unit="time units", state="state"),
        citation="VirtualCell, virtualcell.data.simulate.",
        source_url="virtualcell/data/simulate.py",
        licence="BSD-3-Clause (made by this project)",
        caveats=(
            "Simulated, not measured: it shows whether the method finds what was put in, and says nothing about biology.",
            "Its genes are inventions.",
            "The model was told how strong the noise is, which snapshots alone hardly say, and that cells still move at the end.",
        ),
        simulated=True,
        dynamics=True,
        treatments=False,
        marker_genes=("PROG1", "FATEA1", "FATEB1"),
    ),
    Demo(
        key="switch",
        title="Simulated switch of two genes, with an inducer",
        sentence="Not measured: cells computed from two genes that shut each other off, without and with an inducer of the "
        "second. How strong a push it takes is known.",
        file="simulated_toggle_switch.h5mu",
        columns=Columns(time="time", time_unit="time units", perturbation="treatment", state="state"),
        citation="VirtualCell, virtualcell.data.simulate_switch; the equations of Gardner, Cantor & Collins, Nature 403, 339-342 "
        "(2000).",
        source_url="virtualcell/data/simulate_switch.py",
        licence="BSD-3-Clause (made by this project)",
        caveats=(
            "Simulated, not measured: it shows whether the method finds what was put in, and says nothing about biology.",
            "Its genes are inventions.",
            "The model was told how strong the noise is, which snapshots alone hardly say, and that cells still move at the end.",
            "Of the inducer one dose was measured, less than half of the one that keeps a cell in the other state.",
        ),
        simulated=True,
        dynamics=True,
        treatments=True,
        marker_genes=("FIRST1", "SECOND1"),
    ),
    Demo(
        key="assays",
        title="Simulated cells with a cheap and two expensive assays",
        sentence="Not measured: 900 computed cells, all with RNA, a third with open chromatin, a third with surface proteins. "
        "What was withheld is known.",
        file="simulated_assays.h5mu",
        columns=Columns(state="state"),
        citation="VirtualCell, virtualcell.data.simulate_assays.",
        source_url="virtualcell/data/simulate_assays.py",
        licence="BSD-3-Clause (made by this project)",
        caveats=(
            "Simulated, not measured: it shows whether the method finds what was put in, and says nothing about biology.",
            "Its genes, peaks and proteins are inventions.",
            "RNA is deep and the relation between the assays is linear in what they share: real assays tell less of each other.",
        ),
        simulated=True,
        dynamics=False,
        treatments=False,
        marker_genes=("SIM0001", "SIM0002", "SIM0003"),
    ),
)

DEMOS: dict[str, Demo] = {demo.key: demo for demo in _DEMOS}
"""In the order in which they are offered; the first is the default."""


def data_folder() -> Path:
    """The folder with the data files and ``manifest.json``."""
    return Path(__file__).resolve().parents[2] / "assets" / "data"


def models_folder() -> Path:
    """Where the trained demo models lie."""
    return Path(__file__).resolve().parents[2] / "assets" / "models"


def manifest() -> dict[str, dict[str, Any]]:
    """Of each file: source, citation, licence, sha256, bytes, cells and features."""
    return json.loads((data_folder() / "manifest.json").read_text(encoding="utf-8"))


def load_demo(key: str) -> MuData:
    """The cells of a demo, as ``read`` gives them; ``uns["simulated"]`` is True where they are simulated. Raises DataError."""
    from virtualcell.data.read import read  # takes seconds with scanpy, and the first page shows without any cells

    if key not in DEMOS:
        raise DataError(f"There is no demo named '{key}'.", next_step=f"Choose one of {', '.join(DEMOS)}.")
    return read(data_folder() / DEMOS[key].file)


def verify() -> None:
    """Check every data file against its digest in the manifest. Raises DataError that names the file."""
    from virtualcell.data.read import sha256

    for name, entry in manifest().items():
        path = data_folder() / name
        if not path.is_file() or sha256(path) != entry["sha256"]:
            raise DataError(
                "It is missing or differs from what was delivered.",
                next_step="Get the file again from the repository.",
                file=name,
            )
