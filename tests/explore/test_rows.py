"""Rows come back from a link as they went in, and nonsense is refused."""

from __future__ import annotations

import base64
import string
import zlib

import numpy as np
import pytest

from virtualcell.explore.rows import pack, unpack


@pytest.mark.parametrize("n", [1, 7, 8, 9, 2641])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_rows_come_back(n, share):
    rows = np.flatnonzero(np.random.default_rng(n).random(n) < share)
    text = pack(rows[::-1], n)
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert len(text) <= 4 / 3 * (n / 8 + 30)
    found = unpack(text, n)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(unpack(text), rows)


def test_rows_outside_are_refused():
    for rows in ([3], [-1]):
        with pytest.raises(ValueError, match="0 to 2"):
            pack(np.array(rows), 3)


def encoded(n: int, body: bytes) -> str:
    return base64.urlsafe_b64encode(n.to_bytes(4, "big") + body).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", "%%%", "AAAA", "é", pack(np.array([1]), 9), encoded(8, b"xx"), encoded(8, zlib.compress(b"ab")),
     encoded(2**31, zlib.compress(b"a")), encoded(80, zlib.compress(bytes(10**6)))],
)  # fmt: skip
def test_nonsense_and_rows_of_other_cells_are_refused(text):
    with pytest.raises(ValueError, match="rows"):
        unpack(text, 8)
