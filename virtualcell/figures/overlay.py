"""What is laid over a landscape besides cells that move: ways and coloured cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """A way on the landscape's plane: xy (k, 2). top: index of its pass, None where it has none."""

    xy: np.ndarray
    name: str
    colour: str = "#FFFFFF"
    dash: str = "solid"
    top: int | None = None


@dataclass(frozen=True)
class Shade:
    """Cells at xy (n, 2) coloured by a share (n,) between 0 and 1, from one colour over grey to another. NaN: not known.

    ends: what 0 and 1 mean.
    """

    xy: np.ndarray
    share: np.ndarray
    title: str
    ends: tuple[str, str]
    colours: tuple[str, str]
    middle: str = "#E9ECF2"

    @property
    def scale(self) -> list[list[float | str]]:
        """The Plotly colour scale."""
        return [[0.0, self.colours[0]], [0.5, self.middle], [1.0, self.colours[1]]]

    @property
    def bar(self) -> dict:
        """The Plotly colour bar, whose ends are named."""
        return {
            "title": {"text": self.title, "side": "top", "font": {"size": 13}},
            "tickvals": [0.0, 0.5, 1.0],
            "ticktext": [self.ends[0], "either", self.ends[1]],
            "thickness": 10,
            "len": 0.4,
            "outlinewidth": 0,
        }
