"""What may be asked of runs while none of them works: order, cancel, resume, delete, names that lead elsewhere, a full disk."""

from __future__ import annotations

import errno
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from mudata import MuData

from tests.jobs.conftest import COLUMNS, TINY, some_cells
from virtualcell import jobs
from virtualcell.data.read import read
from virtualcell.jobs.files import read_json, write_json
from virtualcell.jobs.folder import LOCK, PROGRESS, STATUS, is_id, new_id
from virtualcell.jobs.locks import hold, is_held
from virtualcell.jobs.run import waiting
from virtualcell.jobs.runner import MOST_ATTEMPTS, Runner, tidy
from virtualcell.schema import Columns, DataError, Settings
from virtualcell.training.given import data_digest

STRANGE = ("", "..", ".", "run-", "run-ABCDEF", "run-abcdef/..", "../run-abcdef", "run-abcde", "run-abcdefg", "/etc",
           "run-abcd\nf", "run-abcdef\n", "a549", "run-......", "run-ab%2fcd")  # fmt: skip


def asked(name: str = "mine", cells: MuData | None = None, settings: Settings = TINY) -> jobs.Run:
    return jobs.submit(cells or some_cells(), COLUMNS, settings, name=name, start=False)


@pytest.mark.usefixtures("home")
def test_a_run_is_whole_in_its_folder() -> None:
    cells = some_cells()
    made = jobs.submit(cells, COLUMNS, TINY, name="  two\n lines ", start=False)
    again = jobs.run(made.id)
    assert again == made
    assert again.name == "two lines"
    assert (again.columns, again.n_cells, again.modalities) == (COLUMNS, 120, {"rna": 40})
    assert again.settings.predictor == TINY.predictor
    assert data_digest(read(again.folder / "cells.h5mu")) == data_digest(cells)
    status = again.status()
    assert (status.state, status.place_in_queue, status.seconds_left, status.over) == ("queued", 1, None, False)
    assert jobs.history(again).empty
    assert jobs.figures(again) == {}


@pytest.mark.usefixtures("home")
def test_a_file_is_read_and_its_name_kept(tmp_path: Path) -> None:
    file = tmp_path / "mine.h5mu"
    some_cells().write_h5mu(file)
    made = jobs.submit(file, COLUMNS, TINY, name="", start=False)
    assert (made.file, made.name) == ("mine.h5mu", made.id)


@pytest.mark.usefixtures("home")
def test_runs_wait_in_the_order_of_asking_and_are_listed_newest_first() -> None:
    made = [asked(name) for name in "abc"]
    assert waiting() == [run.id for run in made]
    assert [run.status().place_in_queue for run in made] == [1, 2, 3]
    assert [run.name for run in jobs.runs()] == ["c", "b", "a"]
    jobs.cancel(made[1].id)
    assert made[1].status().state == "cancelled"
    assert [run.status().place_in_queue for run in made] == [1, None, 2]


@pytest.mark.usefixtures("home")
def test_two_that_ask_at_once_both_get_a_run() -> None:
    cells, found = some_cells(), []
    both = [threading.Thread(target=lambda: found.append(asked(cells=cells.copy()).id)) for _ in range(4)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(set(found)) == 4
    assert sorted(waiting()) == sorted(found)


def test_cells_that_cannot_be_used_are_refused_before_they_wait(home: Path) -> None:
    with pytest.raises(DataError, match="no column 'day'"):
        jobs.submit(some_cells(), Columns(time="day"), TINY, name="x", start=False)
    with pytest.raises(DataError, match="no such file"):
        jobs.submit(Path("nowhere.h5ad"), COLUMNS, TINY, name="x", start=False)
    two = some_cells()[some_cells().obs["time"] < 2].copy()
    with pytest.raises(DataError, match="only between two others"):
        jobs.submit(two, COLUMNS, TINY, name="x", measure=True, start=False)
    assert not home.exists() or not list(home.iterdir())


def test_a_full_disk_leaves_nothing_and_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(cells: MuData, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(MuData, "write_h5mu", full)
    with pytest.raises(DataError, match="No space left") as caught:
        asked()
    assert "VIRTUALCELL_RUNS" in caught.value.next_step
    assert not list(home.iterdir())


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_that_leads_elsewhere_is_no_run(home: Path, name: str) -> None:
    home.mkdir()
    (home.parent / "run-abcdef").mkdir()
    precious = home.parent / "run-abcdef" / "precious"
    precious.write_text("keep")
    for ask in (jobs.run, jobs.cancel, jobs.resume, jobs.delete):
        with pytest.raises(DataError, match="no such run"):
            ask(name)
    assert precious.read_text() == "keep"


def test_a_link_in_the_folder_is_no_run(home: Path, tmp_path: Path) -> None:
    made = asked()
    outside = made.folder.rename(tmp_path / "outside")
    (home / made.id).symlink_to(outside)
    with pytest.raises(DataError, match="no such run"):
        jobs.delete(made.id)
    assert jobs.runs() == []
    assert (outside / "cells.h5mu").is_file()


@pytest.mark.usefixtures("home")
def test_ids_are_short_and_safe() -> None:
    made = {new_id() for _ in range(200)}
    assert len(made) == 200
    assert all(is_id(name) for name in made)


def test_delete_takes_the_folder_and_not_one_that_is_worked_on(home: Path) -> None:
    first, second = asked("a"), asked("b")
    jobs.delete(first.id)
    assert not first.folder.exists()
    assert [run.id for run in jobs.runs()] == [second.id]
    assert sorted(path.name for path in home.iterdir()) == [second.id]
    with hold(second.folder / LOCK) as _, pytest.raises(DataError, match="is being trained"):
        jobs.delete(second.id)
    assert second.folder.exists()


@pytest.mark.usefixtures("home")
def test_resume_puts_a_cancelled_run_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.queue, "ensure_runner", lambda **_: False)
    first, second = asked("a"), asked("b")
    jobs.cancel(first.id)
    jobs.resume(first.id)
    assert waiting() == [second.id, first.id]
    write_json(first.folder / STATUS, read_json(first.folder / STATUS) | {"state": "done"})
    with pytest.raises(DataError, match="finished"):
        jobs.resume(first.id)


@pytest.mark.usefixtures("home")
def test_a_run_whose_worker_died_is_interrupted_and_comes_first() -> None:
    first, second = asked("a"), asked("b")
    write_json(second.folder / STATUS, read_json(second.folder / STATUS) | {"state": "running", "attempts": 1, "updated": 0.0})
    assert second.status().state == "interrupted"
    assert waiting() == [second.id, first.id]
    with hold(second.folder / LOCK) as _:
        assert second.status().state == "running"  # someone works on it
        assert waiting() == [first.id]


@pytest.mark.usefixtures("home")
def test_after_too_many_deaths_a_run_fails_and_says_why(home: Path) -> None:
    made = asked()
    state = read_json(made.folder / STATUS)
    write_json(made.folder / STATUS, state | {"state": "running", "attempts": MOST_ATTEMPTS, "updated": 0.0})
    Runner(home, 1).work()
    status = made.status()
    assert status.state == "failed"
    assert status.error is not None
    assert "memory" in status.error["problem"]
    assert "resume" in status.error["next_step"]


def test_a_status_is_never_half_written(home: Path) -> None:
    made = asked()
    stop = threading.Event()

    def write() -> None:
        step = 0
        while not stop.is_set():
            step += 1
            write_json(made.folder / STATUS, {"state": "queued", "queued": 1.0, "done": step, "stage": "x" * (step % 5000)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = [made.status().done for _ in range(300)]
    finally:
        stop.set()
        writer.join()
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    assert not list(made.folder.glob(f".{STATUS}*"))


@pytest.mark.usefixtures("home")
def test_history_keeps_each_step_once_and_forgives_a_line_cut_short() -> None:
    made = asked()

    def line(stage: str, step: int, seconds: float, **figures: float) -> str:
        return json.dumps({"stage": stage, "step": step, "total": 3, "seconds": seconds, "figures": figures}) + "\n"

    text = line("autoencoder", 1, 1, validation_nats=-3.0) + line("autoencoder", 2, 2, validation_nats=-2.0)
    text += line("predictor", 1, 3, match=0.5)
    # Taken up from a checkpoint before the second epoch.
    text += line("autoencoder", 2, 5, validation_nats=-2.0) + line("autoencoder", 3, 6, validation_nats=-1.0)
    (made.folder / PROGRESS).write_text(text + '{"stage": "predi')
    table = jobs.history(made)
    assert list(zip(table["stage"], table["step"], strict=True)) == [
        ("autoencoder", 1),
        ("autoencoder", 2),
        ("autoencoder", 3),
        ("predictor", 1),
    ]
    assert table["seconds"].tolist() == [1, 5, 6, 3]
    np.testing.assert_array_equal(table["validation_nats"], [-3, -2, -1, np.nan])
    assert table["match"].iloc[3] == 0.5


def test_a_lock_ends_with_its_holder_and_asking_does_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    first = hold(path)
    assert first is not None
    assert is_held(path)
    assert is_held(path)
    assert hold(path, patience_s=0.05) is None
    first.release()
    assert not is_held(path)
    second = hold(path)
    assert second is not None
    second.release()


def test_what_a_crash_left_half_deleted_is_removed_and_nothing_else(home: Path) -> None:
    made = asked()
    (home / f".deleted-{new_id()}").mkdir()
    (home / f".new-{new_id()}").mkdir()  # may be being written now
    tidy(home)
    assert sorted(path.name.split("-")[0] for path in home.iterdir()) == [".new", "run"]
    assert made.folder.exists()


def test_a_damaged_run_is_left_out_of_the_list_and_named_when_asked_for(home: Path) -> None:
    good, bad = asked("good"), asked("bad")
    (bad.folder / "request.json").write_text('{"name": ')
    assert [run.id for run in jobs.runs()] == [good.id]
    with pytest.raises(DataError, match="cannot be read"):
        jobs.run(bad.id)
    jobs.delete(bad.id)
    assert not bad.folder.exists()


def test_a_run_whose_state_is_damaged_hides_and_stops_no_other(home: Path) -> None:
    broken, whole = asked("broken"), asked("whole")
    (home / broken.id / STATUS).write_text('{"state": "asleep"}')
    assert [run.id for run in jobs.runs()] == [whole.id]
    assert waiting() == [whole.id]
    assert whole.status().place_in_queue == 1


@pytest.mark.parametrize("variable", ["VIRTUALCELL_JOBS", "VIRTUALCELL_JOB_THREADS"])
@pytest.mark.parametrize("text", ["two", "0", "-1", "1.5"])
def test_a_setting_that_is_no_number_is_told_before_anything_waits_for_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(DataError, match=variable):
        asked()
    assert jobs.runs() == []
