"""Contrast of text and of what carries data, light and dark: WCAG 2.2, 1.4.3 and 1.4.11, level AA; and the palettes seen by
colour-blind readers."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.contrast import BLIND, apart, contrast, lab, luminance
from virtualcell.figures import gene_curves, interval_check, leaderboard, perturbation
from virtualcell.figures.dose_response import SHARE
from virtualcell.figures.look import DARK, ENERGY, FATES, LIGHT, Look
from virtualcell.ui.colours import NAMELESS

THEME = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
TEXT, GRAPHIC = 4.5, 3.0
FIRST = 8
"""Groups that must stay apart for everybody; more of them no reader tells apart by colour alone."""
FIRST_FATES = 6
APART, ALL_APART = 13.0, 5.0
"""CIELAB distances; 2.3 is just noticeable (Mahy et al. 1994)."""
HUES = ("red", "orange", "yellow", "green", "blue", "violet")

looks = pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])


def theme(look: Look) -> dict[str, str]:
    return THEME["light" if look is LIGHT else "dark"]


# -- the measures themselves -----------------------------------------------------------------------------------------------------
def test_the_contrasts_that_everybody_quotes() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#FFFFFF", "#FFFFFF") == 1
    # The lightest grey text on white that passes, and the first that does not (webaim.org/articles/contrast).
    assert contrast("#767676", "#FFFFFF") > 4.5 > contrast("#777777", "#FFFFFF")
    assert contrast("#FF0000", "#FFFFFF") == pytest.approx(4.0, abs=0.01)


def test_distances_are_those_of_cielab_and_of_the_blind() -> None:
    # sRGB red in CIELAB (D65), as colour calculators give it.
    np.testing.assert_allclose(lab("#FF0000"), [53.24, 80.09, 67.20], atol=0.1)
    np.testing.assert_allclose(lab("#FFFFFF"), [100, 0, 0], atol=0.05)
    for matrix in BLIND.values():  # greys stay what they are
        np.testing.assert_allclose(matrix.sum(1), 1, atol=2e-3)
    # Teal and rose of Tol's muted scheme are one colour without the middle-wave cones.
    assert apart("#44AA99", "#CC6699") < 5
    assert np.linalg.norm(lab("#44AA99") - lab("#CC6699")) > 60


# -- text ------------------------------------------------------------------------------------------------------------------------
@looks
def test_text_of_the_pages(look: Look) -> None:
    colours = theme(look)
    assert (look.text, look.paper) == (colours["textColor"], colours["backgroundColor"])
    grounds = [colours["backgroundColor"], colours["secondaryBackgroundColor"]]
    texts = ["textColor", "linkColor", "primaryColor", "grayTextColor", *(f"{hue}TextColor" for hue in HUES)]
    found = {(name, ground): contrast(colours[name], ground) for name in texts for ground in grounds}
    assert {pair: ratio for pair, ratio in found.items() if ratio < TEXT} == {}


@looks
@pytest.mark.parametrize("hue", HUES)
def test_text_on_the_ground_of_its_own_hue(look: Look, hue: str) -> None:
    colours = theme(look)
    assert contrast(colours[f"{hue}TextColor"], colours[f"{hue}BackgroundColor"]) >= TEXT
    assert contrast(colours["textColor"], colours[f"{hue}BackgroundColor"]) >= TEXT


@looks
def test_text_in_figures(look: Look) -> None:
    assert contrast(look.text, look.paper) >= TEXT
    assert contrast(look.quiet, look.paper) >= TEXT
    assert contrast(look.accent, look.paper) >= TEXT
    assert contrast(look.quiet, theme(look)["secondaryBackgroundColor"]) >= TEXT


# -- what carries data -----------------------------------------------------------------------------------------------------------
@looks
def test_every_colour_of_a_group_or_a_time_stands_out_from_the_page(look: Look) -> None:
    single = (perturbation.UP, perturbation.DOWN, perturbation.BEFORE, perturbation.AFTER, leaderboard.PEER, SHARE, NAMELESS)
    single += (gene_curves.MEASURED, interval_check.OUTSIDE, look.expression[-1], look.diverging[0], look.diverging[-1])
    colours = [*look.categories(14), *FATES, *single, *(as_hex(c) for n in (1, 2, 5, 24) for c in look.times(n))]
    assert {colour: contrast(colour, look.paper) for colour in colours if contrast(colour, look.paper) < GRAPHIC} == {}


def test_fates_stand_out_from_the_floor_of_a_landscape() -> None:
    assert {colour for colour in FATES if contrast(colour, ENERGY[0]) < GRAPHIC} == set()


@looks
def test_scales_change_steadily_in_lightness(look: Look) -> None:
    """So that they are read without their hues, too; nothing is next to the page, much is far from it."""
    seen = [contrast(colour, look.paper) for colour in look.expression]
    assert seen == sorted(seen)
    less, more = look.diverging[:4][::-1], look.diverging[3:]
    for half in (less, more):
        ratios = [contrast(colour, look.paper) for colour in half]
        assert ratios == sorted(ratios)
        assert ratios[0] < 1.5
    late = [luminance(as_hex(colour)) for colour in look.times(9)]
    assert late == sorted(late), "later is lighter on both pages"


# -- colour-blind readers --------------------------------------------------------------------------------------------------------
def nearest(colours: list[str]) -> float:
    return min(apart(one, other) for one, other in itertools.combinations(colours, 2))


@looks
def test_groups_stay_apart_for_everybody(look: Look) -> None:
    assert len(set(look.groups)) == 14
    assert nearest(look.categories(FIRST)) >= APART
    assert nearest(look.categories(14)) >= ALL_APART
    assert look.categories(15)[14] == look.categories(1)[0]


def test_fates_stay_apart_for_everybody() -> None:
    assert nearest(list(FATES[:FIRST_FATES])) >= APART


def test_a_group_has_the_same_hue_on_both_pages() -> None:
    """Hue angles in CIELAB; greyish ones have none."""
    for light, dark in zip(LIGHT.groups, DARK.groups, strict=True):
        (_, a, b), (_, c, d) = lab(light), lab(dark)
        if min(np.hypot(a, b), np.hypot(c, d)) > 25:
            between = np.degrees(np.arccos((a * c + b * d) / (np.hypot(a, b) * np.hypot(c, d))))
            assert between < 35, (light, dark)


@looks
def test_pairs_of_opposites_stay_apart(look: Look) -> None:
    for one, other in (
        (perturbation.UP, perturbation.DOWN),
        (perturbation.BEFORE, perturbation.AFTER),
        (look.diverging[0], look.diverging[-1]),
        (look.accent, leaderboard.PEER),
        (look.accent, interval_check.OUTSIDE),
    ):
        assert apart(one, other) >= APART, (one, other)


@looks
def test_streamlits_own_charts_use_the_same_colours(look: Look) -> None:
    assert theme(look)["chartCategoricalColors"] == list(look.groups[:FIRST])
    assert "chartCategoricalColors" not in THEME


def as_hex(css: str) -> str:
    """#RRGGBB of plotly's "rgb(r, g, b)"."""
    parts = [round(float(part)) for part in css.removeprefix("rgb(").removesuffix(")").split(",")]
    return "#" + "".join(f"{part:02X}" for part in parts)
