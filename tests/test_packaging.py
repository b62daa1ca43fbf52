"""What a fresh clone relies on: pins and ranges that agree, one version everywhere, no way to skip the browser under CI."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import virtualcell

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LINES = [line.strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()]
PINS = {canonicalize_name(r.name): r for r in map(Requirement, (line for line in LINES if line and not line.startswith("#")))}
RANGES = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}
TOOLS = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["optional-dependencies"]["dev"])}


def third_party(folders: list[str]) -> set[str]:
    """Distributions that the Python files in these places import, by the names in requirements.txt."""
    home = importlib.metadata.packages_distributions()
    files = [
        path for folder in folders for path in ([ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"))
    ]
    # The peers run in an environment of their own, which the user names; ours does without them.
    elsewhere = ROOT / "benchmarks" / "peers" / "methods"
    modules = set()
    for path in filter(Path.exists, files):
        if elsewhere in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    ours = {"virtualcell", "benchmarks", "tests", "app", "pages", "conftest"}
    return {canonicalize_name(home[name][0]) if name in home else name for name in modules - sys.stdlib_module_names - ours}


def test_every_pin_is_exact_and_allowed_by_its_range():
    for name, pin in PINS.items():
        assert re.fullmatch(r"==[^,*+]+", str(pin.specifier)), f"{name} is not pinned exactly"
    for name, allowed in (RANGES | TOOLS).items():
        version = next(iter(PINS[name].specifier)).version
        assert allowed.specifier.contains(version, prereleases=False), f"{name} {version} is outside {allowed.specifier}"
    assert str(PINS["torch"].specifier) == "==2.13.0"
    assert not [name for name in PINS if name.startswith(("nvidia", "triton", "cuda"))]


def test_what_is_imported_is_declared():
    assert third_party(["app.py", "pages", "virtualcell"]) <= set(RANGES)
    assert third_party(["benchmarks"]) <= set(RANGES | TOOLS)  # what drives a browser is a tool of ours, not of the reader's
    assert third_party(["tests"]) <= set(PINS)


def test_the_installed_packages_are_the_pinned_ones():
    for name in {**RANGES, **TOOLS}:
        installed = Version(importlib.metadata.version(name)).public  # without a local part such as +cpu
        assert installed == next(iter(PINS[name].specifier)).version, f"{name}: run make setup"


def test_one_version_everywhere():
    assert PROJECT["version"] == virtualcell.__version__ == importlib.metadata.version("virtualcell")
    assert f"\nversion: {virtualcell.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {virtualcell.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_licence_and_python():
    assert PROJECT["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("BSD 3-Clause License")
    assert PROJECT["requires-python"] == ">=3.11"


def make(*arguments: str, path: str = os.environ["PATH"], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path}
    environment.pop("MAKEFLAGS", None)  # of the ``make test`` that runs us
    return subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_setup_without_a_new_enough_python_says_what_to_do(tmp_path):
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "touch", "make"):
        (tools / name).symlink_to(next(Path(p) / name for p in os.environ["PATH"].split(":") if (Path(p) / name).exists()))
    old = tools / "python3"
    old.write_text("#!/usr/bin/env bash\nexit 1\n")  # what a Python 3.10 answers when asked whether it is new enough
    old.chmod(0o755)
    done = make("setup", path=str(tools), folder=tmp_path)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt-get install" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_app_is_served_on_this_machine_only_and_calls_nobody():
    command = make("-n", "app").stdout
    assert "--server.port 8501" in command
    assert "--server.address localhost" in command
    assert "--server.showEmailPrompt false" in command  # no question for an e-mail address
    assert "--browser.gatherUsageStats false" in command
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert config["browser"]["gatherUsageStats"] is False  # also for ``streamlit run app.py`` by hand
    assert 1 <= config["server"]["maxUploadSize"] <= 1024


BROWSER_TEST = """
import pytest

@pytest.mark.browser
def test_page():
    pass
"""


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 error"), ("", "1 skipped")])
def test_without_a_browser_its_tests_fail_under_ci_and_are_skipped_elsewhere(tmp_path, ci, outcome):
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    browser: needs Chromium\n")
    (tmp_path / "test_page.py").write_text(BROWSER_TEST)
    environment = {**os.environ, "CI": ci, "VIRTUALCELL_CHROMIUM": str(tmp_path / "no-such-browser")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "test_page.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert outcome in done.stdout.splitlines()[-1]
    assert "no Chromium found" in done.stdout or not ci
    assert (done.returncode == 0) is not bool(ci)
