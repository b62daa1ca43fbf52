"""Your cells: from a reader's own file to a trained model."""

from __future__ import annotations

import streamlit as st

from virtualcell.ui import own_columns, own_findings, uploads
from virtualcell.ui.frame import inside

inside()
st.markdown(":gray[Bring your own cells, say what their columns mean, and train a model on them. No terminal is needed.]")
st.markdown("##### 1 · The cells")
own = uploads.give()
if own is not None:
    st.markdown("##### 2 · What the columns mean")
    own_columns.choose(own)
    ready = own_findings.report(own)
    if not own.changed:
        with st.expander("The same from a terminal"):
            st.code(own_findings.command(own.name, own.columns, own.kinds), language="bash")
