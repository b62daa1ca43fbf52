"""Imports run one way, Streamlit stays where pages are made, and nothing is ever unpickled: read from the syntax tree of every
file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ORDER = [
    {"app", "pages"},
    {"virtualcell.ui"},
    {"benchmarks"},
    {"virtualcell.figures"},
    {"virtualcell.jobs"},
    {"virtualcell.__main__"},
    {"virtualcell.cli"},
    {"virtualcell"},  # the package itself hands out what model.py and data/ define
    {"virtualcell.demo"},
    {"virtualcell.model"},
    {"virtualcell.explore"},
    {"virtualcell.trust"},
    {"virtualcell.evaluation"},
    {"virtualcell.landscape"},
    {"virtualcell.perturbation"},
    {"virtualcell.generative"},
    {"virtualcell.training"},
    {"virtualcell.predictor"},
    {"virtualcell.autoencoder"},
    {"virtualcell.modalities"},
    {"virtualcell.data"},
    {"virtualcell.schema"},
]
"""From the top down; a part imports what stands below it, and itself. The same list is in CONTRIBUTING.md."""

FLOOR = {part: depth for depth, parts in enumerate(ORDER) for part in parts}
FIGURES_MAY_IMPORT = {"numpy", "pandas", "PIL", "plotly", "scipy", "sklearn"} | sys.stdlib_module_names  # arrays, no models
STREAMLIT_STAYS_IN = {"app", "pages", "virtualcell.ui"}

UNPICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "jsonpickle"}
UNPICKLING_CALLS = {"joblib.load", "pandas.read_pickle", "numpy.lib.format.read_array", "torch.package.PackageImporter"}


def part_of(module: str) -> str | None:
    """The entry of ORDER that a module belongs to; None for what is not ours."""
    pieces = module.split(".")
    if pieces[0] != "virtualcell":
        return pieces[0] if pieces[0] in FLOOR else None
    return ".".join(pieces[:2])


def module_name(path: Path) -> str:
    """virtualcell/data/read.py -> virtualcell.data.read; a package's __init__.py is the package."""
    pieces = path.with_suffix("").parts
    return ".".join(pieces[:-1] if pieces[-1] == "__init__" else pieces)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of every import, also inside functions, under TYPE_CHECKING and by ``import_module("...")``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level + (node.module or "")
            elif node.module == "virtualcell":
                # ``from virtualcell import schema`` is the module, ``from virtualcell import VirtualCell`` the package.
                # The version is a constant that all may write into what they save.
                ours = {part.removeprefix("virtualcell.") for part in FLOOR}
                names = [alias.name for alias in node.names if alias.name != "__version__"]
                yield from ((node.lineno, f"virtualcell.{name}" if name in ours else "virtualcell") for name in names)
            else:
                yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def full_names(tree: ast.AST) -> dict[str, str]:
    """What the names of a file stand for: {"np": "numpy", "load": "torch.load"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def import_violations(source: str, path: Path) -> list[str]:
    """What a file, path relative to the repository, imports against the order."""
    module, found = module_name(path), []
    here = part_of(module)
    for line, name in imported(ast.parse(source)):
        where, top, there = f"{path}:{line}", name.split(".")[0], part_of(name)
        if name.startswith("."):
            found.append(f"{where} imports relatively ({name})")
        elif here is not None and here not in FLOOR:
            found.append(f"{where} is in {here}, which the order does not know")
        elif there is not None and there not in FLOOR:
            found.append(f"{where} imports {there}, which the order does not know")
        elif there and here and FLOOR[there] < FLOOR[here]:
            found.append(f"{where} imports {name}, which stands above {here}")
        elif top == "tests" and here:
            found.append(f"{where} imports {name}: the product does not know its tests")
        if top == "streamlit" and here not in STREAMLIT_STAYS_IN and path.parts[0] != "tests":  # AppTest is Streamlit's
            found.append(f"{where} imports streamlit outside app.py, pages/ and virtualcell/ui/")
        if (
            here == "virtualcell.figures"
            and there not in ("virtualcell.figures", "virtualcell.schema")
            and top not in FIGURES_MAY_IMPORT
        ):
            found.append(f"{where} imports {name}: figures take arrays and draw them")
    return found


def unpickling(source: str, path: Path) -> list[str]:
    """Where a file could run code that a data file holds."""
    tree = ast.parse(source)
    names, found = full_names(tree), []
    for line, name in imported(tree):
        if name.split(".")[0] in UNPICKLERS:
            found.append(f"{path}:{line} imports {name}")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, *rest = ast.unparse(node.func).split(".")
        call = ".".join([names.get(first, first), *rest])
        keywords = {k.arg: k.value for k in node.keywords}
        where = f"{path}:{node.lineno}"
        if call in UNPICKLING_CALLS or rest[-1:] == ["read_pickle"]:
            found.append(f"{where} calls {call}")
        if call == "torch.load" and getattr(keywords.get("weights_only"), "value", None) is not True:
            found.append(f"{where} calls torch.load without weights_only=True")
        allow = keywords.get("allow_pickle")
        if allow is not None and getattr(allow, "value", None) is not False:
            found.append(f"{where} allows pickle in {call}")
        if call == "numpy.load" and len(node.args) > 2:
            found.append(f"{where} may allow pickle by position in numpy.load")
    return found


def our_files() -> list[Path]:
    """Every Python file of the product, its benchmarks and its tests, relative to the repository."""
    folders = ["pages", "virtualcell", "benchmarks", "tests"]
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path.relative_to(ROOT) for path in [ROOT / "app.py", *found] if path.exists()]


FILES = our_files()


def test_there_are_files_to_check():
    assert {"virtualcell/schema.py", "virtualcell/evaluation/metrics.py", "tests/test_imports.py"} <= {str(p) for p in FILES}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_run_down_the_list(path):
    assert import_violations((ROOT / path).read_text("utf-8"), path) == []


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_is_unpickled(path):
    assert unpickling((ROOT / path).read_text("utf-8"), path) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("virtualcell/schema.py", "from virtualcell.data.read import read", "stands above virtualcell.schema"),
        ("virtualcell/data/read.py", "import virtualcell.modalities.rna", "stands above virtualcell.data"),
        (
            "virtualcell/predictor/growth.py",
            "def f():\n    from virtualcell.training import loop",
            "stands above virtualcell.predictor",
        ),
        (
            "virtualcell/trust/gate.py",
            "if TYPE_CHECKING:\n    from virtualcell.model import VirtualCell",
            "stands above virtualcell.trust",
        ),
        ("virtualcell/model.py", "from virtualcell import cli", "stands above virtualcell.model"),
        ("virtualcell/model.py", "from virtualcell import VirtualCell", "stands above virtualcell.model"),
        (
            "virtualcell/model.py",
            "import importlib\nimportlib.import_module('virtualcell.ui.cache')",
            "stands above virtualcell.model",
        ),
        ("virtualcell/model.py", "from virtualcell.demo import build", "stands above virtualcell.model"),
        ("virtualcell/demo.py", "from virtualcell.cli import main", "stands above virtualcell.demo"),
        ("virtualcell/ui/cache.py", "import app", "stands above virtualcell.ui"),
        ("virtualcell/trust/gate.py", "from benchmarks import heldout_time", "stands above virtualcell.trust"),
        ("virtualcell/model.py", "from tests.conftest import find_chromium", "does not know its tests"),
        ("virtualcell/data/read.py", "from . import checks", "imports relatively"),
        ("virtualcell/helpers/maths.py", "import numpy", "the order does not know"),
        ("virtualcell/model.py", "from virtualcell.helpers import maths", "the order does not know"),
        ("virtualcell/model.py", "import streamlit as st", "streamlit outside"),
        ("virtualcell/figures/scatter.py", "from streamlit.runtime import get_instance", "streamlit outside"),
        ("benchmarks/heldout_time.py", "import streamlit", "streamlit outside"),
        ("virtualcell/figures/scatter.py", "import torch", "figures take arrays"),
        ("virtualcell/figures/scatter.py", "from virtualcell.data.read import read", "figures take arrays"),
    ],
)
def test_planted_violations_of_the_order_are_caught(path, source, complaint):
    found = import_violations(source, Path(path))
    assert any(complaint in line for line in found), found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "pages/explore.py",
            "import streamlit as st\nfrom virtualcell.ui.cache import model\nfrom virtualcell import VirtualCell",
        ),
        ("virtualcell/ui/cache.py", "import streamlit as st\nfrom virtualcell.figures import scatter"),
        (
            "virtualcell/figures/scatter.py",
            "import math\nimport numpy as np\nimport plotly.graph_objects as go\nfrom virtualcell import schema",
        ),
        ("virtualcell/model.py", "from virtualcell import __version__"),
        ("virtualcell/cli/training.py", "from virtualcell.model import VirtualCell\nfrom virtualcell.demo import build"),
        (
            "virtualcell/modalities/rna.py",
            "from virtualcell.modalities.base import Modality\nfrom virtualcell.data.counts import counts",
        ),
        ("virtualcell/__init__.py", "from virtualcell.model import VirtualCell\nfrom virtualcell.data.read import read"),
        ("tests/test_model.py", "import streamlit.testing.v1\nfrom virtualcell import VirtualCell"),
    ],
)
def test_what_the_order_allows_passes(path, source):
    assert import_violations(source, Path(path)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from cloudpickle import loads",
        "import joblib\njoblib.load('model')",
        "from joblib import load as fetch\nfetch('model')",
        "import torch\ntorch.load('weights.pt')",
        "import torch as t\nt.load('weights.pt', weights_only=False)",
        "from torch import load\nload('weights.pt', map_location='cpu')",
        "import numpy as np\nnp.load('cells.npz', allow_pickle=True)",
        "import numpy as np\nnp.load('cells.npz', None, True)",
        "import numpy\nflag = True\nnumpy.load('cells.npz', allow_pickle=flag)",
        "import pandas as pd\npd.read_pickle('table.pkl')",
    ],
)
def test_planted_unpickling_is_caught(source):
    assert unpickling(source, Path("virtualcell/model.py"))


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load('weights.pt', weights_only=True)",
        "import numpy as np\nnp.load('cells.npz')\nnp.load('cells.npz', allow_pickle=False)",
        "import json\njson.load(open('settings.json'))",
        "from safetensors.torch import load_file\nload_file('model.safetensors')",
    ],
)
def test_safe_reading_passes(source):
    assert unpickling(source, Path("virtualcell/model.py")) == []
