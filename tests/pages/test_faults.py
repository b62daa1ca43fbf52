"""Where a page fails or a link asks for what is not there, the reader is told what to do next."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from virtualcell.data.catalogue import DEMOS
from virtualcell.schema import DataError
from virtualcell.ui import glance

ROOT = Path(__file__).resolve().parents[2]


def home(**link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in link.items():
        at.query_params[name] = value
    return at.run()


def test_a_fault_becomes_words_and_a_way_on_and_the_log_has_the_rest(monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("secret/path/of/the/server")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, logger="virtualcell"):
        patched.setattr(glance, "of_demo", broken)
        at = home(demo="kang", closer="x")
    (said,) = at.error
    assert "could not be drawn" in said.value
    reference = said.value.split("**")[-2]
    # The log names the same reference, with the traceback; the page shows the kind of fault and no more.
    (record,) = [record for record in caplog.records if record.name == "virtualcell" and record.exc_info]
    assert reference in record.getMessage()
    assert "secret/path" in caplog.text
    shown = at.exception[0].message + said.value + "".join(block.value for block in at.code)
    assert reference in at.exception[0].message
    assert "ZeroDivisionError" in shown
    assert "secret/path" not in shown
    assert at.exception[0].stack_trace in ([], None)
    assert any("closer=x" in block.value for block in at.code)
    # Mended meanwhile, the button runs the page again.
    at.button(key="fault-again").click().run()
    assert not at.exception
    assert not at.error


def test_a_page_without_choices_keeps_the_cells(monkeypatch):
    monkeypatch.setattr(glance, "of_demo", lambda *_: 1 / 0)
    at = home(demo="kang", closer="x")
    at.button(key="fault-plain").click().run()
    assert at.query_params["demo"] == "kang"
    assert "closer" not in at.query_params


def test_what_a_user_can_mend_is_said_as_such(monkeypatch):
    def missing(*_):
        raise DataError("The counts are gone.", next_step="copy them back.", file="cells.h5mu")

    monkeypatch.setattr(glance, "of_demo", missing)
    at = home()
    assert not at.exception
    assert [box.value for box in at.error] == ["The counts are gone. What to do: copy them back."]


def test_unknown_cells_in_the_link_are_named_until_others_are_chosen():
    at = home(demo="no-such-cells")
    assert not at.exception
    first = next(iter(DEMOS))
    (said,) = [box.value for box in at.warning]
    assert "no-such-cells" in said
    assert DEMOS[first].title in said
    at.run()
    assert len(at.warning) == 1, "it must not vanish before it was read"
    at.selectbox(key="demo").select("kang").run()
    assert not at.warning


def test_known_cells_in_the_link_are_no_matter():
    assert not home(demo="kang").warning


@pytest.mark.parametrize(("page", "demo"), [("trajectories", "kang"), ("landscape", "cite"), ("modalities", "larry")])
def test_what_cells_cannot_show_says_so_with_a_way_on(page, demo):
    at = home(demo=demo)
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception
    links = [element.proto.page for element in at.get("page_link")] + [button.label for button in at.button]
    assert any("perturb" in link or "explore" in link or link.startswith("Show ") for link in links)
