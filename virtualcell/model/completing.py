"""Primary and secondary assays: what the expensive ones would read in cells of which only the cheap one was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
from mudata import MuData

from virtualcell.schema import DataError

if TYPE_CHECKING:
    from virtualcell.model.virtual_cell import VirtualCell

MEASURED = "measured"
"""Column of ``obs`` of a completed modality."""


def complete(model: VirtualCell, cells: MuData | ad.AnnData, primary: str) -> dict[str, ad.AnnData]:
    """See ``VirtualCell.complete``; the reading that is measured already is never used."""
    model.features(primary)
    fitted = model._fitted
    table = model._table(cells, None, None)
    order = list(fitted.features)
    has = table.mask[:, order.index(primary)]
    if not has.all():
        raise DataError(
            f"{(~has).sum():,} cells lack {primary}, from which the others are told.",
            next_step="leave those cells out, or choose a modality that every cell has.",
            field=primary,
        )
    found = {}
    for target in order:
        if target != primary and fitted.translator.route(primary, target):
            found[target] = model.translate(cells, source=primary, target=target)
            found[target].obs[MEASURED] = np.array(table.mask[:, order.index(target)])
    return found
