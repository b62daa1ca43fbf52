"""Train a peer and let it predict: run by the peers' own Python, which knows nothing of VirtualCell.

    python worker.py multivi IN.npz OUT.npz --settings '{"max_epochs": 300, "every": 25}' --seed 0 --threads 1

METHOD: multivi, univi (RNA and ATAC), totalvi (RNA and proteins), or throughput, where settings["method"] says of which.
IN: Cells of cells.py. OUT: PeerResult of result.py. A line for each checkpoint goes to the standard error.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import logging
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("multivi", "totalvi", "univi")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=(*METHODS, "throughput"))
    parser.add_argument("cells", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(chosen.threads)  # before numpy and torch are imported
    os.environ["TQDM_DISABLE"] = "1"
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    sys.path[0] = str(ROOT)  # in place of this folder, where "result" and "run" would hide modules of that name
    import torch

    from benchmarks.peers.cells import Cells

    torch.set_num_threads(chosen.threads)
    cells = Cells.load(chosen.cells)
    name = chosen.settings["method"] if chosen.method == "throughput" else chosen.method
    method = importlib.import_module(f"benchmarks.peers.methods.{name}")
    work = method.throughput if chosen.method == "throughput" else method.run
    result = work(cells, chosen.settings, chosen.seed)
    dataclasses.replace(result, notes=result.notes | {"threads": chosen.threads}).save(chosen.out)


if __name__ == "__main__":
    main()
