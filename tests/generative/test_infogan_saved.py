"""Codes that were written answer as before; what is broken is named."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from virtualcell.generative.infogan import Codes, fit_codes
from virtualcell.generative.infogan_saved import load_codes, save_codes
from virtualcell.generative.infogan_training import CodeSettings
from virtualcell.schema import DataError


@cache
def some() -> Codes:
    settings = CodeSettings(steps=3, short_steps=2, warm_steps=2, starts=1, hidden=8)
    return fit_codes(np.random.default_rng(0).standard_normal((120, 4)), n_categories=3, settings=settings)


def test_saved_codes_answer_as_before(tmp_path: Path) -> None:
    save_codes(some(), tmp_path, "abc")
    found = load_codes(tmp_path, "abc")
    assert found is not None
    states = np.random.default_rng(1).standard_normal((10, 4))
    for before, after in zip(some().read(states), found.read(states), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(some().turn(1, 0, n=5, seed=2), found.turn(1, 0, n=5, seed=2))
    assert found.log == some().log
    assert found.record == some().record
    assert found.settings == some().settings


def test_no_codes_are_none(tmp_path: Path) -> None:
    assert load_codes(tmp_path, "abc") is None


@pytest.mark.parametrize(
    ("key", "value"), [("shape", [4, 5, 2]), ("shape", "4"), ("settings", {"unknown": 1}), ("log", None), ("record", None)]
)
def test_what_does_not_fit_is_named(tmp_path: Path, key: str, value: object) -> None:
    save_codes(some(), tmp_path, "abc")
    path = tmp_path / "codes.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DataError, match="do not fit") as error:
        load_codes(tmp_path, "abc")
    assert error.value.file == str(path)


def test_another_model_is_told(tmp_path: Path) -> None:
    save_codes(some(), tmp_path, "abc")
    with pytest.raises(DataError, match="another model"):
        load_codes(tmp_path, "xyz")
