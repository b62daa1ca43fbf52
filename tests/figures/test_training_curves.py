"""Curves grow from left to right into a fixed axis, one panel a measure, and tell runs without one time apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtualcell.figures.look import LIGHT
from virtualcell.figures.training_curves import training_curves


@pytest.fixture
def history() -> pd.DataFrame:
    first = pd.DataFrame({"stage": "autoencoder", "step": [1, 2, 3], "total": 40, "seconds": [1.0, 2.0, 3.0]})
    first["validation_nats"], first["effective_rank"] = [-9.0, -8.0, -7.5], [2.0, 4.0, 5.0]
    then = pd.DataFrame({"stage": "predictor", "step": [20, 40], "total": 500, "seconds": [4.0, 5.0], "match": [0.9, 0.4]})
    return pd.concat([first, then], ignore_index=True)


def titles(fig) -> list[str]:
    return [note.text.partition("<br>")[0] for note in fig.layout.annotations if "<br>" in (note.text or "")]


def test_each_measure_is_drawn_over_its_own_steps(history):
    fig = training_curves(history, latent_dim=8, collapsed_below=1.6)
    nats, rank, match = fig.data
    np.testing.assert_array_equal(nats.x, [1, 2, 3])
    np.testing.assert_array_equal(nats.y, [-9.0, -8.0, -7.5])
    np.testing.assert_array_equal(rank.y, [2.0, 4.0, 5.0])
    np.testing.assert_array_equal(match.x, [20, 40])
    assert titles(fig)[2] == "From moved cells to the measured ones"
    axes = (fig.layout.xaxis, fig.layout.xaxis2, fig.layout.xaxis3)
    assert [tuple(axis.range) for axis in axes] == [(0, 40), (0, 40), (0, 500)]


def test_the_rank_stands_between_its_limits(history):
    fig = training_curves(history, latent_dim=8, collapsed_below=1.6)
    assert sorted(line.y0 for line in fig.layout.shapes) == [1.6, 8]
    assert fig.layout.yaxis2.range[1] >= 8


def test_what_trains_again_without_one_time_is_a_grey_line_of_its_own(history):
    again = history[history["stage"] == "predictor"].assign(stage="hidden time: predictor", match=[0.8, 0.7])
    fig = training_curves(pd.concat([history, again]), hidden="hidden time: ")
    both = [trace for trace in fig.data if "measured" in trace.name]
    assert [(trace.line.color, list(trace.y)) for trace in both] == [(LIGHT.quiet, [0.8, 0.7]), (LIGHT.accent, [0.9, 0.4])]


def test_one_step_is_a_point_and_none_is_refused(history):
    assert training_curves(history[:1]).data[0].mode == "markers"
    with pytest.raises(ValueError, match="none of the figures"):
        training_curves(history[["stage", "step", "total", "seconds"]])
