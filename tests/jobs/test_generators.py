"""A run whose generators cannot be trained: the model is kept and shown, and what went wrong is told."""

from __future__ import annotations

from functools import partialmethod

import pytest

from tests.generative.samples import QUICK
from tests.jobs.conftest import COLUMNS, TINY, some_cells
from tests.pages.test_cells import open_cells, words
from virtualcell import jobs
from virtualcell.jobs import worker
from virtualcell.jobs.__main__ import main
from virtualcell.jobs.bundle import load_run
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError

REFUSED = DataError("No cell has two measurements.", next_step="give cells that have both.")


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_a_model_whose_generators_fail_is_whole_and_says_so(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    run = jobs.submit(some_cells(), COLUMNS, TINY, name="mine", start=False)
    for error, problem in ((RuntimeError("singular *matrix*"), "RuntimeError: singular *matrix*"), (REFUSED, REFUSED.problem)):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(VirtualCell, "fit_generators", fail)
            worker.work(run)
        status = run.status()
        assert (status.state, status.error) == ("done", None)
        assert status.note is not None
        assert problem in status.note["problem"]
        assert ("log" in status.note) == isinstance(error, RuntimeError)
        assert jobs.figures(run)["held_out_cells"] == 12
        bundle = load_run(run.id)
        assert bundle.model.generators == {}
        assert bundle.model.embed(bundle.cells).shape == (120, 2)
        page = open_cells(run=run.id)
        assert not page.exception
        assert "The generators could not be trained" in words(page)
        assert str(status.note["next_step"]) in words(page)
    with pytest.raises(SystemExit):
        main(["show", run.id])
    assert "Without generators: No cell has two measurements. What to do: give cells that have both." in capsys.readouterr().out
    # What could be mended is trained when the run is taken up again, beside the same model.
    before = (run.model_folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(
        VirtualCell, "fit_generators", partialmethod(VirtualCell.fit_generators, settings=QUICK, parts=("samplers",))
    )
    worker.work(run)
    assert (run.status().state, run.status().note) == ("done", None)
    assert set(VirtualCell.load(run.model_folder).generators) == {"samplers"}
    assert (run.model_folder / "model.safetensors").read_bytes() == before
    assert "could not be trained" not in words(open_cells(run=run.id))
