"""A reader's own file: right ones are described, wrong ones get a clear message, and the page goes on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from streamlit.testing.v1 import AppTest

from virtualcell.data.catalogue import data_folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("VIRTUALCELL_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("VIRTUALCELL_DATA", raising=False)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    return at.switch_page("pages/cells.py").run()


def give(at: AppTest, name: str, content: bytes) -> str:
    """Uploads a file and returns all that the page says in boxes."""
    at.file_uploader(key="upload").set_value((name, content, "application/octet-stream")).run()
    assert not at.exception
    boxes = [*at.error, *at.warning, *at.info, *at.success, *at.markdown]
    return "\n".join(box.value for box in boxes)


def written(tmp_path: Path, counts: np.ndarray, **obs: object) -> bytes:
    cells = AnnData(
        counts.astype(np.float32),
        obs=pd.DataFrame(obs, index=[f"cell{i}" for i in range(len(counts))]),
        var=pd.DataFrame(index=[f"gene{i}" for i in range(counts.shape[1])]),
    )
    path = tmp_path / "mine.h5ad"
    cells.write_h5ad(path)
    return path.read_bytes()


def counts(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(2.0, size=(160, 30))


def test_text_under_another_name(page):
    said = give(page, "notes.h5ad", b"this is a text file\n" * 50)
    assert "notes.h5ad cannot be used" in said
    assert "What to do" in said


def test_a_file_that_was_cut_short(page):
    whole = (data_folder() / "kang_ifnb_pbmc.h5ad").read_bytes()
    said = give(page, "half.h5ad", whole[: len(whole) // 2])
    assert "half.h5ad cannot be used" in said
    assert "What to do" in said


def test_counts_that_are_not_numbers(page, tmp_path):
    values = counts().astype(float)
    values[3, 4] = np.nan
    said = give(page, "mine.h5ad", written(tmp_path, values, hours=np.repeat([0.0, 1.0], 80)))
    assert "What to do" in said
    assert "Put this right first" in said or "To be put right first" in said
    assert "missing (NaN)" in said
    assert not [button for button in page.button if button.label == "Train"]


def test_cells_without_a_time_column(page, tmp_path):
    said = give(page, "mine.h5ad", written(tmp_path, counts(), dish=["a", "b"] * 80))
    assert "No time column" in said
    assert not page.error


def test_good_cells_are_described_with_the_command_to_train_on_them(page):
    give(page, "larry.h5ad", (data_folder() / "weinreb_larry_clones.h5ad").read_bytes())
    assert not page.error
    assert any("781 cells" in line.value for line in page.markdown)
    (command,) = [block.value for block in page.code if "larry.h5ad" in block.value]
    assert "--time time_d --time-unit d" in command
    assert "--clones X_clone" in command


def test_a_name_with_folders_in_it_stays_inside_and_nothing_is_kept(page, tmp_path):
    outside = Path(tempfile.gettempdir()) / "escaped.h5ad"
    give(page, "../escaped.h5ad", written(tmp_path, counts(), hours=np.repeat([0.0, 1.0], 80)))
    assert not outside.exists()
    folder = page.session_state["upload-folder"].path
    assert folder.is_dir()
    assert not list(folder.iterdir())


def test_after_a_wrong_file_a_right_one_works(page, tmp_path):
    assert "cannot be used" in give(page, "notes.h5ad", b"no cells here")
    assert "cannot be used" not in give(page, "mine.h5ad", written(tmp_path, counts(), hours=np.repeat([0.0, 1.0], 80)))
