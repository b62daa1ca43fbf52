"""Drawn cells in the space of genes, peaks or proteins, beside measured ones: amounts, means, and what goes with what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle
from virtualcell.figures.drawn_features import means, spreads, togetherness
from virtualcell.ui import state
from virtualcell.ui.generate import correlations, features_called, shown_features, unit_of
from virtualcell.ui.generate_files import SYNTHETIC
from virtualcell.ui.modalities import called, yes_or_no
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

TOGETHER = 16
"""Features whose correlations are drawn."""
PALER = 0.85
"""Share of the measured correlations' size below which drawn ones are called paler."""
VIOLINS = 5


def feature_space(b: Bundle, name: str, modality: str, measured: np.ndarray, drawn: np.ndarray, titles: tuple[str, str]) -> None:
    """Two figures and a table: how much there is of each feature, and what goes with what. measured (m, features) and drawn
    (k, features): readings, one drawn reading a drawn cell. name: of the view, for the controls' keys."""
    names, unit = b.model.features(modality), unit_of(b, modality)
    what = features_called(modality)
    st.markdown(f"##### {called(modality)[:1].upper()}{called(modality)[1:]}, {what[:-1]} by {what[:-1]}")
    left, right = st.columns(2, gap="large")
    usual = shown_features(b, modality, measured, TOGETHER)
    share = yes_or_no(b, modality)
    with left:
        if share:
            fig = means(names, measured.mean(0), drawn.mean(0), unit="share of cells in which it is seen open", share=True,
                        smallest=0.5 / len(measured), titles=titles, cells=(len(measured), len(drawn)), look=look())  # fmt: skip
            said = f"Each dot is one of {len(names):,} {what}; on the dotted line its two shares are the same. " + agreement(
                measured.mean(0, dtype=float), drawn.mean(0, dtype=float), titles[1]
            )
        else:
            chosen = st.multiselect(
                what.capitalize(), names, default=usual[:VIOLINS], max_selections=8, key=state.own(b, f"{name}-{modality}"),
                bind="query-params",
            ) or usual[:VIOLINS]  # fmt: skip
            place = [names.index(one) for one in chosen]
            fig = spreads(chosen, measured[:, place], drawn[:, place], unit=unit, titles=titles, look=look())
            # "measured at 3 h" is said of cells as "measured cells at 3 h".
            known, _, at = titles[0].partition(" ")
            cells = f"{known} cells {at}".rstrip()
            said = f"Left half of each shape: {cells}; right half: drawn ones. Box: the middle half of the cells."
        chart(fig, f"{name}-amounts-{b.demo.key}", alt=f"Amounts of {what} in {titles[0]} and drawn cells",
              file=f"{b.demo.key}-synthetic-{name}-amounts")  # fmt: skip
        st.caption(said)
    place = [names.index(one) for one in usual]
    both = correlations(measured[:, place]), correlations(drawn[:, place])
    with right:
        fig = togetherness(usual, *both, titles=titles, look=look())
        chart(fig, f"{name}-together-{b.demo.key}", alt=f"Correlations of {len(usual)} {what}, {titles[0]} above and drawn below",
              file=f"{b.demo.key}-synthetic-{name}-correlations")  # fmt: skip
        st.caption(_strength(what, titles[0], *both))
        table_download(b, lambda: table(names, measured, drawn), f"synthetic-{name}-{modality}", f"All {what} as CSV")


def agreement(known: np.ndarray, told: np.ndarray, title: str) -> str:
    """One number for how far two means of each feature, (features,), agree, and one for a bias that they share. title: what the
    second are called."""
    said = ""
    if len(known) > 1 and known.std() > 0 and told.std() > 0:
        said = f"Agreement over them (correlation): **{np.corrcoef(known, told)[0, 1]:.2f}**. "
    if known.sum() <= 0:
        return said.strip()
    bias = told.sum() / known.sum() - 1
    return f"{said}Bias, {title} less the other, all together: **{bias:+.0%}**."


def _strength(what: str, known: str, measured: np.ndarray, drawn: np.ndarray) -> str:
    """What the two halves, correlations (features, features), say."""
    said = f"Which {what} go up and down together from cell to cell. Where the two halves mirror each other, drawn cells keep it."
    above = np.triu_indices(len(measured), 1)
    if not (np.isfinite(measured[above]) & np.isfinite(drawn[above])).any():
        return said
    size, of_drawn = (float(np.nanmean(np.abs(half[above]))) for half in (measured, drawn))
    said += f" Mean size of a correlation: {size:.2f} {known}, {of_drawn:.2f} drawn."
    if of_drawn < PALER * size:
        said += f" Drawn cells keep only part of what {what} share."
    return said


def table(names: list[str], measured: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    """A row a feature: mean and standard deviation over the measured and over the drawn cells; marked as synthetic."""
    return pd.DataFrame(
        {
            "feature": names,
            SYNTHETIC: True,
            "measured mean": measured.mean(0, dtype=float),
            "synthetic mean": drawn.mean(0, dtype=float),
            "measured standard deviation": measured.std(0, dtype=float),
            "synthetic standard deviation": drawn.std(0, dtype=float),
        }
    )
