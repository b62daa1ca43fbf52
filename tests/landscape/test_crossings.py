"""How many cells must have crossed, from shares of valleys that are made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtualcell.landscape.crossings import least_crossings

LINE = np.array([[np.inf, 1, np.inf], [1, np.inf, 1], [np.inf, 1, np.inf]])
"""Three valleys in a row: the first and the last do not touch."""

PAIR = LINE[:2, :2]


def measured(*shares: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Valley (cells, valleys) and time of cells, so many of each valley at each time."""
    valley = np.concatenate([np.repeat(np.eye(len(counts)), counts, axis=0) for counts in shares])
    return valley, np.repeat(np.arange(len(shares), dtype=float), [sum(counts) for counts in shares])


def cells(*arguments: np.ndarray) -> np.ndarray:
    """The number of cells that must have crossed."""
    return least_crossings(*arguments)[1]


def test_what_one_valley_loses_crossed_to_the_other() -> None:
    found = cells(*measured([900, 100], [500, 500]), PAIR)
    np.testing.assert_allclose(found, [[0, 400], [0, 0]])


def test_the_share_is_of_one_time_however_many_cells_are_measured() -> None:
    share, number = least_crossings(*measured([900, 100], [250, 250]), PAIR)
    np.testing.assert_allclose(share, [[0, 0.4], [0, 0]])
    np.testing.assert_allclose(number, [[0, 200], [0, 0]])


def test_the_way_leads_over_valleys_that_touch() -> None:
    found = cells(*measured([1000, 0, 0], [600, 100, 300]), LINE)
    expected = np.zeros((3, 3))
    expected[0, 1], expected[1, 2] = 400, 300  # those for the last valley pass through the middle one, too
    np.testing.assert_allclose(found, expected)


def test_the_largest_change_between_any_two_times_counts() -> None:
    found = cells(*measured([1000, 0], [700, 300], [400, 600], [500, 500]), PAIR)
    # 0.6 of a thousand from the first to the third time; back again by 0.1 from the third to the last.
    np.testing.assert_allclose(found, [[0, 600], [100, 0]])


def test_cells_that_come_and_go_are_not_seen() -> None:
    assert not cells(*measured([500, 500], [500, 500]), PAIR).any()


@given(st.integers(0, 10_000), st.integers(100, 2000), st.floats(0.05, 0.95))
@settings(max_examples=40)
def test_noise_alone_is_no_crossing(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    valley, time = np.eye(2)[(rng.random(2 * n) < share).astype(int)], np.repeat([0.0, 1.0], n)
    assert not cells(valley, time, PAIR).any()


def test_noise_passes_as_a_crossing_as_rarely_as_three_standard_errors_say() -> None:
    rng = np.random.default_rng(0)
    time = np.repeat([0.0, 1.0], 300)
    seen = [cells(np.eye(2)[(rng.random(600) < 0.4).astype(int)], time, PAIR).any() for _ in range(1000)]
    assert np.mean(seen) < 0.01  # 0.27 % on average


@pytest.mark.parametrize("gap", [1.0, 3.0])
def test_what_has_grown_has_not_crossed(gap: float) -> None:
    # Cells of the second valley divide: 500 and 500 become 500 and 2,000.
    valley, time = measured([500, 500], [200, 800])
    growth = np.where(valley[:, 1] == 1, np.log(4.0) / gap, 0.0)
    found = cells(valley, gap * time, PAIR)
    assert found[0, 1] == pytest.approx(300)
    assert not cells(valley, gap * time, PAIR, growth).any()
    # A rate that is the same everywhere changes no share, however large it is.
    np.testing.assert_allclose(cells(valley, gap * time, PAIR, np.full(2000, 400.0)), found)


def test_growth_that_hides_a_crossing_is_seen_through() -> None:
    # The shares stay, though the second valley doubles: a third of its cells must have gone back.
    valley, time = measured([500, 500], [500, 500])
    found = cells(valley, time, PAIR, np.where(valley[:, 1] == 1, np.log(2.0), 0.0))
    assert found[1, 0] == pytest.approx((2 / 3 - 1 / 2) * 1000)
    assert found[0, 1] == 0


def test_cells_of_no_valley_and_times_without_cells_are_left_out() -> None:
    valley, time = measured([900, 100], [500, 500])
    stray = np.zeros((300, 2))
    found = cells(np.concatenate([valley, stray]), np.concatenate([time, np.repeat([0.0, 1.0, 2.0], 100)]), PAIR)
    np.testing.assert_allclose(found, [[0, 400], [0, 0]])


def test_cells_that_make_up_their_minds_have_not_crossed() -> None:
    # 1,000 cells between the valleys, of which 300 will come to the first; then they are there.
    valley, time = measured([300, 700])
    undecided = np.tile([0.3, 0.7], (1000, 1))
    assert not cells(np.concatenate([undecided, valley]), np.concatenate([time, time + 1.0]), PAIR).any()
    # Had 300 been on their way to the second of two, and 500 be there: 200 must have crossed.
    valley, time = measured([500, 500])
    found = cells(np.concatenate([undecided[:, ::-1], valley]), np.concatenate([time, time + 1.0]), PAIR)
    np.testing.assert_allclose(found, [[0, 200], [0, 0]])


def test_shares_of_many_cells_in_single_precision_still_sum_to_one() -> None:
    """Arrivals are counted in single precision; sums of thousands of twentieths stray, and transport wants equal sums."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        valley = (rng.multinomial(20, [0.5, 0.3, 0.2], size=40_000) / 20).astype(np.float32)
        share, _ = least_crossings(valley, np.repeat([0.0, 1.0], 20_000), LINE)
        assert share.max() < 0.05
