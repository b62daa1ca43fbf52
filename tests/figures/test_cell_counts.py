"""Bars and tiles count every cell exactly once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtualcell.figures.cell_counts import MOST, count_bars, count_tiles


def drawn(fig) -> dict[str, int]:
    return dict(zip(fig.data[0].y, (int(n) for n in fig.data[0].x), strict=True))


def test_times_stand_in_their_order_with_their_unit():
    fig = count_bars(np.array([3.0, 0.0, 0.0, 1.5, 3.0, 3.0]), unit="h")
    assert list(drawn(fig).items()) == [("0 h", 2), ("1.5 h", 1), ("3 h", 3)]


def test_rare_values_are_drawn_as_one_and_missing_ones_are_told():
    values = pd.Series([f"type{i}" for i in range(30) for _ in range(40 - i)] + [None] * 5).to_numpy()
    found = drawn(count_bars(values))
    assert len(found) == MOST + 2
    assert found["missing"] == 5
    assert found["type0"] == 40
    assert "type29" not in found
    assert sum(found.values()) == len(values)


def test_tiles_are_the_cross_table():
    rng = np.random.default_rng(0)
    times, drugs = rng.choice([0.0, 1.0, 3.0], 500), rng.choice(["dex", "vehicle"], 500)
    drugs[times == 0] = "vehicle"
    tiles = count_tiles(times, drugs, unit="h").data[0]
    for x, t in (("0 h", 0.0), ("1 h", 1.0), ("3 h", 3.0)):
        for y in ("dex", "vehicle"):
            n = int(np.sum((times == t) & (drugs == y)))
            z = tiles.z[list(tiles.y).index(y)][list(tiles.x).index(x)]
            assert n == (0 if np.isnan(z) else z)
    assert list(tiles.x) == ["0 h", "1 h", "3 h"]


def test_tiles_count_the_rest_and_the_missing():
    many = np.array([f"guide{i}" for i in range(40) for _ in range(3)], dtype=object)
    many[:4] = None
    tiles = count_tiles(np.tile([0, 1], 60), many).data[0]
    assert np.nansum(tiles.z) == 120
    assert {"missing", "all others"} <= set(tiles.y)


def test_tiles_of_other_cells_are_refused():
    with pytest.raises(ValueError, match="2 values across but 3 down"):
        count_tiles(np.array([1, 2]), np.array(["a", "b", "c"]))
