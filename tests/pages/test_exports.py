"""Every figure can be saved and described aloud, every table taken away with where it is from."""

from __future__ import annotations

import json

import pytest

from tests.pages.test_links import DEMOS, PAGES, elements, open_page
from virtualcell.ui import parts

pytestmark = pytest.mark.slow  # opens every page


def buttons(at) -> list:
    return [element for element in elements(at) if element.type == "download_button"]


@pytest.mark.parametrize("demo", [*DEMOS, "norman"])
@pytest.mark.parametrize("page", PAGES)
def test_figures_have_words_and_a_file_name_and_tables_a_csv_after_them(page, demo):
    at = open_page(page, demo)
    assert not at.exception
    for element in at.get("plotly_chart"):
        config = json.loads(element.proto.config)["toImageButtonOptions"]
        assert config["format"] == "svg"
        assert config["filename"].startswith(f"{demo}-")
        assert len(element.proto.alt) > 10
    waiting = None
    for element in elements(at):
        if element.type == "dataframe":
            assert waiting is None, "two tables without a CSV between them"
            waiting = element
        elif element.type == "download_button" and str(element.key).startswith("csv-"):
            waiting = None
        elif element.type == "markdown" and str(element.value).startswith("#####"):
            assert waiting is None, f"no CSV for the table before {element.value}"
    assert waiting is None, "the last table has no CSV"


def test_figures_are_saved_as_png_where_a_reader_says_so():
    at = open_page("card", "kang")
    at.session_state["share"] = True
    at.run()
    at.button_group(key="share-format").set_value("PNG").run()
    assert not at.exception
    found = [json.loads(element.proto.config)["toImageButtonOptions"] for element in at.get("plotly_chart")]
    assert found
    assert all(config["format"] == "png" and config["scale"] >= 2 for config in found)


def test_a_format_that_does_not_exist_is_the_first(monkeypatch):
    monkeypatch.setattr(parts.st, "session_state", {parts._SAVED_AS: "exe"})
    assert parts.saved_as() == "SVG"
