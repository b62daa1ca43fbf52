"""A link holds every control of every page, and opens the same view in another browser."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from virtualcell.explore import rows as packed_rows
from virtualcell.explore.polygon import members, pack, unpack
from virtualcell.ui import state
from virtualcell.ui.link import LONGEST_LINK
from virtualcell.ui.marks import MARKED, outlines

ROOT = Path(__file__).resolve().parents[2]

PAGES = ("trajectories", "perturb", "landscape", "modalities", "generate", "card")
DEMOS = ("a549", "kang", "simulated")
"""Times and two measurements; treatments and batches; known cell states and forces."""

NOT_IN_LINK = {
    "demo": "app.py writes its short key; bound, it would write the long title",
    "gmt-text": "a long text would break the link: virtualcell.ui.link remembers a short one",
}
"""Key, or what it begins with -> why the control is not bound. Buttons, downloads and uploads cannot be."""


def open_page(page: str, demo: str, **link: str | list[str]) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    at.query_params["demo"] = demo
    at.run()
    at.query_params = {"demo": demo, **link}
    at.switch_page(f"pages/{page}.py")
    return at.run()


def elements(at: AppTest) -> list:
    """Everything on the page, blocks included."""
    found = []

    def walk(block) -> None:
        for child in block.children.values():
            found.append(child)
            if hasattr(child, "children"):
                walk(child)

    walk(at._tree)
    return found


def parameter(element) -> str | None:
    """The parameter to which an element is bound: "" where it could be but is not, None where it never can."""
    proto = getattr(element, "proto", None)
    if element.type == "tab_container":
        proto = proto.tab_container
    names = [] if proto is None else [field.name for field in proto.DESCRIPTOR.fields]
    return proto.query_param_key if "query_param_key" in names and element.type != "expander" else None


def controls(at: AppTest) -> list:
    return [element for element in elements(at) if parameter(element)]


def figures(at: AppTest) -> list[dict]:
    return [json.loads(element.proto.spec) for element in at.get("plotly_chart")]


def other(element) -> tuple[object, str | list[str]] | None:
    """Another answer than the one given, and how the browser writes it into the address bar; None where there is none."""
    if element.type == "tab_container":
        return None  # AppTest cannot click it
    if element.disabled:
        return None
    if element.type == "selectbox":
        choices = [option for option in element.options if option != str(element.value)]
        return (choices[-1], choices[-1]) if choices else None
    if element.type == "multiselect":
        choices = [option for option in element.options if option not in element.value][:2]
        return choices, choices
    if element.type == "button_group":
        choices = [option.content for option in element.proto.options]
        choices = [option for option in choices if option != element.value]
        return (choices[-1], choices[-1]) if choices else None
    if element.type == "slider":
        value = element.min if element.value != element.min else element.max
        return value, f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if element.type in ("checkbox", "toggle"):
        return not element.value, str(not element.value).lower()
    if element.type == "number_input":
        return element.value + 1, str(element.value + 1)
    raise AssertionError(f"no other answer is known for {element.type}")


def answers(at: AppTest) -> dict[str, object]:
    return {parameter(element): element.value for element in controls(at) if element.type != "tab_container"}


@pytest.mark.parametrize("demo", DEMOS)
@pytest.mark.parametrize("page", PAGES)
def test_every_control_is_in_the_link_and_the_link_opens_the_same_view(page, demo):
    at = open_page(page, demo)
    asked: set[str] = set()
    # An answer can bring new controls, which are answered in their turn.
    for _ in range(4):
        loose = [e.key for e in elements(at) if parameter(e) == "" and not str(e.key).startswith(tuple(NOT_IN_LINK))]
        assert not loose, f"not bound to the link: {loose}"
        new = [(e, parameter(e), other(e)) for e in controls(at) if parameter(e) not in asked]
        new = [(element, key, answer) for element, key, answer in new if answer is not None]
        if not new:
            break
        for element, key, (value, text) in new:
            asked.add(key)
            element.set_value(value)
            at.query_params[key] = text
        at.run()
        assert not at.exception
    assert not [e for e in elements(at) if e.type == "tab_container" and not parameter(e)]
    changed = {key: value for key, value in at.query_params.items() if key != "demo"}
    assert len(urlencode(at.query_params, doseq=True)) < LONGEST_LINK / 2
    again = open_page(page, demo, **changed)
    assert not again.exception
    assert answers(again) == answers(at)
    assert again.query_params == at.query_params
    assert figures(again) == figures(at)


def test_tabs_come_back():
    at = open_page("card", "kang", card="The cells shown")
    (tabs,) = [element for element in elements(at) if element.type == "tab_container"]
    assert tabs.proto.tab_container.default_tab_index == 1


def square(b, rows: np.ndarray) -> str:
    """An outline, as a link has it, around some cells."""
    places = b.umap2[rows]
    (left, low), (right, high) = places.min(axis=0) - 0.05, places.max(axis=0) + 0.05
    return pack(np.array([[left, low], [right, low], [right, high], [left, high]]))


def test_drawings_on_perturb_come_back():
    b = state.bundle("switch")
    untreated = state.untreated(b)
    kinds = state.values(b, b.demo.columns.state)
    start = square(b, untreated[kinds[untreated] == kinds[untreated[0]]][:40])
    inside = members(b.umap2, unpack(start))
    goal = square(b, np.setdiff1d(np.flatnonzero(kinds != kinds[untreated[0]]), inside)[:40])
    drawn = {"push-start-switch": start, "push-goal-switch": goal}
    named = {"start-of-push-switch": "cells drawn here", "goal-of-push-switch": "cells drawn here"}
    at = open_page("perturb", "switch", **drawn, **named, **{"draw-push-switch": "true"})
    assert not at.exception
    assert at.selectbox(key="start-of-push-switch").value == "cells drawn here"
    assert at.selectbox(key="goal-of-push-switch").value == "cells drawn here"
    said = "\n".join(element.value for element in at.markdown)
    assert f"Start: {len(inside):,} cells" in said
    assert f"Goal: {len(members(b.umap2, unpack(goal))):,} cells" in said
    at.button(key="clear-push-switch").click().run()
    assert not set(drawn) & set(at.query_params)


@pytest.mark.parametrize(
    ("page", "key", "shown"),
    [
        ("trajectories", "start-simulated", {}),
        ("landscape", "start-simulated", {}),
        ("perturb", "cells-to-push-simulated", {}),
    ],
)
def test_cells_marked_on_explore_travel_with_the_view_that_shows_them(page, key, shown):
    b = state.bundle("simulated")
    rows = np.flatnonzero(state.values(b, b.demo.columns.time) == 0.0)[::3]
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    at.query_params["demo"] = "simulated"
    at.session_state["marked-simulated"] = rows
    at.run()
    at.switch_page(f"pages/{page}.py")
    at.run()
    assert "marked-cells-simulated" not in at.query_params
    at.selectbox(key=key).set_value(MARKED)
    at.query_params[key] = MARKED
    at.run()
    np.testing.assert_array_equal(packed_rows.unpack(at.query_params["marked-cells-simulated"], b.cells.n_obs), rows)
    link = {name: value for name, value in at.query_params.items() if name != "demo"}
    again = open_page(page, "simulated", **link, **shown)
    assert again.selectbox(key=key).value == MARKED
    assert figures(again) == figures(at)


def test_lassos_and_boxes_of_plotly_become_outlines():
    lassos = [{"xref": "x", "yref": "y", "x": [0.0, 2.0, 2.0], "y": [0.0, 0.0, 3.0]}, {"x": [1.0], "y": [1.0]}]
    boxes = [{"xref": "x", "yref": "y", "x": [4.0, 3.0], "y": [1.0, 2.0]}]
    lasso, box = outlines(SimpleNamespace(selection=SimpleNamespace(lasso=lassos, box=boxes)))
    np.testing.assert_array_equal(lasso, [[0, 0], [2, 0], [2, 3]])
    np.testing.assert_array_equal(box, [[3, 1], [4, 1], [4, 2], [3, 2]])
