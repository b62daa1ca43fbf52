"""Perturb, what changes: every view draws something on real cells, and says what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pages.test_pages import figures, open_page, words

pytestmark = pytest.mark.slow


def titled(at, title: str) -> list[dict]:
    return [fig for fig in figures(at) if fig["layout"].get("xaxis", {}).get("title", {}).get("text") == title]


def test_bars_carry_intervals_and_the_volcano_shows_every_gene() -> None:
    (bars,) = titled(open_page("perturb", "kang"), "predicted log2 fold change")
    assert len(bars["data"][0]["error_x"]["array"]["bdata"]) > 0
    at = open_page("perturb", "kang", **{"gene-picture-kang": "Volcano"})
    (volcano,) = titled(at, "log2 fold change")
    assert sum(int(trace["name"].split("(")[1].strip(")").replace(",", "")) for trace in volcano["data"]) == 1267
    assert len(at.dataframe[0].value) == 1267


def test_interferon_raises_interferon_stimulated_genes_first() -> None:
    at = open_page("perturb", "kang", **{"outcome-kang": "Gene sets"})
    table = at.dataframe[0].value
    assert table.iloc[0]["set"] == "Interferon score"
    assert table.iloc[0]["change"] > 2
    assert table.iloc[0]["q"] < 0.05
    assert "ISG15" in table.iloc[0]["leading"]


def test_a_readers_own_sets_are_added_and_a_wrong_line_is_named() -> None:
    at = open_page("perturb", "kang", **{"outcome-kang": "Gene sets"})
    at.text_area(key="gmt-text-kang").set_value("Mine\tme\tISG15\tMX1\tIFIT3").run()
    assert "Mine" in set(at.dataframe[0].value["set"])
    at.text_area(key="gmt-text-kang").set_value("Mine ISG15 MX1").run()
    assert not at.exception
    assert "line 1" in at.error[0].value
    assert len(at.dataframe[0].value) > 2


def test_fates_are_shown_where_cells_move_and_nowhere_else() -> None:
    at = open_page("perturb", "simulated", **{"outcome-simulated": "Fates"})
    (fig,) = titled(at, "share of cells")
    assert len(fig["data"]) == 2
    table = at.dataframe[0].value
    np.testing.assert_allclose(table[["without", "with"]].sum(), 100, atol=1e-6)
    assert "no evidence of cause" in words(at)
    (views,) = [one for one in open_page("perturb", "kang").button_group if one.key == "outcome-kang"]
    assert list(views.options) == ["Genes", "Gene sets"]


def test_pairs_stand_beside_the_sum_of_their_parts() -> None:
    at = open_page("perturb", "norman", **{"outcome-norman": "Pairs"})
    assert "of the 5** measured pairs" in words(at) or "of 5** measured pairs" in words(at)
    assert "10 more pairs were measured, but not both of their parts alone" in words(at)
    (shares,) = titled(at, "share of the sum of both alone")
    assert len(shares["data"][0]["y"]) == 5
    (matrix,) = [fig for fig in figures(at) if [trace.get("name") for trace in fig["data"]][-1:] == ["measured together"]]
    assert len(matrix["data"][0]["x"]) + len(matrix["data"][1]["x"]) == 18 * 17 / 2
