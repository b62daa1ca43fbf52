"""One reader in Chromium: what travels, what goes wrong, and when pixels of certain colours are on the screen."""

from __future__ import annotations

import base64
import io
import os
import shutil
import time
from typing import Any
from urllib.parse import urlparse

import numpy as np
from PIL import Image
from playwright.sync_api import Error

FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
"""WebGL in software: the same for both renderers, and to be had everywhere."""

VIEW = {"width": 1280, "height": 820}
RESTED = """() => { const app = document.querySelector('[data-testid="stApp"]');
  return !!app && app.dataset.testScriptState === 'notRunning' && !document.querySelector('[data-testid="stSkeleton"]'); }"""


def chromium() -> str:
    """Path of the system's Chromium, or of the one that VIRTUALCELL_CHROMIUM names."""
    named = [os.environ.get("VIRTUALCELL_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    found = next((path for name in named if name and (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("no Chromium found: apt-get install chromium, or name one in VIRTUALCELL_CHROMIUM")
    return found


class Visit:
    """A browser window of its own (nothing cached, a session of its own) on one server."""

    def __init__(self, browser: Any, address: str, window: dict[str, int] | None = None):
        self.address, self.host = address, urlparse(address).netloc
        self.context = browser.new_context(viewport=window or VIEW, color_scheme="light")
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.received = {"data": 0.0, "code": 0.0}
        self.sent = 0.0
        self._kinds: dict[str, str] = {}
        self._watch = watch = self.context.new_cdp_session(self.page)
        watch.send("Network.enable")
        watch.on("Network.requestWillBeSent", lambda event: self._request(event))
        watch.on("Network.loadingFinished", lambda event: self._loaded(event))
        watch.on("Network.webSocketFrameReceived", lambda event: self._frame(event, "received"))
        watch.on("Network.webSocketFrameSent", lambda event: self._frame(event, "sent"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"page error: {error}"))
        self.page.on("response", lambda r: self.wrong.append(f"{r.status} {r.url}") if _bad(r) else None)
        self.page.on("console", lambda m: self.wrong.append(m.text) if _complains(m) else None)

    def _request(self, event: dict[str, Any]) -> None:
        url = urlparse(event["request"]["url"])
        # Streamlit's own program is the same for every page and stays in the browser's cache; all else is data.
        self._kinds[event["requestId"]] = "code" if url.path.startswith("/static/") or url.path == "/" else "data"
        if url.scheme in ("http", "https", "ws", "wss") and url.netloc != self.host:
            self.wrong.append(f"request to {event['request']['url']}")

    def _loaded(self, event: dict[str, Any]) -> None:
        # Bytes on the wire with headers; 0 for what came out of the browser's cache.
        self.received[self._kinds.get(event["requestId"], "data")] += max(event["encodedDataLength"], 0)

    def _frame(self, event: dict[str, Any], way: str) -> None:
        frame = event["response"]
        length = len(frame["payloadData"])
        if frame["opcode"] == 2:  # binary frames are told in base64
            length = len(base64.b64decode(frame["payloadData"]))
        if way == "sent":
            self.sent += length
        else:
            self.received["data"] += length

    def taken(self) -> dict[str, float]:
        """MB received (data, code) and bytes sent since the last time this was asked; starts at 0 again."""
        found = {"data MB": self.received["data"] / 1e6, "code MB": self.received["code"] / 1e6, "sent bytes": self.sent}
        self.received, self.sent = {"data": 0.0, "code": 0.0}, 0.0
        return found

    def rest(self, seconds: float = 180) -> None:
        """Waits until the script has not been running for most of a second. TimeoutError where it never rests."""
        calm, until = 0, time.monotonic() + seconds
        while calm < 6:
            calm = calm + 1 if self.page.evaluate(RESTED) else 0
            if time.monotonic() > until:
                raise TimeoutError(f"{self.page.url} never came to rest")
            self.page.wait_for_timeout(120)

    def seconds_to(self, colours: np.ndarray, start: float, *, part: float, most: float = 240) -> float:
        """Seconds from ``start`` until ``part`` of the map's pixels are near one of the colours (k, 3).

        Screenshots of the same rectangle are taken over and over, whoever draws in it. Each takes a tenth of a second or two,
        which both renderers pay. TimeoutError after ``most`` seconds, RuntimeError where the page shows an error.
        """
        while (taken := time.perf_counter() - start) < most:
            try:
                if self.share(colours) >= part:
                    return time.perf_counter() - start
            except Error:  # a browser that is busy with a million points may have no picture to give
                self.page.wait_for_timeout(100)
                continue
            if taken > 5 and (box := self.page.locator('[data-testid="stException"]')).count():
                raise RuntimeError(f"{self.page.url}: {box.first.inner_text()}")
        raise TimeoutError(f"{self.page.url} never showed its colours")

    def share(self, colours: np.ndarray) -> float:
        """Share of the map's pixels near one of the colours."""
        pixels = self.pixels()
        return near(pixels, colours) / (pixels.shape[0] * pixels.shape[1])

    def pixels(self) -> np.ndarray:
        """The rectangle in which either map stands, (height, width, 3)."""
        rectangle = {"x": 120, "y": 220, "width": 800, "height": 400, "scale": 1}
        shot = self._watch.send("Page.captureScreenshot", {"clip": rectangle, "format": "png", "optimizeForSpeed": True})
        picture = Image.open(io.BytesIO(base64.b64decode(shot["data"])))
        return np.asarray(picture.convert("RGB")).astype(np.int16)

    def close(self) -> None:
        self.context.close()


def near(pixels: np.ndarray, colours: np.ndarray, within: int = 14) -> int:
    """Number of pixels (h, w, 3) that are near any of the colours (k, 3)."""
    found = np.zeros(pixels.shape[:2], dtype=bool)
    for colour in colours:
        found |= np.abs(pixels - colour.astype(np.int16)).max(axis=-1) <= within
    return int(found.sum())


def _bad(response: Any) -> bool:
    # Streamlit asks for its own files below a page's path first and is told 404.
    return response.status >= 400 and "/_stcore/" not in response.url


def _complains(message: Any) -> bool:
    return message.type == "error" and not message.text.startswith("Failed to load")
