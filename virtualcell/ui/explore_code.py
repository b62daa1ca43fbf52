"""Python and words that say again what is on the page Explore."""

from __future__ import annotations


def code(b, wish, views, chosen, panel) -> str:
    return ""


def methods(b, wish, views, chosen, panel) -> str:
    return ""
