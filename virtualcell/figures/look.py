"""Colours, fonts and the Plotly template that every figure shares, once for light and once for dark pages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Plotly takes pandas from sys.modules, even half imported by the thread of another reader: of two who open a fresh server at
# once, one would get an error. Here it is imported to the end before Plotly makes anything.
import pandas  # noqa: F401
import plotly.graph_objects as go
import plotly.io as pio
from plotly.colors import sample_colorscale

# Paul Tol's bright scheme, then the ones of his muted scheme that stay apart from it; safe for colour-blind readers.
CATEGORIES = (
    "#4477AA",
    "#EE6677",
    "#228833",
    "#CCBB44",
    "#66CCEE",
    "#AA3377",
    "#EE8866",
    "#44AA99",
    "#9988DD",
    "#999933",
    "#CC6699",
    "#882255",
    "#77AADD",
    "#AAAA00",
)
# Neither too light for a white page nor too dark for the blue floor of a landscape, where blues would drown.
FATES = (
    "#D9A514",
    "#EE6677",
    "#35B56A",
    "#C07BE0",
    "#22B5D0",
    "#F2883A",
    "#9DB82E",
    "#F58FC0",
    "#2FB8A0",
    "#B98F68",
    "#9C92F2",
    "#CF5A4E",
)
ENERGY = ("#1F2F57", "#2D4F8C", "#4A7DBF", "#7FADD9", "#B5D5EA", "#DCECF3", "#F6F8EE")
DIVERGING = ("#2C5AA0", "#7DA7D4", "#C9DCEC", "#F2F0EC", "#F2C5AE", "#DB7A62", "#A3242F")


@dataclass(frozen=True)
class Look:
    """One theme's colours. ``name`` is the registered Plotly template; colours are CSS strings."""

    name: str
    text: str
    quiet: str
    """Small print, axis titles."""
    faint: str
    """Cells in the background, zero lines."""
    paper: str
    """The page behind the figure; the figures themselves are transparent."""
    accent: str
    expression: tuple[str, ...]
    """Sequential scale from nothing to much."""
    span: tuple[float, float]
    """Part of the plasma scale that stands out on this page, for ordered times."""

    def times(self, n: int) -> list[str]:
        """Colours of n ordered time points, early to late."""
        if n == 0:
            return []
        places = np.linspace(*self.span, n) if n > 1 else [self.span[0]]
        return sample_colorscale("Plasma", [float(place) for place in places])

    def categories(self, n: int) -> list[str]:
        """Colours of n unordered groups; they repeat after fourteen."""
        return [CATEGORIES[i % len(CATEGORIES)] for i in range(n)]


def scale(colours: tuple[str, ...]) -> list[list[float | str]]:
    """A Plotly colour scale with evenly spaced stops."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


LIGHT = Look(
    name="virtualcell_light",
    text="#1C2333",
    quiet="#667085",
    faint="#D5DAE3",
    paper="#FFFFFF",
    accent="#3355CC",
    expression=("#E2E5EB", "#A9CBE3", "#5B9BCB", "#2C5FA8", "#2A2A72"),
    span=(0.08, 0.78),
)
DARK = Look(
    name="virtualcell_dark",
    text="#E4E8F0",
    quiet="#98A2B5",
    faint="#3A4356",
    paper="#10141D",
    accent="#8EA6FF",
    expression=("#343C4D", "#3E67A6", "#53A4D0", "#A5DDDF", "#FBF8CF"),
    span=(0.3, 0.95),
)


def _template(look: Look) -> go.layout.Template:
    # No grid and no zero lines: on an embedding they would suggest that the axes mean something.
    axis = {
        "showgrid": False,
        "zeroline": False,
        "linecolor": look.faint,
        "tickcolor": look.faint,
        "ticks": "outside",
        "ticklen": 4,
        "automargin": True,
        "tickfont": {"color": look.quiet, "size": 12},
        "title": {"font": {"color": look.quiet, "size": 13}, "standoff": 8},
    }
    hidden = {"visible": False, "showgrid": False, "showbackground": False, "zeroline": False, "showspikes": False}
    return go.layout.Template(
        layout={
            "font": {"family": '"Source Sans", system-ui, sans-serif', "size": 13, "color": look.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(CATEGORIES),
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": hidden, "yaxis": hidden, "zaxis": hidden},
            "legend": {"bgcolor": "rgba(0,0,0,0)", "itemsizing": "constant", "font": {"size": 13}, "tracegroupgap": 2},
            "hoverlabel": {"bgcolor": look.paper, "bordercolor": look.faint, "font": {"color": look.text, "size": 13}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": look.faint, "activecolor": look.accent},
            "colorscale": {"sequential": scale(look.expression), "diverging": scale(DIVERGING)},
        }
    )


for _look in (LIGHT, DARK):
    pio.templates[_look.name] = _template(_look)


def figure(look: Look, height: int) -> go.Figure:
    """An empty figure of the house, ``height`` in pixels."""
    return go.Figure(layout={"template": look.name, "height": height})
