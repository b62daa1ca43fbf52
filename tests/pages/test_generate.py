"""Generate: what holds in all views: links, speed, and words where a generator is missing or broken."""

from __future__ import annotations

import time

import pytest
import streamlit as st

from tests.pages.generate_views import view, words
from tests.pages.test_links import NOT_IN_LINK, controls, elements, parameter
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError
from virtualcell.ui import generate as g

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", g.ASKS)
def test_every_control_of_every_view_is_in_the_link(name):
    at = view("assays", name)
    assert not [element.key for element in elements(at) if parameter(element) == "" and element.key not in NOT_IN_LINK]
    assert {"generate-assays"} < {parameter(element) for element in controls(at)}
    assert "synthetic" in words(at)


@pytest.mark.parametrize("name", g.ASKS)
def test_a_view_that_was_drawn_before_is_there_at_once(name):
    at = view("a549", name)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        at.run()
        took.append(time.perf_counter() - began)
    assert min(took) < 1.0


def test_without_a_generator_nothing_is_drawn_and_the_command_is_told(monkeypatch):
    monkeypatch.setattr(VirtualCell, "load_generators", lambda self, folder: None)
    st.cache_resource.clear()
    try:
        for name in (g.NEW, g.TURN, g.PAIRS):
            at = view("kang", name)
            assert any("was not trained for these cells" in info.value for info in at.info)
            assert any("--generators kang" in block.value for block in at.code)
            assert not at.get("plotly_chart")
    finally:
        st.cache_resource.clear()


def test_a_generator_that_cannot_be_read_is_not_said_to_be_untrained(monkeypatch):
    def broken(self: VirtualCell, folder: object) -> None:
        for name in ("samplers", "codes", "pairs"):
            problem = f"The file of {name} is *broken*."
            self._faults[name] = DataError(problem, next_step="copy it again.", file=f"/secret/path/{name}.json")

    monkeypatch.setattr(VirtualCell, "load_generators", broken)
    st.cache_resource.clear()
    try:
        for view_name, name in ((g.NEW, "samplers"), (g.TURN, "codes"), (g.PAIRS, "pairs")):
            at = view("kang", view_name)
            (said,) = [one.value for one in at.warning]
            assert f"could not be read from {name}.json" in said
            assert "What to do: copy it again." in said
            assert r"\*broken\*" in said
            assert "secret" not in said
            assert not any("was not trained" in info.value for info in at.info)
            assert any("--generators kang" in block.value for block in at.code)
    finally:
        st.cache_resource.clear()
