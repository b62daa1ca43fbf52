"""Which push: the treatment that made a population is ranked first."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.inverse import rank_treatments
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.screen import Screen


def test_the_treatment_that_was_given_comes_first() -> None:
    rng = np.random.default_rng(0)
    effects = {"control": np.zeros(30)} | {f"gene {i}": 1.5 * np.eye(30)[i] for i in range(6)}
    cells = {name: effect + 0.5 * rng.normal(size=(60, 30)) for name, effect in effects.items()}
    half = np.concatenate([x[:30] for x in cells.values()])
    model = Response().fit(Screen.of(half, np.repeat(list(cells), 30)))
    for name in list(effects)[1:]:
        table = rank_treatments(model, cells["control"][30:], cells[name][30:])
        assert table["treatment"][0] == name
        assert table["closer"][0] > 0.8 > 0 > table["closer"].iloc[-1]
        assert (np.diff(table["apart"]) >= 0).all()


def test_combinations_are_ranked_with_the_rest() -> None:
    rng = np.random.default_rng(1)
    effects = {"control": np.zeros(20), "a": np.eye(20)[0], "b": np.eye(20)[1]}
    cells = {name: 2 * effect + 0.4 * rng.normal(size=(50, 20)) for name, effect in effects.items()}
    model = Response().fit(Screen.of(np.concatenate(list(cells.values())), np.repeat(list(cells), 50)))
    goal = 2 * (effects["a"] + effects["b"]) + 0.4 * rng.normal(size=(50, 20))
    assert rank_treatments(model, cells["control"], goal, ["a", "b", "a+b"])["treatment"].iloc[0] == "a+b"


def test_where_there_is_no_way_none_is_made_up() -> None:
    cells = np.random.default_rng(2).normal(size=(40, 10))
    model = Response().fit(Screen.of(np.concatenate([cells, cells + 1]), np.repeat(["control", "a"], 40)))
    assert rank_treatments(model, cells, cells[::-1])["closer"].isna().all()
    with pytest.raises(ValueError, match="Two cells or more"):
        rank_treatments(model, cells, cells[:1])
