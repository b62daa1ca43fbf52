"""A fit that is stopped anywhere, even killed, goes on to the very model that it would have come to."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mudata import MuData
from scipy.sparse import csr_matrix

from tests.model.samples import PLAIN, SMALL, a549, drifting
from tests.training.test_refits import QUICK, TIME, parting
from virtualcell.data.simulate_pairs import simulate_mosaic
from virtualcell.model import VirtualCell
from virtualcell.schema import Settings
from virtualcell.training import kept
from virtualcell.training.kept import Keeper
from virtualcell.training.refits import DynamicsFit, fit_dynamics

ROOT = Path(__file__).parents[2]
MOVING = replace(SMALL, predictor=replace(SMALL.predictor, steps=12, warm_steps=12))


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def written_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "EVERY", 0.0)
    monkeypatch.setattr(kept, "MOST_SHARE", 1e9)


def dies_after(writes: int, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> Any:
    """What ``act`` gives; None where it was stopped before it wrote once more than so often."""
    left, write = [writes], Keeper.write

    def counted(self: Keeper, *args: Any) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        write(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "write", counted)
        try:
            return act()
        except Killed:
            return None


def in_pieces(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], longest: int) -> tuple[Any, int]:
    """What ``act`` gives after it was stopped again and again, at random; and how often it was."""
    rng, stops = np.random.default_rng(0), 0
    while (found := dies_after(int(rng.integers(1, longest)), monkeypatch, act)) is None:
        stops += 1
        assert stops < 200, "it comes no further"
    return found, stops


def same_parts(a: Any, b: Any) -> None:
    assert (a is None) == (b is None)
    if a is not None:
        one, other = a.state_dict(), b.state_dict()
        assert list(one) == list(other)
        for name in one:
            assert torch.equal(one[name], other[name]), name


def same_model(a: VirtualCell, b: VirtualCell) -> None:
    """To the last digit: weights, states and everything that is said of the fit."""
    one, other = a._fitted, b._fitted
    same_parts(one.autoencoder, other.autoencoder)
    same_parts(one.translator, other.translator)
    same_parts(one.dynamics, other.dynamics)
    assert len(one.refits) == len(other.refits)
    for refit, again in zip(one.refits, other.refits, strict=True):
        same_parts(refit, again)
    assert set(one.arrays) == set(other.arrays)
    for name in one.arrays:
        np.testing.assert_array_equal(one.arrays[name], other.arrays[name])
    assert json.dumps(one.record, sort_keys=True) == json.dumps(other.record, sort_keys=True)


def mosaic() -> MuData:
    patterns = [("rna", "atac"), ("atac", "prot")]
    return simulate_mosaic(patterns, n_cells=300, n_genes=40, n_peaks=60, n_proteins=12, seed=0)[0]


@pytest.fixture(scope="module")
def driven() -> MuData:
    """Cells whose division is known, so that their landscape is learned."""
    return drifting(60)


@pytest.fixture(scope="module")
def reference(driven: MuData) -> VirtualCell:
    return fit_driven(driven)


def fit_driven(cells: MuData, settings: Settings = MOVING, **more: Any) -> VirtualCell:
    return VirtualCell(settings).fit(cells, time="time", growth="rate", device="cpu", **more)


# -- the same model --------------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("written_at_every_step")
def test_a_fit_stopped_again_and_again_comes_to_the_same_model(
    driven: MuData, reference: VirtualCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, stops = in_pieces(monkeypatch, lambda: fit_driven(driven, checkpoint=tmp_path), longest=20)
    assert stops > 5
    same_model(found, reference)


@pytest.mark.usefixtures("written_at_every_step")
def test_conversions_and_bridges_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = mosaic()
    few = replace(PLAIN, autoencoder=replace(PLAIN.autoencoder, min_steps=6, fusion="attention"))
    expected = VirtualCell(few).fit(cells, device="cpu")
    assert expected._fitted.translator.conversions
    found, stops = in_pieces(monkeypatch, lambda: VirtualCell(few).fit(cells, device="cpu", checkpoint=tmp_path), longest=4)
    assert stops > 1
    same_model(found, expected)


@pytest.mark.usefixtures("written_at_every_step")
@pytest.mark.parametrize("of_clones", [False, True])
def test_refits_and_the_fit_that_may_turn_too(of_clones: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    z = parting()
    settings = replace(QUICK, steps=30)
    clones = csr_matrix(np.eye(80)[np.tile(np.arange(80), 3)]) if of_clones else None
    asked: list[bool] = []

    def fit(keep: Keeper | None) -> DynamicsFit:
        def crossed(*_: Any) -> bool:
            asked.append(True)
            return True

        return fit_dynamics(z, settings, time=TIME, clones=clones, crossed=crossed, keep=keep)

    expected = fit(None)
    asked.clear()
    found, stops = in_pieces(monkeypatch, lambda: fit(Keeper(tmp_path, "these")), longest=8)
    assert stops > 5
    assert 1 <= len(asked) <= 2, "asked again only where it was stopped before the answer was written"
    assert len(found.refits) == len(expected.refits) == 2
    for one, other in zip((found.dynamics, *found.refits), (expected.dynamics, *expected.refits), strict=True):
        same_parts(one, other)
        assert one.euler_steps == other.euler_steps
    assert (found.history, found.rotation_share, found.linear_p) == (expected.history, expected.rotation_share, expected.linear_p)


def test_writing_changes_nothing_and_a_finished_fit_is_only_read(
    driven: MuData, reference: VirtualCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    same_model(fit_driven(driven, checkpoint=tmp_path, progress=lambda stage, *_: told.append(stage)), reference)
    assert {"autoencoder", "warm start", "predictor", "turning"} <= set(told)
    told.clear()
    same_model(fit_driven(driven, checkpoint=tmp_path, progress=lambda stage, *_: told.append(stage)), reference)
    assert not told


def test_a_killed_process(driven: MuData, reference: VirtualCell, tmp_path: Path) -> None:
    """SIGKILL in the middle of the predictor's training, which nothing can catch; the rest is done here."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from tests.training.test_resume import kept, drifting, fit_driven\n"
        "kept.EVERY, kept.MOST_SHARE = 0.0, 1e9\n"
        "def say(stage, done, total, figures): print(stage, done, flush=True)\n"
        f"fit_driven(drifting(60), progress=say, checkpoint={str(tmp_path)!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("predictor"):
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    assert (tmp_path / "progress-autoencoder.safetensors").is_file()
    told: list[str] = []
    same_model(fit_driven(driven, checkpoint=tmp_path, progress=lambda stage, *_: told.append(stage)), reference)
    assert "autoencoder" not in told


# -- what is not used ------------------------------------------------------------------------------------------------------------
def half_done(cells: MuData, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings = MOVING) -> None:
    """Stops once the autoencoder is finished and the predictor has begun."""
    with monkeypatch.context() as patch:
        patch.setattr(kept, "EVERY", 0.0)
        patch.setattr(kept, "MOST_SHARE", 1e9)

        def stop(stage: str, *_: Any) -> None:
            if stage == "predictor":
                raise Killed

        with pytest.raises(Killed):
            fit_driven(cells, settings, progress=stop, checkpoint=folder)


@pytest.mark.parametrize("what", ["values", "times", "settings", "seed"])
def test_what_other_cells_or_settings_left_is_not_used(
    what: str, driven: MuData, reference: VirtualCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    other, settings = driven.copy(), MOVING
    if what == "values":
        other["cytof"].X = other["cytof"].X + np.eye(*other["cytof"].shape, dtype=np.float32)
    elif what == "times":
        other.obs["time"] = 2 * other.obs["time"]
    elif what == "settings":
        settings = replace(MOVING, predictor=replace(MOVING.predictor, growth_penalty=2.0))
    else:
        settings = replace(MOVING, seed=1)
    half_done(other, tmp_path, monkeypatch, settings)
    with caplog.at_level(logging.WARNING, logger="virtualcell"):
        same_model(fit_driven(driven, checkpoint=tmp_path), reference)
    assert "of other cells or settings" in caplog.text


@pytest.mark.parametrize("how", ["cut short", "a bit turned", "emptied", "text"])
def test_a_broken_file_is_told_and_its_stage_starts_over(
    how: str, driven: MuData, reference: VirtualCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    half_done(driven, tmp_path, monkeypatch)
    path = tmp_path / "progress-autoencoder.safetensors"
    whole = bytearray(path.read_bytes())
    whole[-100] ^= 1
    broken = {"cut short": bytes(whole[: len(whole) // 2]), "a bit turned": bytes(whole), "emptied": b"", "text": b"weights"}
    path.write_bytes(broken[how])
    (tmp_path / "progress-predictor.tmp").write_bytes(b"half of it")
    told: list[str] = []
    with caplog.at_level(logging.WARNING, logger="virtualcell"):
        same_model(fit_driven(driven, checkpoint=tmp_path, progress=lambda stage, *_: told.append(stage)), reference)
    assert f"{path} is broken" in caplog.text
    assert "starts over" in caplog.text
    assert "autoencoder" in told, "the stage is trained again"
    assert "warm start" not in told, "later stages belong to the same outcome, and go on"
    assert not list(tmp_path.glob("*.tmp"))


def test_what_was_built_on_another_outcome_is_not_used(tmp_path: Path, caplog: Any) -> None:
    first, second = {"w": torch.tensor([1.0])}, {"w": torch.tensor([1.0 + 1e-7])}
    keep = Keeper(tmp_path, "fit")
    keep.follow(first)
    keep.finish("later", first, {})
    again = Keeper(tmp_path, "fit")
    again.follow(first)
    assert again.read("later") is not None
    other = Keeper(tmp_path, "fit")
    other.follow(second)
    assert other.read("later") is None
    assert "starts over" in caplog.text


# -- stopping --------------------------------------------------------------------------------------------------------------------
def test_a_callback_that_raises_stops_the_fit_and_leaves_what_was_there(driven: MuData, tmp_path: Path) -> None:
    model = fit_driven(driven)
    before = model._fitted

    def stop(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
        if stage == "predictor":
            raise Killed

    with pytest.raises(Killed):
        model.fit(driven, time="time", growth="rate", device="cpu", progress=stop, checkpoint=tmp_path / "new")
    assert model._fitted is before
    assert {path.suffix for path in (tmp_path / "new").iterdir()} == {".safetensors"}


def test_a_folder_may_hold_other_things(driven: MuData, reference: VirtualCell, tmp_path: Path) -> None:
    reference.save(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    fit_driven(driven, checkpoint=tmp_path)
    assert all(path.read_bytes() == content for path, content in before.items())


# -- figures ---------------------------------------------------------------------------------------------------------------------
def test_the_effective_rank_is_told_as_it_goes_and_changes_nothing(driven: MuData, reference: VirtualCell) -> None:
    told: dict[str, list[dict[str, float]]] = {}

    def listen(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
        told.setdefault(stage, []).append(figures)

    same_model(fit_driven(driven, progress=listen), reference)
    ranks = [figures["effective_rank"] for figures in told["autoencoder"]]
    assert all(1 <= rank <= MOVING.autoencoder.latent_dim for rank in ranks)
    # Of nine tenths of the cells, after the last epoch, while the model is of the best one.
    assert ranks[-1] == pytest.approx(reference.record["effective_rank"], abs=0.3)
    assert all(np.isfinite(figures["match"]) and figures["diffusion"] > 0 for figures in told["predictor"])


def test_the_last_epochs_rank_is_that_of_its_states() -> None:
    """Of a model whose last epoch is its best, the rank that was told is that of the training cells' states."""
    told: list[dict[str, float]] = []
    model = VirtualCell(SMALL).fit(a549(), device="cpu", progress=lambda stage, done, total, figures: told.append(figures))
    epochs = [figures for figures in told if "validation_nats" in figures]
    assert epochs[-1]["validation_nats"] == max(figures["validation_nats"] for figures in epochs)
    rank = epochs[-1]["effective_rank"]
    cells = a549()
    inside = ~cells.obs_names.isin(model.record["held_out"])
    spectrum = np.linalg.svd(model.states[inside] - model.states[inside].mean(0), compute_uv=False) ** 2
    share = spectrum / spectrum.sum()
    assert rank == pytest.approx(float(np.prod(share**-share)), rel=1e-4)
