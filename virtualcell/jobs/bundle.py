"""A finished run as the pages take it: the same bundle as a demo's, with what is known of a reader's own cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from mudata import MuData

from virtualcell.data.catalogue import Demo
from virtualcell.data.changes import told
from virtualcell.data.check import check
from virtualcell.data.read import read
from virtualcell.demo import Bundle, open_bundle
from virtualcell.jobs.folder import CELLS
from virtualcell.jobs.run import Run, run
from virtualcell.schema import Columns, DataError
from virtualcell.training.given import RNA, kinds_of

MARKERS = 6
MOST_LISTED = 6
"""Times or treatments that a sentence lists by name; more are counted."""

NAMES = {"rna": "RNA", "atac": "chromatin", "protein": "surface proteins", "methylation": "methylation"}
"""What a kind of measurement is called in a sentence; others go by their key."""

OWN = "your own cells"


def load_run(run_id: str) -> Bundle:
    """The cells, the model and its views of a finished run. Raises DataError where it is not finished, gone or damaged."""
    found = run(run_id)
    if found.status().state != "done":
        raise DataError("This run has no model yet.", next_step="wait until it is finished, or resume it.", field="run")
    raw = read(found.folder / CELLS)
    bundle = open_bundle(describe(found, raw), raw, found.model_folder, again="delete the run and train again.")
    return with_markers(bundle)


def describe(found: Run, raw: MuData) -> Demo:
    """What a run's cells are, in the words of the catalogue; without marker genes, which need the prepared cells."""
    columns = found.columns
    kinds = kinds_of(raw, found.settings.kinds)
    times = raw.obs[columns.time].nunique() if columns.time is not None else 0
    treated = columns.perturbation is not None and raw.obs[columns.perturbation].nunique() > 1
    return Demo(
        key=found.id,
        title=found.name,
        sentence=sentence_of(raw, columns, kinds),
        file=found.file,
        # A column that tells no two cells apart is none to the pages: there is nothing to move through and nothing to compare.
        columns=replace(
            columns, time=columns.time if times > 1 else None, perturbation=columns.perturbation if treated else None
        ),
        citation=OWN,
        source_url="",
        licence="",
        caveats=caveats_of(raw, columns, kinds),
        simulated=False,
        dynamics=times > 1,
        treatments=bool(treated),
        marker_genes=(),
    )


def sentence_of(raw: MuData, columns: Columns, kinds: dict[str, str]) -> str:
    """ "2,641 cells, RNA + chromatin, times 0, 1, 3 h." """
    parts = [f"{raw.n_obs:,} cells", " + ".join(NAMES.get(kind, key) for key, kind in kinds.items())]
    if columns.time is not None:
        times = np.unique(raw.obs[columns.time].to_numpy(dtype=float))
        if len(times) == 1:
            parts.append(f"one time ({times[0]:g} {columns.time_unit})")
        elif len(times) <= MOST_LISTED:
            parts.append(f"times {', '.join(f'{t:g}' for t in times)} {columns.time_unit}")
        else:
            parts.append(f"{len(times)} times from {times[0]:g} to {times[-1]:g} {columns.time_unit}")
    if columns.perturbation is not None:
        names = sorted(set(raw.obs[columns.perturbation].astype(str)) - {columns.control})
        listed = ", ".join(names) if len(names) <= MOST_LISTED else f"{len(names)} treatments"
        parts.append(f"{listed} beside {columns.control}" if names else f"{columns.control} only")
    if columns.clones is not None:
        parts.append(f"{raw.obsm[columns.clones].shape[1]:,} clone barcodes")
    return ", ".join(parts) + "."


def caveats_of(raw: MuData, columns: Columns, kinds: dict[str, str]) -> tuple[str, ...]:
    """What limits what can be said of the cells: warnings of the check, what was changed before training, and what no check of a
    file can know."""
    found = [finding.problem for finding in check(raw, columns, kinds) if finding.severity == "warning"]
    if columns.time is not None and columns.perturbation is None and raw.obs[columns.time].nunique() > 1:
        found.append(
            "No treatment was named: whether cells change because time passes or because of what was done to them cannot be told."
        )
    found += told(raw)
    found.append("Trained with one random seed: nothing here says how much another one would differ.")
    return tuple(found)


def with_markers(b: Bundle) -> Bundle:
    """The bundle with genes to show first: those that differ most between treatments, else times, else cell states, else the most
    variable ones."""
    return replace(b, demo=replace(b.demo, marker_genes=marker_genes(b.cells, b.demo.columns)))


def marker_genes(cells: MuData, columns: Columns, most: int = MARKERS) -> tuple[str, ...]:
    """Names of genes; none where no RNA was measured. cells: prepared (``virtualcell.data.preprocess``)."""
    from sklearn.feature_selection import f_classif
    from sklearn.preprocessing import StandardScaler

    if RNA not in cells.mod:
        return ()
    adata = cells.mod[RNA]
    spread = StandardScaler(with_mean=False).fit(adata.X).var_
    groups = next(
        (
            labels
            for column in (columns.perturbation, columns.time, columns.state)
            if column is not None and len(np.unique(labels := cells.obs.loc[adata.obs_names, column].astype(str))) > 1
        ),
        None,
    )
    if groups is None:
        score = spread
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.nan_to_num(f_classif(adata.X, groups)[0], nan=0.0, posinf=0.0)
    order = np.argsort(-score, kind="stable")[:most]
    return tuple(str(adata.var_names[i]) for i in order if score[i] > 0)
