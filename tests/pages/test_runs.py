"""Every page shows a finished run as it shows a demo; a run that is not finished, or not of this server, is told of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mudata import MuData
from streamlit.testing.v1 import AppTest

from tests.jobs.conftest import TINY, some_cells
from tests.pages.test_pages import open_page, words
from virtualcell import jobs
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.jobs import worker
from virtualcell.schema import MEASURED_KEY, Columns
from virtualcell.ui.frame import PAGES

FEW = dataclasses.replace(TINY, predictor=dataclasses.replace(TINY.predictor, steps=20))
NAMES = [Path(file).stem for file, _ in PAGES if Path(file).stem not in ("home", "cells")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("pages") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRTUALCELL_RUNS", str(folder))
        yield folder


def trained(cells: MuData, columns: Columns, name: str, *, measure: bool = False) -> str:
    """A finished run, trained in this process."""
    made = jobs.submit(cells, columns, FEW, name=name, measure=measure, start=False)
    worker.work(made)
    assert (made.status().state, made.status().note) == ("done", None)
    return made.id


def part_of(key: str, n: int, n_peaks: int = 0) -> MuData:
    """Some cells of a demo; of its peaks the first few."""
    whole = load_demo(key)
    some = whole[np.sort(np.random.default_rng(0).permutation(whole.n_obs)[:n])].copy()
    parts = {name: adata[:, :n_peaks].copy() if name == "atac" else adata.copy() for name, adata in some.mod.items()}
    small = MuData(parts)
    small.obs, small.obsm[MEASURED_KEY] = some.obs.copy(), some.obsm[MEASURED_KEY]
    for slot in ("X_clone",):
        if slot in some.obsm:
            small.obsm[slot] = some.obsm[slot]
    return small


@pytest.fixture(scope="module")
def timed(home: Path) -> str:
    return trained(part_of("a549", 240, 200), DEMOS["a549"].columns, "Cells with times", measure=True)


@pytest.fixture(scope="module")
def clones(home: Path) -> str:
    return trained(part_of("larry", 300), DEMOS["larry"].columns, "Cells with clones")


@pytest.fixture(scope="module")
def nothing_known(home: Path) -> str:
    cells = some_cells()
    cells.obs = cells.obs[[]]
    return trained(cells, Columns(), "Cells of which nothing is known")


def said_of(at: AppTest) -> str:
    assert not at.exception
    assert not at.error
    said = words(at)
    for trace in (
        "[]()",
        "None",
        "nan",
        "Terms of the data: .",
        "virtualcell train --demo run-",
        "benchmarks.multiomics --demo run",
    ):
        assert trace not in said + "\n".join(block.value for block in at.code), trace
    return said


@pytest.mark.slow
@pytest.mark.parametrize("page", ["home", *NAMES])
def test_a_run_with_times_is_shown_by_every_page(timed: str, page: str) -> None:
    at = open_page(page, timed)
    said = said_of(at)
    assert at.selectbox(key="demo").value == timed
    assert "Data: your own cells." in said
    if page == "trajectories":
        assert "1 h held out" in said
        assert "One run has no interval, so no verdict." in said
        assert "Better" not in said
    if page == "card":
        assert "240 cells, RNA + chromatin, times 0, 1, 3 h." in said
        assert "from the file `scicar_a549_rna_atac.h5mu`" not in said  # put together here, from no file
        assert any("virtualcell train cells.h5mu --time time_h" in block.value for block in at.code)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["home", *NAMES])
def test_a_run_with_clones_is_shown_by_every_page(clones: str, page: str) -> None:
    said = said_of(open_page(page, clones))
    if page == "home":
        assert "300 cells, RNA, times 2, 4, 6 d, 339 clone barcodes." in said


@pytest.mark.slow
@pytest.mark.parametrize("page", ["home", *NAMES])
def test_cells_of_which_nothing_is_known_are_shown_by_every_page(nothing_known: str, page: str) -> None:
    said = said_of(open_page(page, nothing_known))
    if page == "trajectories":
        assert "measured at one time only" in said
    if page == "landscape":
        assert "No landscape can be learned" in said


@pytest.mark.slow
def test_the_picker_lists_demos_then_finished_runs_newest_first(
    nothing_known: str, clones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtualcell.jobs.ensure_runner", lambda: False)  # what waits here is not to be trained
    waits = jobs.submit(some_cells(), Columns(), FEW, name="waits", start=False)
    try:
        offered = open_page("home", "a549").selectbox(key="demo").options
        # In the order of training, whichever fixture came first.
        finished = [f"{run.name} ({run.id})" for run in jobs.runs() if run.status().state == "done"]
        assert len(finished) >= 2
        assert offered == [*(demo.title for demo in DEMOS.values()), *finished]
    finally:
        jobs.delete(waits.id)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIRTUALCELL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("virtualcell.jobs.ensure_runner", lambda: False)  # what waits here is not to be trained
    return tmp_path / "runs"


@pytest.mark.usefixtures("own_home")
@pytest.mark.parametrize("key", ["run-abcdef", "run-../../etc", "run-"])
@pytest.mark.parametrize("page", ["home", "landscape"])
def test_a_run_of_another_server_is_said_to_be_unknown_and_no_demo_takes_its_place(key: str, page: str) -> None:
    at = open_page(page, key)
    assert not at.exception
    assert "There is no such run on this server" in words(at)
    assert at.selectbox(key="demo").value == key
    assert at.query_params["demo"] in (key, [key])
    assert not at.get("plotly_chart")
    at.selectbox(key="demo").select("a549").run()
    assert not at.exception
    assert at.get("plotly_chart")


@pytest.mark.usefixtures("own_home")
def test_a_run_that_waits_or_failed_says_so() -> None:
    made = jobs.submit(some_cells(), Columns(), FEW, name="My cells", start=False)
    said = words(open_page("trajectories", made.id))
    assert "**My cells.** This training waits for its turn." in said
    assert "Number 1 in the queue" in said
    (made.folder / "cells.h5mu").write_bytes(b"nothing")
    worker.work(made)
    said = words(open_page("trajectories", made.id))
    assert "This training failed." in said
    assert "cannot be read" in said
    assert "What to do" in said
    jobs.cancel(made.id)
    jobs.delete(made.id)
    assert "no such run" in words(open_page("trajectories", made.id))
