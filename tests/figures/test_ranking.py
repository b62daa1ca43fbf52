"""The ranking draws each share in its panel, best on top, and leaves out what is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtualcell.figures.ranking import ranking


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"treatment": ["a", "b+c", "d"], "closer": [0.8, 0.5, -0.2], "arriving": [0.6, 0.5, 0.1], "low": [0.5, 0.4, 0.05],
         "high": [0.7, 0.6, 0.2], "arriving_untreated": 0.12, "arriving_goal": 0.75, "probability": [0.9, 0.08, 0.02]}
    )  # fmt: skip


def test_each_panel_holds_its_shares_in_percent() -> None:
    fig = ranking(table(), closer=0.3, arriving=0.4)
    way, arriving, probability = fig.data
    for trace in fig.data:
        assert list(trace.y) == ["a", "b+c", "d"]
    np.testing.assert_allclose(way.x, [80, 50, -20])
    np.testing.assert_allclose(arriving.x, [60, 50, 10])
    np.testing.assert_allclose(arriving.error_x.array, [10, 10, 10])
    np.testing.assert_allclose(arriving.error_x.arrayminus, [10, 10, 5])
    np.testing.assert_allclose(probability.x, [90, 8, 2])
    assert fig.layout.yaxis.autorange == "reversed"
    at = {(note.text, note.xref): note.x for note in fig.layout.annotations}
    assert at == {("at random", "x"): 30, ("no push", "x2"): 12, ("goal's own", "x2"): 75, ("at random", "x2"): 40}
    assert sorted(shape.x0 for shape in fig.layout.shapes) == pytest.approx([12, 30, 40, 75])


def test_what_is_not_known_has_no_panel() -> None:
    no_head = ranking(table().assign(probability=np.nan), closer=0.3, arriving=0.4)
    assert [trace.type for trace in no_head.data] == ["bar", "scatter"]
    few = ranking(table().assign(arriving=np.nan, probability=np.nan), closer=0.3, arriving=np.nan)
    assert len(few.data) == 1
    for wrong in (table().head(0), table().drop(columns="low")):
        with pytest.raises(ValueError, match="There must be rows"):
            ranking(wrong, closer=0.3, arriving=0.4)
