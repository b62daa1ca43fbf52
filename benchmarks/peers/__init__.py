"""Other people's methods, run in an environment of their own on the cells that ours gets.

The user names that environment (scvi-tools 1.4.2, univi 1.2.1, mudata) by the variable VIRTUALCELL_PEERS. ``worker.py``,
``methods/``, ``cells.py``, ``result.py``, ``scores.py`` and ``simulate.py`` are read there too and import nothing of VirtualCell;
so what is named here is imported only when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.peers.result import PeerResult
    from benchmarks.peers.run import peers_python, run_peer
    from benchmarks.peers.splits import Split, split
    from benchmarks.peers.tuning import TUNING, tune

__all__ = ["TUNING", "PeerResult", "Split", "peers_python", "run_peer", "split", "tune"]

_HOME = {
    "PeerResult": "result",
    "Split": "splits",
    "TUNING": "tuning",
    "peers_python": "run",
    "run_peer": "run",
    "split": "splits",
    "tune": "tuning",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"{__name__} has no {name}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
