"""Is a state one of which the model has seen the like?"""

from __future__ import annotations

from virtualcell.generative.reach import Domain

__all__ = ["Domain"]
