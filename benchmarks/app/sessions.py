"""Many readers at once on the demos of the real app."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.app.server import Server
from benchmarks.app.visit import Visit

PAGES = ("", "explore", "trajectories", "landscape", "modalities", "perturb", "card")


def readers(browser: Any, server: Server, demos: list[str], n: int) -> dict[str, float]:
    """n readers, each with a window and a session of its own, open a page of a demo and then the next page of it.

    Demos and pages go round, so that every demo is open at the same time. Returns MB and seconds; an error on any page
    (an exception box, a console error, a request to another host) is counted.
    """
    # Small windows: what is measured is the server, and twenty large maps drawn in software would only keep the browser busy.
    visits = [Visit(browser, server.address, {"width": 900, "height": 500}) for _ in range(n)]
    errors: list[str] = []
    start = time.perf_counter()
    try:
        for turn in range(2):
            for i, visit in enumerate(visits):
                page = PAGES[(i // len(demos) + i + turn) % len(PAGES)]
                visit.page.goto(f"{server.address}/{page}?demo={demos[i % len(demos)]}", wait_until="commit", timeout=240_000)
            for visit in visits:
                visit.page.wait_for_selector('[data-testid="stApp"]', timeout=240_000)
                visit.rest(1200)
                print(f"{time.perf_counter() - start:6.0f} s: {visit.page.url} rests", flush=True)
            for visit in visits:
                box = visit.page.locator('[data-testid="stException"]')
                errors += [f"{visit.page.url}: {text}" for text in box.all_inner_texts()]
        errors += [f"{visit.page.url}: {wrong}" for visit in visits for wrong in visit.wrong]
        memory = server.memory()
    finally:
        for visit in visits:
            visit.close()
    for error in dict.fromkeys(errors):
        print(error)
    return {
        "errors": float(len(errors)),
        "server memory, MB": memory["now"],
        "server memory at most, MB": memory["most"],
        "until all pages rested twice, s": time.perf_counter() - start,
    }
