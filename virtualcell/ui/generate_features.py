"""Drawn cells in the space of genes, peaks or proteins, beside measured ones: amounts, means, and what goes with what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_features import means, spreads, togetherness
from virtualcell.modalities import MODALITIES
from virtualcell.schema import DEFAULT_KINDS
from virtualcell.ui import state, words
from virtualcell.ui.generate import FEW, features_called, shown_features, unit_of
from virtualcell.ui.generate_agreement import agreement, of_means, spread
from virtualcell.ui.generate_files import SYNTHETIC
from virtualcell.ui.modalities import called, yes_or_no
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

TOGETHER = 16
"""Features whose correlations are drawn."""
VIOLINS = 5


def feature_space(
    b: Bundle, name: str, modality: str, measured: np.ndarray, drawn: np.ndarray, titles: tuple[str, str], source: str
) -> None:
    """Two figures and a table: how much there is of each feature, and what goes with what. measured (m, features) and drawn
    (k, features): readings, one drawn reading a drawn cell. name: of the view, for the controls' keys; source: which cells were
    measured, in words that follow their number."""
    names = b.model.features(modality)
    what, kind = features_called(modality), words.measured(b.demo.simulated)
    st.markdown(f"##### {called(modality)[:1].upper()}{called(modality)[1:]}, {what[:-1]} by {what[:-1]}")
    st.caption(f"{len(measured):,} {source}, beside {len(drawn):,} drawn cells, each counted once.")
    usual = shown_features(b, modality, measured, TOGETHER) if len(measured) else []
    if min(len(measured), len(drawn)) < FEW:
        st.markdown(
            f"With fewer than {FEW} {kind} or drawn cells neither shapes nor correlations are shown: chance would make them."
        )
    else:
        left, right = st.columns(2, gap="large")
        with left:
            _amounts(b, name, modality, measured, drawn, titles, usual)
        with right:
            place = [names.index(one) for one in usual]
            both = agreement(measured[:, place], drawn[:, place])
            fig = togetherness(usual, both.measured, both.drawn, titles=titles, look=look())
            chart(fig, f"{name}-together-{b.demo.key}", alt=f"Correlations of {len(usual)} {what}, {kind} above and drawn below",
                  file=f"{b.demo.key}-synthetic-{name}-correlations")  # fmt: skip
            st.caption(f"Which {what} go up and down together from cell to cell. {both.told(what, kind)}")
    if len(measured) and len(drawn):
        table_download(b, lambda: table(names, measured, drawn, kind), f"synthetic-{name}-{modality}", f"All {what} as CSV")


def _amounts(
    b: Bundle, name: str, modality: str, measured: np.ndarray, drawn: np.ndarray, titles: tuple[str, str], usual: list[str]
) -> None:
    names, what, kind = b.model.features(modality), features_called(modality), words.measured(b.demo.simulated)
    if yes_or_no(b, modality):
        fig = means(names, measured.mean(0), drawn.mean(0), unit="share of cells in which it is seen open", share=True,
                    smallest=0.5 / len(measured), titles=titles, cells=(len(measured), len(drawn)), look=look())  # fmt: skip
        told = of_means(measured.mean(0, dtype=float), drawn.mean(0, dtype=float), titles[1])
        said = f"Each dot is one of {len(names):,} {what}; on the dotted line, drawn and {kind} cells agree. {told}"
    else:
        chosen = st.multiselect(
            what.capitalize(), names, default=usual[:VIOLINS], max_selections=8, key=state.own(b, f"{name}-{modality}"),
            bind="query-params",
        ) or usual[:VIOLINS]  # fmt: skip
        place = [names.index(one) for one in chosen]
        # Of counts that are mostly none, a shape is a line at 0; of others, 0 does not mean that nothing was seen.
        counts = MODALITIES[b.model.settings.kinds.get(modality, DEFAULT_KINDS.get(modality, modality))].sparse
        seen = ((measured[:, place] > 0).mean(0), (drawn[:, place] > 0).mean(0)) if counts else None
        fig = spreads(
            chosen, measured[:, place], drawn[:, place], unit=unit_of(b, modality), seen=seen, titles=titles, look=look()
        )
        said = f"Left half of each shape: {kind} cells; right half: drawn ones. Box: the middle half of the cells."
        if counts:
            said += (
                f" Under each name: share of {kind} | drawn cells in which it is seen; where few are, these say more than shapes."
            )
        said += f" {spread(chosen, names, measured, drawn, what, kind, counts)}"
    chart(fig, f"{name}-amounts-{b.demo.key}", alt=f"Amounts of {what} in {kind} and drawn cells",
          file=f"{b.demo.key}-synthetic-{name}-amounts")  # fmt: skip
    st.caption(said)


def table(names: list[str], measured: np.ndarray, drawn: np.ndarray, kind: str = "measured") -> pd.DataFrame:
    """A row a feature: mean and standard deviation over the measured and over the drawn cells; marked as synthetic. kind: what
    the measured cells are."""
    return pd.DataFrame(
        {
            "feature": names,
            SYNTHETIC: True,
            f"{kind} mean": measured.mean(0, dtype=float),
            "synthetic mean": drawn.mean(0, dtype=float),
            f"{kind} standard deviation": measured.std(0, dtype=float),
            "synthetic standard deviation": drawn.std(0, dtype=float),
        }
    )
