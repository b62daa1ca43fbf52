"""Your cells: from a reader's own file to a trained model, and the list of models."""

from __future__ import annotations

import streamlit as st

from virtualcell.schema import Settings
from virtualcell.ui import own_columns, own_findings, runs, runs_start, uploads
from virtualcell.ui.again import command
from virtualcell.ui.frame import inside

inside()
st.markdown(":gray[Bring your own cells, say what their columns mean, and train a model on them. No terminal is needed.]")
if runs.switch() == runs.MODELS:
    runs.models()
    st.stop()

st.markdown("##### 1 · The cells")
own = uploads.give()
if own is not None:
    st.markdown("##### 2 · What the columns mean")
    own_columns.choose(own)
    ready = own_findings.report(own)
    if not own.changed:
        with st.expander("The same from a terminal"):
            st.code(command(own.name, Settings(columns=own.columns, kinds=own.kinds)), language="bash")
    if ready:
        st.markdown("##### 3 · Train")
        started = runs_start.start(own)
        if started is not None:
            runs.show_next(started)
    else:
        st.markdown("##### 3 · Train")
        st.markdown(":gray[Opens when what is marked in red above is put right.]")
