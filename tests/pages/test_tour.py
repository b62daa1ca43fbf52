"""The tour leads over the pages, says of each what is on it, can be left and taken up, and never stands in the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import load_bundle
from virtualcell.ui.frame import PAGES
from virtualcell.ui.tour_steps import STEPS

ROOT = Path(__file__).resolve().parents[2]


def open_app(**link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for name, value in link.items():
        at.query_params[name] = value
    return at.run()


def said(at: AppTest) -> str:
    """What the band says."""
    return next((block.value for block in at.markdown if block.value.startswith(":small[:gray[Tour")), "")


def text(at: AppTest) -> str:
    return "\n".join(block.value for kind in ("markdown", "metric", "caption") for block in getattr(at, kind))


def keys(at: AppTest) -> set[str]:
    return {button.key for button in at.button}


def test_every_step_stands_on_a_page_and_cells_that_are_there():
    titles = [title for _, title in PAGES]
    assert all(step.page in titles and step.demo in DEMOS for step in STEPS)
    assert 5 <= len(STEPS) <= 7


def test_from_the_first_step_to_the_last_and_out():
    at = open_app()
    assert not said(at)
    at.button(key="tour-begin").click().run()
    for number, step in enumerate(STEPS):
        assert not at.exception
        assert not at.error
        assert f"Tour, {number + 1} of {len(STEPS)}" in said(at)
        assert step.title in said(at)
        assert at.query_params["tour"] == str(number + 1)
        assert at.selectbox(key="demo").value == step.demo
        assert re.search(r"\d", said(at).split("**  \n")[1]), "a step says a number of what it shows"
        if number + 1 < len(STEPS):
            at.button(key="tour-next").click().run()
    at.button(key="tour-finish").click().run()
    assert not said(at)
    assert "tour" not in at.query_params
    assert "tour-begin" in keys(at)


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_a_link_restores_a_step_from_anywhere(number):
    at = open_app(tour=str(number))
    assert not at.exception
    assert f"Tour, {number} of" in said(at)
    assert at.selectbox(key="demo").value == STEPS[number - 1].demo


@pytest.mark.parametrize("nonsense", ["0", "8", "-1", "x", "", "²"])
def test_a_link_to_no_step_opens_home_without_a_tour(nonsense):
    at = open_app(tour=nonsense)
    assert not at.exception
    assert not said(at)


def test_what_a_step_says_is_on_its_page():
    at = open_app(tour="3")
    shares = re.findall(r"\*\*(\d+)\*\*", said(at))
    page = "\n".join(block.value for block in at.markdown if block.value != said(at))
    assert shares
    assert all(f"**{share}**" in page for share in shares)
    at = open_app(tour="5")
    changed = re.search(r"changes (\d+) of ([\d,]+) genes", said(at))
    assert f"{changed[1]} of {changed[2]}" in [metric.value for metric in at.metric]
    at = open_app(tour="6")
    names = [a.name for a in load_bundle("larry").landscape.attractors]
    assert all(name in said(at) for name in names)
    assert f"{len(names)} valleys" in said(at)
    assert names == list(at.dataframe[0].value["Named by the cells around it"])


def test_the_last_step_says_how_many_were_refused_as_its_page_does():
    at = open_app(tour="7")
    refused = re.search(r"Of (\d+) cells .* (\d+) are refused", said(at))
    assert f"{refused[2]} of {refused[1]}" in [metric.value for metric in at.metric]
    assert 80 <= int(re.search(r"(\d+) % lies where 90 % should", said(at))[1]) <= 97


def test_the_test_that_the_tour_speaks_of_is_that_of_the_report():
    said_of_it = said(open_app(tour="4"))
    rows = [
        r for r in load_bundle("a549").report["rows"] if r["where"] == "a549, 1 h held out" and r["metric"] == "energy distance"
    ]
    ours = next(row["value"] for row in rows if row["method"] == "VirtualCell")
    others = [row["value"] for row in rows if not row["method"].startswith(("VirtualCell", "floor"))]
    assert f"off by {ours:.2f}, the rule by {min(others):.2f}" in said_of_it
    assert f"{len(others)} simple rules" in said_of_it


def test_who_walks_off_finds_the_way_back_and_who_leaves_is_left_alone():
    at = open_app(tour="2")
    at.selectbox(key="demo").select("kang").run()
    assert not said(at)
    assert {"tour-on", "tour-leave"} <= keys(at)
    at.button(key="tour-on").click().run()
    assert "Tour, 2 of" in said(at)
    assert at.selectbox(key="demo").value == STEPS[1].demo
    at.button(key="tour-leave").click().run()
    assert not said(at)
    assert not {"tour-on", "tour-leave"} & keys(at)
    assert "tour" not in at.query_params
    at.run()
    assert not said(at)
