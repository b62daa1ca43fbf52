"""The form of a benchmark's answer, as programs read it."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from virtualcell.evaluation.intervals import seed_interval
from virtualcell.evaluation.report import Claim, Row, emit, payload

ROWS = [
    Row.of("VirtualCell", "W1", seed_interval([0.7, 0.8]), where="A549, 1 h held out", seeds=(0, np.int64(1)), n_cells=983),
    Row("no change", "W1", np.float32(1.25), where="A549, 1 h held out"),
]
CLAIMS = [Claim("W1 below no change", 0.75, "<", 1.25), Claim("FKBP5 rises", -0.1, ">", 0.0)]


def test_last_line_is_one_json_object_in_the_agreed_form():
    out = io.StringIO()
    emit(ROWS, CLAIMS, as_json=True, file=out)
    answer = json.loads(out.getvalue().splitlines()[-1])
    assert set(answer) == {"rows", "claims"}
    assert answer["claims"] == [
        {"name": "W1 below no change", "value": 0.75, "target": "< 1.25", "holds": True},
        {"name": "FKBP5 rises", "value": -0.1, "target": "> 0", "holds": False},
    ]
    first, second = answer["rows"]
    assert first["value"] == pytest.approx(0.75)
    assert first["low"] < 0.75 < first["high"]
    assert first["seeds"] == [0, 1]
    assert second["low"] is None
    assert second["method"] == "no change"


def test_table_names_every_method_and_says_where_a_claim_fails():
    out = io.StringIO()
    emit(ROWS, CLAIMS, as_json=False, file=out)
    text = out.getvalue()
    assert "VirtualCell" in text
    assert "no change" in text
    assert "does not hold: FKBP5 rises" in text
    assert "Student's t over 2 seeds" in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.splitlines()[-1])


@pytest.mark.parametrize(
    ("relation", "below", "equal"), [("<", True, False), ("<=", True, True), (">", False, False), (">=", False, True)]
)
def test_claims_are_computed(relation, below, equal):
    assert Claim("x", 1.0, relation, 2.0).holds is below
    assert Claim("x", 2.0, relation, 2.0).holds is equal


def test_what_is_not_a_number_is_not_reported():
    with pytest.raises(ValueError, match="can be reported"):
        Row("ours", "W1", float("nan"))
    with pytest.raises(ValueError, match="no interval"):
        Row("ours", "W1", 1.0, 2.0, 1.0)
    with pytest.raises(ValueError, match="two bounds"):
        Row("ours", "W1", 1.0, 0.5)
    with pytest.raises(ValueError, match="not a number"):
        Claim("x", float("inf"), "<", 2.0)
    with pytest.raises(ValueError, match="no rows"):
        emit([], CLAIMS, as_json=True)


def test_payload_holds_plain_values_only():
    assert json.loads(json.dumps(payload(ROWS, CLAIMS), allow_nan=False)) == payload(ROWS, CLAIMS)
