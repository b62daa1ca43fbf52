"""Views of the page Generate as tests look at them."""

from __future__ import annotations

import base64
import json

import numpy as np
from streamlit.testing.v1 import AppTest

from tests.pages.test_links import open_page


def view(demo: str, name: str, **link: str) -> AppTest:
    """A view of the page Generate, opened by its link; no exception, no error on it."""
    at = open_page("generate", demo, **{f"generate-{demo}": name}, **link)
    assert not at.exception
    assert not at.error
    return at


def words(at: AppTest) -> str:
    """All that the page says."""
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(element.value for kind in kinds for element in getattr(at, kind))


def figure(at: AppTest, key: str) -> dict:
    """The figure of this key, as the browser gets it."""
    (found,) = [element for element in at.get("plotly_chart") if key in element.proto.id]
    return json.loads(found.proto.spec)


def values(found: object) -> np.ndarray:
    """An array of a figure as the browser gets it."""
    if isinstance(found, dict):
        return np.frombuffer(base64.b64decode(found["bdata"]), dtype=found["dtype"]).astype(float)
    return np.asarray(found, dtype=float)


def metric(at: AppTest, label: str) -> str:
    """The value under this label."""
    return next(one.value for one in at.metric if one.label == label)
