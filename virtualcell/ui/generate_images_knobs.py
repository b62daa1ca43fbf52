"""Generate, blood-cell images: each knob turned from end to end, with words for what it does to the chosen kind of cell."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.drawn_images import turned_images
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

GROUND = " of the ground"
TURNED = {
    "lightness": ("lighter", "darker"),
    "red over blue": ("redder", "bluer"),
    "purple": ("more purple", "less purple"),
    "lightness of the ground": ("lighter ground", "darker ground"),
    "red over blue of the ground": ("redder ground", "bluer ground"),
    "size": ("larger", "smaller"),
    "off centre": ("off the middle", "to the middle"),
    "pale centre": ("paler centre", "darker centre"),
    "grain": ("grainier", "smoother"),
}
"""What is said where a measurement of a picture (``images_knobs.readings``) grows, and where it shrinks."""
MOST, LEAST = 3, 0.3
"""Changes of a knob that are named at most, and the smallest that is (standard deviations of photographs)."""


def named_changes(changes: dict[str, float]) -> list[str]:
    """What one knob does most, in words with their size, largest first; of the ground no more than one, as pictures are of cells.
    changes: reading -> standard deviations."""
    most = sorted(changes, key=lambda name: -abs(changes[name]))
    most = [name for name in most if not name.endswith(GROUND) or name == next(n for n in most if n.endswith(GROUND))][:MOST]
    return [f"{TURNED[name][changes[name] < 0]} {abs(changes[name]):.1f}" for name in most if abs(changes[name]) >= LEAST]


def knobs(frames: np.ndarray, effects: list[dict[str, float]], *, kind: str, of: str, file: str) -> None:
    """A row a knob, named by what it does. frames: (knobs, steps, height, width, 3) uint8; effects: of each knob on this kind,
    in standard deviations among the photographs that ``of`` names; kind: as the choice calls it; file: name of the picture."""
    st.markdown("##### What each knob does")
    rows = []
    for i, changes in enumerate(effects):
        said = "<br>".join(named_changes(changes) or ["little"])
        # In the row of its name: three lines are as high as a picture in a narrow window.
        rows.append(f"<b>knob {i + 1}</b>  <span style='font-size:12px'>{said}</span>")
    fig = turned_images(frames, knobs=rows, look=look())
    alt = f"One drawn picture ({kind}) as each of {len(frames)} knobs is turned from -1 to 1"
    chart(fig, "images-turned", alt=alt, file=file)
    st.caption(
        "One picture; in each row one knob goes from -1 to +1 while the others stay where they stand and chance is held. Words: "
        "what changes most from -1 to +1 in pictures of this kind, and by how many standard deviations among "
        f"{of}. Colours are of the middle of the picture; a paler centre is paler than the ring around it."
    )
