"""VirtualCell: measured cells become states, states move on a learned energy landscape, and biologists look at both."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from virtualcell.data.read import read
    from virtualcell.model import VirtualCell
    from virtualcell.schema import DataError, Settings

__version__ = "0.1.0"

__all__ = ["DataError", "Settings", "VirtualCell", "__version__", "read"]

_HOME = {
    "VirtualCell": "virtualcell.model",
    "read": "virtualcell.data.read",
    "DataError": "virtualcell.schema",
    "Settings": "virtualcell.schema",
}


def __getattr__(name: str) -> Any:
    # torch and scanpy take seconds to import: the command line's --help and the checks of files need not wait for them.
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'virtualcell' has no attribute {name!r}")
