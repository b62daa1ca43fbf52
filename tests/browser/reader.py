"""A reader in a browser: goes to pages, waits until they rest, looks at pixels, and notes what went wrong."""

from __future__ import annotations

import io
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image

RESTED = """() => { const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') === 'notRunning'
    && !document.querySelector('[data-testid="stSkeleton"]'); }"""


class Reader:
    """A browser page that remembers what went wrong."""

    def __init__(self, browser, address: str):
        self.address, self.wrong = address, []
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        host = urlparse(address).netloc
        self.page.on("pageerror", lambda error: self.wrong.append(f"page error: {error}"))
        # Streamlit asks for its own files below a page's path first and is told 404; the browser logs that too.
        self.page.on(
            "console",
            lambda m: self.wrong.append(m.text) if m.type == "error" and not m.text.startswith("Failed to load") else None,
        )
        self.page.on(
            "response",
            lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 and "/_stcore/" not in r.url else None,
        )
        self.page.on(
            "request",
            lambda r: (
                self.wrong.append(f"request to {r.url}")
                if r.url.startswith(("http", "ws")) and urlparse(r.url).netloc != host
                else None
            ),
        )

    def rest(self) -> None:
        """Waits until the script has not been running for most of a second."""
        calm = 0
        for _ in range(600):
            calm = calm + 1 if self.page.evaluate(RESTED) else 0
            if calm >= 7:
                return
            self.page.wait_for_timeout(100)
        pytest.fail("The page never came to rest.")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.address}/{path}")
        self.rest()

    def check(self) -> None:
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert not self.wrong

    def picture(self, key: str) -> np.ndarray:
        """Pixels of the chart with this key, (height, width, 3)."""
        chart = self.page.locator(f".st-key-{key} .js-plotly-plot").first
        chart.wait_for(state="visible", timeout=30_000)
        self.page.wait_for_timeout(1500)
        return np.asarray(Image.open(io.BytesIO(chart.screenshot())).convert("RGB")).astype(int)


def near(pixels: np.ndarray, colour: tuple[int, int, int], within: int = 40) -> int:
    """Number of pixels near a colour."""
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) <= within).sum())


def blues(pixels: np.ndarray) -> np.ndarray:
    """Which pixels are blue enough to be the landscape's surface."""
    return (pixels[..., 2] > pixels[..., 0] + 30) & (pixels[..., 2] > 60)
