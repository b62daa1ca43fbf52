"""Whatever may take over a second says what is being done: every cached computation of the pages has words for its wait."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

QUICK = {("cards", "_picture"), ("comparisons", "_benchmark"), ("trajectory_next", "_answers")}
"""A small map (under 50 ms, see test_home), the reading of one JSON file, and an empty shelf that is filled under a bar."""


def cached() -> list[tuple[str, str, ast.expr | None]]:
    """File, function and show_spinner of every cached function of the pages."""
    found = []
    for file in [*(ROOT / "pages").glob("*.py"), *(ROOT / "virtualcell" / "ui").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for mark in getattr(node, "decorator_list", []):
                called = mark.func if isinstance(mark, ast.Call) else mark
                if isinstance(called, ast.Attribute) and called.attr in ("cache_resource", "cache_data"):
                    words = next((k.value for k in getattr(mark, "keywords", []) if k.arg == "show_spinner"), None)
                    found.append((file.stem, node.name, words))
    return found


def test_the_search_finds_what_is_cached():
    assert ("state", "_bundle") in {(file, name) for file, name, _ in cached()}


@pytest.mark.parametrize(("file", "name", "words"), cached(), ids=lambda part: part if isinstance(part, str) else "")
def test_a_wait_has_words(file, name, words):
    if (file, name) in QUICK:
        return
    assert isinstance(words, ast.Constant), "Streamlit would show the name of the function"
    assert isinstance(words.value, str), "without words a reader does not know whether anything happens"
    assert words.value.endswith(" …")
    assert words.value[0].isupper()
    assert len(words.value.split()) >= 2
