"""What belongs to a view but is no control of it, such as a drawing on a map, kept in the link and in the session.

Controls write themselves into the link (``bind="query-params"``). At each run Streamlit takes the query from the address bar, so
that writing one more parameter sends all of them back, those of controls included, and starts no run.
"""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

LONGEST = 1500
"""Characters of one remembered value, at most."""
LONGEST_LINK = 4000
"""Characters that every browser, mail program and chat passes on."""

_KEPT = "kept-for-link "
"""Begins the session's keys of what was remembered."""


def recall(name: str) -> str | None:
    """What was remembered under this name, None where nothing was; a link that was opened or gone back to wins over the session.

    The address bar forgets it when the page is left; it is put back there when the page asks for it again.
    """
    here, kept = st.query_params.get(name), st.session_state.get(_KEPT + name)
    if here is not None:
        st.session_state[_KEPT + name] = here
        return here
    if kept is not None and _gone_back():
        del st.session_state[_KEPT + name]
        return None
    if kept is not None and len(kept) <= LONGEST:
        st.query_params[name] = kept
    return kept


def remember(name: str, value: str | None) -> bool:
    """Keeps a short text under this name, in the link and for the session; None forgets it.

    Of a text longer than LONGEST the session alone knows; returns whether the link has it. No control may have the same key.
    """
    fits = value is None or len(value) <= LONGEST
    if value is None:
        st.session_state.pop(_KEPT + name, None)
    else:
        st.session_state[_KEPT + name] = value
    if value is None or not fits:
        leave_out(name)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
    return fits


def leave_out(name: str) -> None:
    """Takes a remembered text out of the link, where the view does not show it; the session keeps it."""
    if name in st.query_params:
        del st.query_params[name]


def only(ending: str) -> None:
    """Takes out of the link what was remembered for other cells: names that do not end like this."""
    for key in list(st.session_state):
        name = str(key).removeprefix(_KEPT)
        if name != key and not name.endswith(ending):
            leave_out(name)


def query() -> str:
    """The query of the view on screen, as the address bar has it once all controls were drawn."""
    return urlencode([(name, value) for name in st.query_params for value in st.query_params.get_all(name)])


def address() -> str:
    """The whole link of the view on screen; without the server's name where the browser did not tell it."""
    asked = query()
    return f"{st.context.url or ''}{'?' if asked else ''}{asked}"


def _gone_back() -> bool:
    # The reader pressed Back: what the older link does not have was not there then.
    found = get_script_run_ctx()
    return found is not None and found.is_history_navigation
