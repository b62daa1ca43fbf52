"""What all tests share: one thread a worker, and the rule about tests that need a browser."""

from __future__ import annotations

import os

# Before numpy and torch are imported: two workers with two threads each are slower than with one on two cores.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import shutil

import hypothesis
import pytest

# Time limits of single examples fail at random on a loaded machine; pytest-timeout watches over whole tests.
hypothesis.settings.register_profile("virtualcell", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("virtualcell")


def find_chromium() -> str | None:
    """Path of the Chromium to test with: VIRTUALCELL_CHROMIUM, or the first one that the system has."""
    named = os.environ.get("VIRTUALCELL_CHROMIUM")
    if named:
        return shutil.which(named)
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    return next((path for path in found if path), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test in a browser is skipped where there is none, but not under CI=true: there a missing browser is a failure."""
    if item.get_closest_marker("browser") is None or find_chromium() is not None:
        return
    message = "no Chromium found: apt-get install chromium, or name one in VIRTUALCELL_CHROMIUM"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of the system's Chromium, for Playwright's ``executable_path``."""
    path = find_chromium()
    assert path is not None, "ask for this fixture only from tests with the mark 'browser'"
    return path
