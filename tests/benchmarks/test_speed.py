"""The timer: what it times is done in full, and its claims are those of the issue it answers."""

from __future__ import annotations

import json
import time

import pytest

from benchmarks.speed import CELLS, DRAWN_IN, ROLLED_IN, STEPS, TRAINED_IN, main, seconds


def test_rollout_and_pictures_of_a_delivered_model_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--demos", "simulated", "--parts", "rollout", "drawing", "--json"])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = {row["metric"]: row["value"] for row in said["rows"]}
    assert set(rows) == {f"rollout of {CELLS:,} cells through {STEPS} steps, s", "surface, s", "map from above, s"}
    assert min(rows.values()) > 0.001, "nothing real is done in less"
    for claim in said["claims"]:
        assert claim["value"] == rows[claim["name"].removeprefix("simulated: ")]
    assert {claim["target"] for claim in said["claims"]} == {f"< {ROLLED_IN:g}", f"< {DRAWN_IN:g}"}
    assert (CELLS, STEPS, TRAINED_IN) == (10_000, 100, 180)


def test_a_time_is_the_median_after_a_first_run() -> None:
    calls: list[float] = []

    def work() -> None:
        calls.append(0.0)
        time.sleep(0.2 if len(calls) in (1, 3) else 0.01)

    assert 0.01 <= seconds(work) < 0.15
    assert len(calls) == 6
