"""Genes over time, predicted for cells that were held out, beside what was measured in them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.gene_curves import gene_curves
from virtualcell.ui import measured, words
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look


def curves(b: Bundle) -> None:
    """Predicted by the model that never saw the held-out time, where the report has such curves; the measured points show all
    times."""
    found = b.report.get("curves", {})
    genes = list(found.get("genes", {}))
    if not genes:
        return
    unit = b.demo.columns.time_unit
    points = measured.points(b, genes)
    held = points.times == b.report["held"]
    st.markdown(f"Genes, predicted by the model that never saw the cells of {b.report['held']:g} {unit}:")
    fig = gene_curves(
        np.array(found["times"]),
        np.stack([found["genes"][gene] for gene in genes], axis=1),
        None,
        None,
        genes,
        measured_times=points.times,
        measured_mean=np.log1p(points.mean),
        # The slope of log1p turns an error of the mean into one of its logarithm.
        measured_error=points.error / (1 + points.mean),
        unit=unit,
        amount="log1p counts per 10,000",
        unseen=held,
        cells=words.measured(b.demo.simulated),
        look=look(),
    )
    chart(fig, "heldout-curves", alt=f"Held-out prediction of {', '.join(genes)}", file=f"{b.demo.key}-heldout-genes")
