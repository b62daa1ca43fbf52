"""Other people's methods, run in an environment of their own on the cells that ours gets.

The user names that environment (scvi-tools 1.4.2, univi 1.2.1, mudata) by the variable VIRTUALCELL_PEERS. ``worker.py``,
``methods/``, ``cells.py``, ``result.py``, ``scores.py`` and ``simulate.py`` are read there and import nothing of ours.
"""

from __future__ import annotations

from benchmarks.peers.result import PeerResult
from benchmarks.peers.run import peers_python, run_peer
from benchmarks.peers.splits import Split, split
from benchmarks.peers.tuning import TUNING, tune

__all__ = ["TUNING", "PeerResult", "Split", "peers_python", "run_peer", "split", "tune"]
