"""Perturb: a push for a while, then none."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pages.test_pages import open_page, words
from virtualcell.demo import load_bundle
from virtualcell.landscape.dose_response import SETTLED
from virtualcell.schema import DataError

pytestmark = pytest.mark.slow


def test_a_strong_push_leads_more_cells_over_the_hill_and_the_true_dose_stands_beside() -> None:
    at = open_page("perturb", "switch", **{"cells-to-push-switch": "time: 0 time units"})
    weak = words(at)
    assert "settle in another valley" in weak
    assert "What was put in: 2.61 times" in weak
    at.slider(key="dose-switch").set_value(4.0).run()
    assert not at.exception
    strong = words(at)
    share = [float(text.split(" % of the cells settle")[0].split("**")[-1]) for text in (weak, strong)]
    assert share[1] > share[0] + 20


def test_where_no_return_was_measured_none_is_drawn() -> None:
    text = words(open_page("perturb", "kang"))
    assert "How cells come back once the treatment is gone was never measured here" in text
    assert "settle in another valley" not in text


def test_what_the_page_says_is_what_the_library_computes() -> None:
    b = load_bundle("switch")
    start = b.state[np.flatnonzero((b.cells.obs["time"] == 0).to_numpy())[:40]]
    table = b.model.dose_response(states=start, treatment="inducer", doses=[0.0, 4.0], landscape=b.landscape)
    settled = table[table["outcome"] == SETTLED].set_index("dose")["share"]
    assert settled[4.0] > settled[0.0] + 0.3
    assert b.landscape is not None
    home = next(a for a in b.landscape.attractors if a.name == "First gene on")
    once = b.model.critical_dose(home.state, treatment="inducer", landscape=b.landscape)
    short = b.model.critical_dose(home.state, treatment="inducer", duration=3.0, landscape=b.landscape)
    assert once is not None
    assert short is not None
    assert once == pytest.approx(1.74, abs=0.05)
    assert short > 1.5 * once


def test_doses_are_ranked_where_there_are_times_and_forces() -> None:
    at = open_page("perturb", "switch", **{"goal-of-push-switch": "cell state: Second gene on"})
    assert "Which dose leads there?" in words(at)
    assert "times** the measured dose" in words(at)
    b = load_bundle("switch")
    second = (b.cells.obs["state"] == "Second gene on").to_numpy()
    start = b.state[(b.cells.obs["time"] == 0).to_numpy()][:100]
    table = b.model.which_dose(start, b.state[second][:200], duration=12.0)
    assert table["dose"][0] > 1.0, "less than half of the critical push was measured"
    assert table["arriving"][0] > table["arriving_untreated"][0] + 0.3
    with pytest.raises(DataError, match="which_push"):
        load_bundle("norman").model.which_dose(start, start)
    for wrong, field in (({"doses": [0.0]}, "doses"), ({"treatments": ["none"]}, "treatments")):
        with pytest.raises(DataError) as caught:
            b.model.which_dose(start, start, **wrong)
        assert caught.value.field == field
