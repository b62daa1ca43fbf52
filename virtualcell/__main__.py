"""``python -m virtualcell``: the same as the command ``virtualcell``."""

from __future__ import annotations

from virtualcell.cli import main

if __name__ == "__main__":
    main()
