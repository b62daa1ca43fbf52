"""Generate: what could a cell look like that was not measured?"""

from __future__ import annotations

import streamlit as st

from virtualcell.ui import code_pages, generate, state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.generate_carried import carried, remember
from virtualcell.ui.methods import methods
from virtualcell.ui.parts import caveats, lead, provenance
from virtualcell.ui.share import share

inside()
b = state.bundle()
place = lead(
    b,
    "What could a cell look like that is not among these? What a model draws is **synthetic**: computed, and called so in every "
    "title and file.",
)
carried(b)
usual = generate.MISSING if generate.sources(b) else generate.NEW
view = st.segmented_control(
    "What to draw", list(generate.ASKS), default=usual, required=True, key=state.own(b, "generate"), bind="query-params",
    label_visibility="collapsed",
)  # fmt: skip
remember(b, view)
st.markdown(words.of_kind(generate.ASKS[view], b.demo.simulated))
# Beside each other, panels would be narrow strips on a small screen.
st.html(
    "<style>@media (max-width: 1000px) { .st-key-generate-view [data-testid='stHorizontalBlock'] { flex-wrap: wrap; } "
    ".st-key-generate-view [data-testid='stColumn'] { min-width: 100%; } }</style>"
)

# Imported by the view that is asked for: each opens what the others do without.
if view == generate.MISSING:
    from virtualcell.ui.generate_missing import missing as show
elif view == generate.NEW:
    from virtualcell.ui.generate_new import new_cells as show
elif view == generate.TURN:
    from virtualcell.ui.generate_turn import turn as show
elif view == generate.IMAGES:
    from virtualcell.ui.generate_images import images as show
elif view == generate.PAIRS:
    from virtualcell.ui.generate_pairs import pairs as show
else:
    from virtualcell.ui.generate_assays import assays as show
with st.container(key="generate-view"):
    shown = show(b)
generate.marked_in_link(b, view)
if view != generate.IMAGES:
    caveats(b)
if view == generate.IMAGES:
    st.caption(f"VirtualCell {b.model.record['version']}, image codes. {generate.PICTURES}")
else:
    provenance(b, *(shown.facts if shown is not None else ()))
share(
    b,
    code=shown.code if shown is not None else lambda: code_pages.all_cells(b, "Generate"),
    methods=lambda: methods(b, shown.methods() if shown is not None else ""),
    place=place,
)
