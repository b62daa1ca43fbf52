"""How long things take: training of the demo models, many cells carried far, and the pictures of a landscape once computed.

    python -m benchmarks.speed --json
    python -m benchmarks.speed --demos simulated --parts rollout drawing

Training is counted in CPU seconds of one thread, which is how demo models are made; "with its views" adds the embeddings and the
landscape with its passes. Rollouts and pictures are wall-clock seconds with ``--threads`` threads, the median of several, of the
delivered model; a picture is the page's own figure turned into JSON, with 60 ways of 25 frames on it. With other work going on
all of them are upper bounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.arguments import parser, report
from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import DEMO_SETTINGS, Bundle, bar, fit_demo, load_bundle, write_views
from virtualcell.evaluation.report import Claim, Row
from virtualcell.figures.landscape import landscape_surface
from virtualcell.figures.landscape_map import landscape_map
from virtualcell.figures.relief import Relief

TIMED = [key for key, demo in DEMOS.items() if demo.dynamics]
PARTS = ("training", "rollout", "drawing")
CELLS, STEPS, PATHS, FRAMES, TIMES = 10_000, 100, 60, 25, 5
TRAINED_IN, ROLLED_IN, DRAWN_IN = 180.0, 2.0, 1.0


def training(key: str) -> dict[str, float]:
    """CPU seconds of one thread."""
    before, threads = time.process_time(), torch.get_num_threads()
    torch.set_num_threads(1)
    shown, progress = bar()
    try:
        with shown, TemporaryDirectory() as folder:
            model = fit_demo(key, DEMO_SETTINGS[key], progress=progress)
            trained = time.process_time() - before
            write_views(model, Path(folder))
    finally:
        torch.set_num_threads(threads)
    return {"training, CPU s": trained, "training with its views, CPU s": time.process_time() - before}


def rollout(bundle: Bundle) -> float:
    """Seconds for CELLS cells, the measured ones over and over, through STEPS steps, every one of them kept."""
    dynamics = bundle.model.dynamics
    states = torch.from_numpy(np.resize(bundle.state, (CELLS, bundle.state.shape[1])))

    def run() -> None:
        with torch.no_grad():
            path, _ = dynamics.rollout(states, STEPS / dynamics.euler_steps, torch.Generator().manual_seed(0), keep=STEPS + 1)
        assert len(path) == STEPS + 1

    return seconds(run)


def drawing(bundle: Bundle) -> dict[str, float]:
    """Seconds of the two pictures of a landscape, ways of predicted cells on it."""
    landscape = bundle.landscape
    assert landscape is not None
    start = bundle.state[np.linspace(0, len(bundle.state) - 1, PATHS).astype(int)]
    path = bundle.model.predict(states=start, duration=bundle.model.span, frames=FRAMES)
    paths = (path.states - landscape.origin) @ landscape.plane.T
    fates = np.resize([attractor.name for attractor in landscape.attractors], PATHS)
    relief = Relief.of(landscape)
    return {
        "surface, s": seconds(lambda: landscape_surface(landscape, paths, path.times, fates, unit="h", relief=relief).to_json()),
        "map from above, s": seconds(lambda: landscape_map(landscape, paths, fates, relief=relief).to_json()),
    }


def seconds(work: Callable[[], object]) -> float:
    """Median of TIMES runs after one to warm up."""
    work()
    taken = []
    for _ in range(TIMES):
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


def main(arguments: Sequence[str] | None = None) -> None:
    known = parser("speed", __doc__)
    known.add_argument("--demos", nargs="+", default=TIMED, choices=TIMED)
    known.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    known.add_argument("--threads", type=int, default=2, help="of rollouts and pictures")
    chosen = known.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    rows: list[Row] = []
    claims: list[Claim] = []

    def note(key: str, metric: str, value: float, bound: float | None) -> None:
        rows.append(Row("VirtualCell", metric, value, where=key))
        if bound is not None:
            claims.append(Claim(f"{key}: {metric}", value, "<", bound))

    for key in chosen.demos:
        if "training" in chosen.parts:
            for metric, value in training(key).items():
                note(key, metric, value, None if "views" in metric else TRAINED_IN)
        bundle = load_bundle(key)
        if "rollout" in chosen.parts:
            note(key, f"rollout of {CELLS:,} cells through {STEPS} steps, s", rollout(bundle), ROLLED_IN)
        if "drawing" in chosen.parts and bundle.landscape is not None:
            for metric, value in drawing(bundle).items():
                note(key, metric, value, DRAWN_IN)
    report(chosen, rows, claims)


if __name__ == "__main__":
    main()
