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

# Hues of Paul Tol's schemes (sronpersonalpages.nl/~pault), each as light or dark as it takes for 3 : 1 on its page (WCAG 2.2,
# 1.4.11) and for the first eight to stay apart for colour-blind readers, too. A place has the same hue on both pages.
ON_LIGHT = (
    "#0055A0",
    "#EE6677",
    "#117733",
    "#997700",
    "#4C97BF",
    "#AA3377",
    "#952309",
    "#8E80D8",
    "#CB7356",
    "#00574D",
    "#612457",
    "#383819",
    "#6E4020",
    "#6648FD",
)
ON_DARK = (
    "#0F7AC0",
    "#F07080",
    "#28963F",
    "#CCBB44",
    "#66CCEE",
    "#B83B84",
    "#CC3A1C",
    "#AC99F8",
    "#D87B5C",
    "#71C3B2",
    "#E33071",
    "#CBCB9F",
    "#875D42",
    "#816FF0",
)
# One list, as a fate has one colour on every page: 3 : 1 on a white page, on a dark one and on the blue floor of a landscape.
FATES = (
    "#B08A00",
    "#EE5F80",
    "#2F8863",
    "#A75EBB",
    "#1F97DB",
    "#D67A45",
    "#6D8200",
    "#D63A92",
    "#20A299",
    "#9C8056",
    "#6F7FEE",
    "#D05249",
)
ENERGY = ("#1F2F57", "#2D4F8C", "#4A7DBF", "#7FADD9", "#B5D5EA", "#DCECF3", "#F6F8EE")


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
    diverging: tuple[str, ...]
    """Scale of less and more than nothing; nothing is next to the page's own colour, lightness changes steadily to both ends."""
    groups: tuple[str, ...]
    """Colours of unordered groups."""
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
        return [self.groups[i % len(self.groups)] for i in range(n)]


def scale(colours: tuple[str, ...]) -> list[list[float | str]]:
    """A Plotly colour scale with evenly spaced stops."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


LIGHT = Look(
    name="virtualcell_light",
    text="#121826",
    quiet="#667085",
    faint="#D5DAE3",
    paper="#FFFFFF",
    accent="#3355CC",
    expression=("#E2E5EB", "#A9CBE3", "#5B9BCB", "#2C5FA8", "#2A2A72"),
    diverging=("#2C5AA0", "#7DA7D4", "#C9DCEC", "#F2F0EC", "#F2C5AE", "#DB7A62", "#A3242F"),
    groups=ON_LIGHT,
    span=(0.02, 0.63),
)
DARK = Look(
    name="virtualcell_dark",
    text="#E4E8F0",
    quiet="#98A2B5",
    faint="#3A4356",
    paper="#10141D",
    accent="#8EA6FF",
    expression=("#343C4D", "#3E67A6", "#53A4D0", "#A5DDDF", "#FBF8CF"),
    diverging=("#C4DFFF", "#7DA7D4", "#3B6299", "#222A39", "#8F4A3C", "#DB8A70", "#FFD3C2"),
    groups=ON_DARK,
    span=(0.4, 0.97),
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
            "colorway": list(look.groups),
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": hidden, "yaxis": hidden, "zaxis": hidden},
            "legend": {"bgcolor": "rgba(0,0,0,0)", "itemsizing": "constant", "font": {"size": 13}, "tracegroupgap": 2},
            "hoverlabel": {"bgcolor": look.paper, "bordercolor": look.faint, "font": {"color": look.text, "size": 13}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": look.faint, "activecolor": look.accent},
            "colorscale": {"sequential": scale(look.expression), "diverging": scale(look.diverging)},
        }
    )


for _look in (LIGHT, DARK):
    pio.templates[_look.name] = _template(_look)


def figure(look: Look, height: int) -> go.Figure:
    """An empty figure of the house, ``height`` in pixels."""
    return go.Figure(layout={"template": look.name, "height": height})
