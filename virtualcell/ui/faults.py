"""What a reader is told where a page fails, or where a link asks for what is not there: what happened, and what to do next."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from virtualcell import __version__
from virtualcell.data.catalogue import DEMOS
from virtualcell.schema import DataError
from virtualcell.ui.words import literal

logger = logging.getLogger("virtualcell")

_VAIN = "asked-in-vain"


class FaultError(Exception):
    """What Streamlit shows of a fault: its kind and the reference in the server's log, no traceback and no paths."""


@contextmanager
def told(title: str, home: str) -> Iterator[None]:
    """Around a page: what it raises becomes words and a way on. title: of the page; home: file of the first page.

    The whole traceback goes to the server's log under a reference that the page shows.
    """
    try:
        yield
    except DataError as error:
        logger.warning("On %s: %s", title, error)
        # A reader's own cells may lack what a page is about; the rest of the page would be made of nothing.
        st.error(f"{error.problem} What to do: {error.next_step}", icon=None)
        _ways_on(title, home)
    except Exception as error:
        reference = secrets.token_hex(3)
        link = "&".join(f"{name}={value}" for name, value in st.query_params.to_dict().items())
        logger.exception("Fault %s on %s?%s", reference, title, link)
        st.error(
            f"**This page could not be drawn.** The fault is in VirtualCell, and your link and files are as they were. Try once "
            f"more; if it fails again, open the page without the choices in its link. The server's log has the details under "
            f"**{reference}**.",
            icon=None,
        )
        _ways_on(title, home)
        with st.expander("Tell someone who can mend it"):
            st.caption("Send these lines to whoever runs this server, or to the project, and say what you did before.")
            st.code(
                f"reference {reference}\npage      {title}\nlink      ?{link}\nkind      {type(error).__name__}\nversion   "
                f"{__version__}",
                language=None,
            )
        st.exception(FaultError(f"{type(error).__name__}, {reference} in the server's log"))


def _ways_on(title: str, home: str) -> None:
    with st.container(horizontal=True):
        st.button("Try again", key="fault-again", type="primary")
        st.button("This page without choices", key="fault-plain", on_click=_forget_choices)
        if title != "Home":
            st.page_link(home, label="Home", query_params={"demo": st.query_params.get("demo", "")})


def _forget_choices() -> None:
    for name in set(st.query_params) - {"demo"}:
        del st.query_params[name]


def ask_in_vain(key: str | None, chosen: str) -> None:
    """Remembers that the link asked for cells that are not here (None: it did not), and which are shown in their place."""
    if key is not None:
        st.session_state[_VAIN] = (key, chosen)


def asked_in_vain(chosen: str) -> None:
    """Says that the link asked for other cells, until the reader chooses some. chosen: key of what is shown."""
    key, then = st.session_state.get(_VAIN, (None, None))
    if key is None or chosen != then:
        st.session_state.pop(_VAIN, None)
        return
    title = literal(DEMOS[chosen].title if chosen in DEMOS else chosen)
    st.warning(
        f"The link asks for cells named “{literal(key[:40])}”, and there are none of that name here. Shown instead: **{title}**. "
        "Choose others in the list above, or check the link for a typing error.",
        icon=None,
    )
