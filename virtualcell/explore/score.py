"""How strongly each cell expresses a set of genes, and how readers name such sets."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData

from virtualcell.data.gene_sets import GeneSet, parse_gmt, symbol
from virtualcell.explore.amounts import amounts
from virtualcell.schema import DataError

LEAST_GENES = 2
"""Found in the data, for a score: one gene is shown as itself."""

MOST_GENES = 2000
"""In a typed list: more is a pasted table, not a set."""

# scanpy seeds numpy's global generator: two readers at once would draw from one stream.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Genes:
    """found: names as the data write them, in the order asked; missing: asked and not there; changed: asked -> found, where they
    differ (capitals, or an Ensembl number behind the name)."""

    found: tuple[str, ...]
    missing: tuple[str, ...]
    changed: dict[str, str]


def find_genes(asked: str | Sequence[str], among: Sequence[str]) -> Genes:
    """Genes typed or pasted by a reader, in the names of a data set.

    asked: text with commas, semicolons, blanks, tabs or line breaks between names, or a list of names. among: ``var_names``. A
    name is looked for as written, then without an Ensembl number behind the data's names, then without regard to capitals. A
    gene named twice counts once. Raises DataError on an empty list or on more than ``MOST_GENES`` names.
    """
    names = re.split(r"[\s,;]+", asked) if isinstance(asked, str) else list(asked)
    names = list(dict.fromkeys(name for name in (name.strip("\"'\ufeff") for name in names) if name))
    if not names:
        raise DataError("No gene was named.", next_step="type names with commas between, such as ISG15, MX1.", field="genes")
    if len(names) > MOST_GENES:
        problem = f"There are {len(names):,} names, more than {MOST_GENES:,}."
        raise DataError(problem, next_step="paste the genes of one set alone.", field="genes")
    exact = set(among)
    plain: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name in among:
        plain.setdefault(symbol(name), name)
        folded.setdefault(symbol(name).casefold(), name)
    places = {name: name if name in exact else plain.get(name) or folded.get(name.casefold()) for name in names}
    found = {name: place for name, place in places.items() if place is not None}
    return Genes(
        found=tuple(dict.fromkeys(found.values())),
        missing=tuple(name for name in names if name not in found),
        changed={name: place for name, place in found.items() if name != place},
    )


def read_sets(content: bytes | str, file: str | None = None) -> list[GeneSet]:
    """Gene sets of an uploaded GMT file. Raises DataError that names file, line and field."""
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError("It is not text in UTF-8.", next_step="save the GMT file as plain text.", file=file) from error
    return parse_gmt(content, file)


def score_set(adata: AnnData, genes: str | Sequence[str], *, seed: int = 0) -> np.ndarray:
    """Score of a gene set in every cell, float32 (cells,): mean of the set minus mean of control genes as strongly expressed.

    adata: log-normalised RNA, which is not changed. genes: names, or text as ``find_genes`` reads it. In the unit of X (log);
    above 0 where the set is expressed more than genes of its level are on average. NaN where RNA was not measured. Raises
    DataError where fewer than ``LEAST_GENES`` are found, naming the missing, or where no genes are left to compare with.

    Source: ``scanpy.tl.score_genes`` (Satija et al. 2015): up to 50 control genes drawn from each of 25 bins of mean expression
    that the set's genes fall into.
    """
    asked = find_genes(genes, list(adata.var_names))
    if len(asked.found) < LEAST_GENES:
        shown = ", ".join(asked.missing[:12]) + (" …" if len(asked.missing) > 12 else "")
        raise DataError(
            f"Only {len(asked.found)} of the {len(asked.found) + len(asked.missing)} genes of the set is in these data"
            + (f"; not found: {shown}." if shown else "."),
            next_step="check the names, or choose another set: the data keep their most variable genes alone.",
            field="genes",
        )
    there = amounts(adata).measured
    matrix = adata.X if there.all() else adata.X[there]
    names = pd.Index(np.flatnonzero(there).astype(str))
    cells = AnnData(matrix, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=adata.var_names))
    with _ONE_AT_A_TIME:
        before = np.random.get_state()  # noqa: NPY002 - scanpy's generator
        try:
            sc.tl.score_genes(cells, list(asked.found), score_name="score", random_state=seed, use_raw=False)
        except (RuntimeError, ValueError) as error:
            raise DataError(
                f"There are no genes to compare the set with ({error}).",
                next_step="choose a smaller set, or colour by its genes one by one.",
                field="genes",
            ) from error
        finally:
            np.random.set_state(before)  # noqa: NPY002
    score = np.full(adata.n_obs, np.nan, dtype=np.float32)
    score[there] = cells.obs["score"].to_numpy()
    return score
