"""Python that draws a view without the app: how its cells are opened and chosen, with nothing of a reader's outside quotes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle
from virtualcell.explore import rows as packed
from virtualcell.figures.embedding import ordered
from virtualcell.ui import marks, state
from virtualcell.ui.marks import DRAWN, MARKED
from virtualcell.ui.theme import look

SOME = '''def some(rows, most):
    """At most so many of the rows, spread evenly over them."""
    return rows if len(rows) <= most else rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]'''


def quoted(value: Any) -> str:
    """A value as Python writes it, numbers of numpy as plain ones: whatever a text holds, it stays inside its quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(name)}: {quoted(one)}" for name, one in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(quoted, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list | np.ndarray):
        return "[" + ", ".join(map(quoted, value)) + "]"
    if isinstance(value, np.generic):
        value = value.item()
    # str itself: a subclass may say anything of itself.
    if isinstance(value, str):
        return repr(str.__str__(value))
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise TypeError(f"a {type(value).__name__} cannot be written into code")


class Script:
    """A script that grows line by line; imports are gathered and sorted on top. ``b`` is the opened bundle in it, unless the view
    needs no cells of it (``opens``)."""

    def __init__(self, b: Bundle, what: str, *, opens: bool = True):
        self._imports: dict[str, set[str]] = {}
        self._lines: list[str] = []
        self._what = what
        self._record = b.model.record
        if not opens:
            return
        if b.demo.key in DEMOS:
            self.use("virtualcell.demo", "load_bundle")
            self.say(f"b = load_bundle({quoted(b.demo.key)})")
        else:
            self.use("virtualcell.jobs.bundle", "load_run")
            self.say("# The folder of runs is ./runs, or where the environment variable VIRTUALCELL_RUNS says.")
            self.say(f"b = load_run({quoted(b.demo.key)})")

    def use(self, module: str, *names: str) -> None:
        """Imports names from a module."""
        self._imports.setdefault(module, set()).update(names)

    def say(self, *lines: str) -> None:
        """Adds lines."""
        self._lines += lines

    def draws(self, function: str, *given: str, **named: str) -> None:
        """The last lines: the figure that a function of ``virtualcell.figures`` makes of these arguments, as the page has it."""
        arguments = [*given, *(f"{name}={code}" for name, code in named.items())]
        if look().name == "dark":
            self.use("virtualcell.figures.look", "DARK")
            arguments.append("look=DARK")
        self.say(f"fig = {function}(", *(f"    {argument}," for argument in arguments), ")", "fig.show()")

    def __str__(self) -> str:
        """The whole script."""
        digest, version = str(self._record["digest"]), str(self._record["version"])
        # Only letters, digits and dots: a comment ends where a line does.
        head = [f"# {self._what}", f"# VirtualCell {_plain(version)}, data sha256 {_plain(digest)}"]
        imports = ["", "import numpy as np", ""]
        imports += [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._imports.items())]
        return "\n".join([*head, *imports, "", *self._lines]) + "\n"


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isascii() and (char.isalnum() or char in ".+-"))


def obs(b: Bundle, column: str) -> str:
    """Code of an annotation of all cells, as ``state.values`` gives it."""
    kind = "to_numpy(dtype=float)" if column == b.demo.columns.time else "astype(str).to_numpy()"
    return f"b.cells.obs[{quoted(column)}].{kind}"


def untreated(b: Bundle) -> str:
    """Code of the rows of the control cells; of all rows where no treatment was recorded."""
    column = b.demo.columns.perturbation
    if column is None:
        return "np.arange(b.cells.n_obs)"
    return f"np.flatnonzero({obs(b, column)} == {quoted(b.demo.columns.control)})"


def rows_called(script: Script, b: Bundle, title: str, outline: str = "") -> str:
    """Code of the rows of cells chosen by a name, as ``state.groups`` gives it, or by hand: marked on Explore, or drawn and
    remembered as ``outline``. Raises ValueError for a name that no group has."""
    if title == MARKED:
        script.use("virtualcell.explore", "rows as marked")
        return f"marked.unpack({quoted(packed.pack(state.selection(b), b.cells.n_obs))})"
    if title == DRAWN:
        texts = tuple(marks.drawing(b, outline).split(marks.BETWEEN))
        script.use("virtualcell.explore.polygon", "members", "unpack")
        return f"np.unique(np.concatenate([members(b.umap2, unpack(text)) for text in {quoted(texts)}]))"
    for known, (column, kind) in state.known_columns(b).items():
        for value in ordered(state.values(b, column)):
            shown = f"{value:g} {b.demo.columns.time_unit}" if kind == "time" else value
            if title == f"{known}: {shown}":
                return f"np.flatnonzero({obs(b, column)} == {quoted(value)})"
    if title.startswith("all untreated"):
        return untreated(b)
    if title.startswith("all cells"):
        return "np.arange(b.cells.n_obs)"
    raise ValueError(f"no cells are called {title!r}")
