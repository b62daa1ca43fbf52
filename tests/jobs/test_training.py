"""Runs that are really trained, by real processes that are killed, cancelled and fed with cells that cannot be read."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.jobs.conftest import COLUMNS, TINY, clean, some_cells, wait_until
from virtualcell import jobs
from virtualcell.data.read import read
from virtualcell.jobs import queue
from virtualcell.jobs.bundle import load_run
from virtualcell.jobs.folder import CANCEL, CHECKPOINT, LOCK, PROGRESS, RUNNER_LOCK
from virtualcell.jobs.locks import holder, is_held
from virtualcell.model import VirtualCell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # processes start, and on a loaded machine slowly


@dataclass
class Story:
    """Three runs asked for at once; what was seen of the second while its worker and the runner were killed."""

    bad: jobs.Run
    good: jobs.Run
    never: jobs.Run
    when_killed: jobs.Status
    steps_when_killed: int


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("jobs") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRTUALCELL_RUNS", str(home))
        bad, good, never = (jobs.submit(some_cells(), COLUMNS, TINY, name=name, start=False) for name in ("bad", "good", "never"))
        (bad.folder / "cells.h5mu").write_bytes(b"no cells at all")
        jobs.cancel(never.id)
        assert jobs.ensure_runner(now=True)
        wait_until(lambda: good.status().stage == "predictor" and any((good.folder / CHECKPOINT).glob("*")))
        (runner,) = queue._runners
        worker = holder(good.folder / LOCK)
        assert worker is not None
        runner.kill()
        runner.wait()
        assert good.status().state == "running"  # its worker lives on
        steps = len(jobs.history(good))
        kill(worker)
        wait_until(lambda: not is_held(good.folder / LOCK))
        killed = good.status()
        assert jobs.ensure_runner(now=True)
        wait_until(lambda: good.status().over)
        # It ends where nothing is left to do.
        wait_until(lambda: not is_held(home / RUNNER_LOCK))
        yield Story(bad, good, never, killed, steps)
        clean(home)


def test_cells_that_cannot_be_read_fail_in_words_and_do_not_stop_the_queue(story: Story) -> None:
    bad, good = story.bad.status(), story.good.status()
    assert bad.state == "failed"
    assert bad.error is not None
    assert "cannot be read" in bad.error["problem"]
    assert bad.error["next_step"]
    assert good.state == "done"
    assert bad.started is not None
    assert good.started is not None
    assert bad.started < good.started  # in the order of asking


def test_a_cancelled_run_is_not_begun(story: Story) -> None:
    assert story.never.status().state == "cancelled"
    assert not (story.never.folder / PROGRESS).exists()


def test_a_killed_run_is_taken_up_where_it_was(story: Story) -> None:
    assert story.when_killed.state == "interrupted"
    assert story.when_killed.place_in_queue == 1
    status = story.good.status()
    assert (status.state, status.attempts, status.error, status.note, status.seconds_left) == ("done", 2, None, None, None)
    table = jobs.history(story.good)
    assert not table.duplicated(["stage", "step"]).any()
    assert len(table) > story.steps_when_killed
    last = table.groupby("stage").last()
    assert last.loc["predictor", "step"] == last.loc["predictor", "total"] >= TINY.predictor.steps
    assert {"autoencoder", "warm start", "predictor", "map", "landscape", "figures"} <= set(table["stage"])
    assert np.isfinite(table.loc[table["stage"] == "autoencoder", ["validation_nats", "effective_rank"]]).to_numpy().all()
    assert (table["seconds"] <= status.seconds).all()
    assert not (story.good.folder / CHECKPOINT).exists()


def test_the_model_is_that_of_a_training_that_was_never_stopped(story: Story, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = VirtualCell(TINY).fit(read(story.good.folder / "cells.h5mu"), **dataclasses.asdict(COLUMNS), device="cpu")
    finally:
        torch.set_num_threads(threads)
    whole.save(tmp_path)
    for name in ("model.safetensors", "cells.safetensors"):
        assert (tmp_path / name).read_bytes() == (story.good.model_folder / name).read_bytes(), name


def test_figures_are_those_of_cells_that_no_gradient_came_from(story: Story) -> None:
    found = jobs.figures(story.good)
    model, cells = VirtualCell.load(story.good.model_folder), read(story.good.folder / "cells.h5mu")
    held = cells[model.record["held_out"]].copy()
    assert found["held_out_cells"] == held.n_obs == 12
    gain = (model.log_likelihood(held) - model.baseline_log_likelihood(held)).to_numpy().sum(1).mean()
    assert found["nats_over_average"] == pytest.approx(gain, rel=1e-6)
    each = (model.log_likelihood(held) - model.baseline_log_likelihood(held)).to_numpy().sum(1)
    assert found["nats_over_average_error"] == pytest.approx(each.std(ddof=1) / 12**0.5, rel=1e-6)
    assert found["nats_over_average_of"] == {"rna": pytest.approx(gain, rel=1e-6)}
    # The start is among the epochs that the held-out cells choose from, so the choice is no worse than it.
    assert found["nats_over_linear"] >= -1e-3
    assert found["latent_dim"] == 2
    assert 1 <= found["effective_rank"] <= 2
    assert found["parameters"] == model.record["parameters"]
    assert 0 < found["seconds"] < story.good.status().seconds
    assert found["moves"]


def test_a_finished_run_is_a_bundle_in_the_words_of_its_cells(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUALCELL_RUNS", str(story.good.folder.parent))
    bundle = load_run(story.good.id)
    demo = bundle.demo
    assert (demo.key, demo.title, demo.sentence) == (story.good.id, "good", "120 cells, RNA, times 0, 1, 2 d.")
    assert (demo.dynamics, demo.treatments, demo.simulated, demo.licence, demo.source_url) == (True, False, False, "", "")
    assert set(demo.marker_genes) <= {f"GENE{i}" for i in range(8)}  # those that rise
    assert any("Few cells at some times" in caveat for caveat in demo.caveats)
    assert bundle.umap2.shape == (120, 2)
    assert bundle.landscape is not None
    assert bundle.report == {"rows": [], "claims": []}
    np.testing.assert_allclose(bundle.model.embed(bundle.cells), bundle.state, atol=1e-4)


def test_a_run_stops_when_it_is_told_to_and_goes_on_when_asked(home: Path) -> None:
    made = jobs.submit(some_cells(), COLUMNS, TINY, name="stopped")
    wait_until(lambda: made.status().stage not in ("", "starting", "reading"))
    jobs.cancel(made.id)
    wait_until(lambda: made.status().over)
    assert made.status().state == "cancelled"
    assert not made.model_folder.exists()
    wait_until(lambda: not is_held(made.folder / LOCK))
    reached = len(jobs.history(made))
    jobs.resume(made.id)
    assert not (made.folder / CANCEL).exists()
    wait_until(lambda: made.status().stage in ("predictor", "map", "landscape", "figures"))
    assert len(jobs.history(made)) >= reached
    jobs.cancel(made.id)
    wait_until(lambda: made.status().over)
