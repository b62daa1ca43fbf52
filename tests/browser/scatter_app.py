"""A small page with our map, for tests of the map itself: made-up cells in four quarters, from the address's settings."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.explore.polygon import members, pack, unpack
from virtualcell.figures.colouring import blend, colouring
from virtualcell.ui.scatter import scatter
from virtualcell.ui.theme import look

st.set_page_config(layout="wide")
asked = st.query_params
n, renderer = int(asked.get("n", "60000")), asked.get("renderer", "webgl")


@st.cache_resource
def cells(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    quarter = rng.integers(0, 4, n)
    corner = np.array([[-5.0, -5.0], [5.0, -5.0], [-5.0, 5.0], [5.0, 5.0]])
    return (corner[quarter] + rng.uniform(-4, 4, (n, 2))).astype(np.float32), quarter, rng.uniform(0, 3, n)


positions, quarter, amount = cells(n)
names = np.array(["south-west", "south-east", "north-west", "north-east with a very long name that cannot fit"])[quarter]
by = st.segmented_control("Colour by", ["quarter", "amount", "blend"], default="quarter", key="by")
if by == "quarter":
    colours = colouring(names, name="quarter", look=look())
elif by == "amount":
    colours = colouring(amount, name="FKBP5", kind="amount", unit="log", look=look())
else:
    colours = blend(np.column_stack([amount, quarter == 1]), ["FKBP5", "CD74"], look=look())
light = st.checkbox("Light up the north-east", key="light")
given = unpack(asked["outline"]) if "outline" in asked else None
polygon = scatter(
    positions,
    colours,
    key="map",
    alt=f"Map of {n:,} cells coloured by {by}",
    file="cells",
    height=500,
    ids=[f"cell-{i}" for i in range(n)],
    lit=np.flatnonzero(quarter == 3) if light else None,
    polygon=given,
    renderer=renderer,
)
if polygon is None:
    st.write("nothing drawn")
else:
    rows = members(positions, unpack(pack(polygon)))
    st.write(f"{len(rows):,} cells inside; " + ", ".join(f"{count:,}" for count in np.bincount(quarter[rows], minlength=4)))
if "twice" in asked:
    scatter(positions, colours, key="second", alt="the same again", file="second", height=300, select=False, renderer=renderer)
