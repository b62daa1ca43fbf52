"""Data & model card: the quality of the cells shown, and what the model is."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from virtualcell.figures.quality import quality as quality_figure
from virtualcell.ui import asked, code_pages, downloads, state, words
from virtualcell.ui.again import train_again
from virtualcell.ui.frame import inside
from virtualcell.ui.honesty import honesty
from virtualcell.ui.methods import methods
from virtualcell.ui.parts import chart, lead, provenance, source_and_terms, table_download
from virtualcell.ui.share import share
from virtualcell.ui.theme import look

inside()
b = state.bundle()
record, settings = b.model.record, b.model.settings.to_dict()
place = lead(
    b,
    "The quality of the cells shown, and what the model is, what it was tested on and where it fails.",
)
model, cells = st.tabs(["The model", "The cells shown"], key="card", bind="query-params")

with cells:
    st.markdown(f"**{words.literal(b.demo.title)}.** {words.literal(b.demo.sentence)}")
    found, group, kind = downloads.quality_of(b), *downloads.main_annotation(b)
    for modality, table in found.groupby("modality", sort=False):
        unit = b.demo.columns.time_unit if kind == "time" else ""
        fig = quality_figure(
            {
                f"counts in a cell, {words.MEASURED.get(modality, modality)}": table["counts"].to_numpy(),
                f"{words.MEASURED.get(modality, modality)} seen in a cell": table["features"].to_numpy(),
            },
            group.loc[table.index].to_numpy(),
            kind=kind,
            unit=unit,
            look=look(),
        )
        chart(
            fig, f"quality-{modality}", alt=f"Counts and features per cell of {modality}", file=f"{b.demo.key}-{modality}-quality"
        )
    table_download(b, found.reset_index(names="cell"), "quality", "Quality of every cell as CSV")
    st.markdown(source_and_terms(b))
    st.markdown("**Know before you read a figure of them**")
    for caveat in b.demo.caveats:
        st.markdown(f"- {caveat}")

with model:
    top = st.columns([1, 2, 1, 1])
    top[0].metric("Cells it learned from", f"{record['n_cells']:,}")
    top[1].metric(
        "What it reads", " + ".join(f"{n:,} {words.MEASURED.get(name, name)}" for name, n in record["modalities"].items())
    )
    top[2].metric(
        "Numbers in a cell's state",
        record["latent_dim"],
        help=f"Of these, {record['effective_rank']:.1f} are really used (effective rank).",
    )
    top[3].metric(
        "Learned numbers", f"{record['parameters']:,}", help=f"{record['parameters_predictor']:,} of them move the cells."
    )
    st.markdown(
        "It has two parts. The first turns what was measured in a cell into a short list of numbers, its state, and back. "
        + (
            "The second moves states: downhill on an energy that it learned, with noise, and with cells dividing and dying."
            if b.model.moves
            else "The second, which moves states, was not trained: these cells show no movement to learn from."
        )
    )
    honesty(b)
    st.markdown("##### Take it with you")
    line = st.columns(3)
    with line[0]:
        table_download(b, downloads.states(b), "states", "Cell states (CSV)")
    with line[1]:
        st.download_button(
            "Trained model (zip)",
            lambda: downloads.model_zip(b),
            f"{b.demo.key}-model.zip",
            "application/zip",
            key="zip",
            on_click="ignore",
        )
    with line[2]:
        st.download_button(
            "Cells with states (h5mu)", lambda: downloads.h5mu(b), f"{b.demo.key}-with-states.h5mu", key="h5mu", on_click="ignore"
        )
    st.markdown("##### Train it again")
    st.code(train_again(b), language="bash")
    with st.expander("All settings"):
        rows = [
            (part, name, json.dumps(value))
            for part, inner in settings.items()
            if isinstance(inner, dict)
            for name, value in inner.items()
        ]
        rows.append(("", "seed", json.dumps(settings["seed"])))
        table = pd.DataFrame(rows, columns=["part", "setting", "value"])
        st.dataframe(table, hide_index=True)
        table_download(b, table, "settings", "Settings as CSV")
    st.markdown("##### Where it fails")
    for caveat in (*b.demo.caveats, record["growth_known"]):
        if caveat:
            st.markdown(f"- {caveat}")
provenance(b)
column, kind = next(iter(state.known_columns(b).values()))
share(
    b,
    code=lambda: code_pages.quality(b, next(iter(b.cells.mod)), column=column, kind=kind),
    methods=lambda: methods(b, asked.counted(list(b.cells.mod))),
    place=place,
)
