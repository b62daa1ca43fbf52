"""A running app and a browser for the tests in this folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.reader import Reader

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@contextmanager
def served(script: str, **environment: str) -> Iterator[str]:
    """Address of a Streamlit script, served for these tests on a free port of this computer, with these variables set."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.address", "127.0.0.1", "--server.port", str(port)]
    whole = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment}
    server = subprocess.Popen([*command, "--server.headless", "true"], cwd=ROOT, env=whole, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                if time.monotonic() > until or server.poll() is not None:
                    pytest.fail("The app did not start.")
                time.sleep(0.3)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the app; what is trained there goes away with the tests."""
    with served("app.py", VIRTUALCELL_RUNS=str(tmp_path_factory.mktemp("runs"))) as address:
        yield address


@pytest.fixture(scope="session")
def scatter_app() -> Iterator[str]:
    """Address of the small page that shows our map alone."""
    with served("tests/browser/scatter_app.py") as address:
        yield address


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[object]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright  # only where these tests run

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def reader(browser, app):
    found = Reader(browser, app)
    yield found
    found.page.close()
