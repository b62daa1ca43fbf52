"""Times written as text become the numbers that a reader would write."""

from __future__ import annotations

import pandas as pd
import pytest

from virtualcell.data.times import read_times, text_times


@pytest.mark.parametrize(
    ("texts", "numbers", "unit"),
    [
        (["0h", "3h", "24h"], [0, 3, 24], "h"),
        (["0 hr", "2 hours", "1 hour"], [0, 2, 1], "h"),
        (["day 0", "Day 2", "day_7", "Day-9"], [0, 2, 7, 9], "d"),
        (["D0", "d3.5", "14d"], [0, 3.5, 14], "d"),
        (["E8.5", "E10.5", "P7"], [8.5, 10.5, 7], "d"),
        (["24hpf", "48 hpf"], [24, 48], "h"),
        (["week 1", "2 weeks"], [1, 2], "weeks"),
        (["t0", "t=15", "timepoint 3"], [0, 15, 3], "h"),
        (["0", "1.5", "3"], [0, 1.5, 3], "h"),
        (["day -2", "day 0"], [-2, 0], "d"),
        (["Day 00-03", "Day 06-09"], [1.5, 7.5], "d"),
        (["30 min", "1h", "2h"], [0.5, 1, 2], "h"),
        (["12h", "1 day", "3 days"], [0.5, 1, 3], "d"),
    ],
)
def test_texts_as_numbers_in_one_unit(texts, numbers, unit):
    found = read_times(texts)
    assert found.unit == unit
    assert [found.number[text] for text in texts] == pytest.approx(numbers)
    assert not found.unread


def test_the_unit_given_is_that_of_bare_numbers():
    assert read_times(["0", "4"], "weeks").unit == "weeks"
    mixed = read_times(["0", "90 min", "30 min"], "h")  # two of three name minutes
    assert (mixed.unit, mixed.number["0"]) == ("min", 0)


@pytest.mark.parametrize("text", ["control", "unstimulated", "batch1", "3x", "1h2d", "day", "", "5 dx", "donor 3", "10m"])
def test_what_is_no_time_is_not_read(text):
    assert read_times([text]).unread == (text,)


def test_ranges_are_told():
    assert read_times(["0-2h"]).ranges
    assert not read_times(["day-2"]).ranges


def test_a_column_of_text_times_is_found():
    obs = pd.DataFrame({"sample": ["a", "b"], "when": pd.Categorical(["D0", "D4"]), "hours": [1.0, 2.0], "one": ["3h", "3h"]})
    assert text_times(obs, ["hours", "one", "when"]) == "when"
    assert text_times(obs, ["hours", "one"]) is None, "D0 and D4 may be donors where the name does not say time"


def test_times_that_name_their_unit_are_found_under_any_name():
    obs = pd.DataFrame({"plate": ["p1", "p2", "p3"], "x": ["0h", "6 h", "day 1"]})
    assert text_times(obs, []) == "x"
    assert text_times(obs[["plate"]], []) is None
