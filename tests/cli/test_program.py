"""The program as a whole: its help, and the demos that it lists."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.commands import run


def test_help_comes_at_once_without_the_heavy_libraries():
    code = "import sys\nfrom virtualcell.cli import main\ntry:\n    main(['--help'])\nfinally:\n    print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"
    known = ("train", "check", "embed", "translate", "generators", "draw", "predict", "perturb", "landscape", "demos", "app")
    for command in known:
        assert f"\n  {command} " in done.stdout


def test_demos_are_listed(capsys):
    assert run("demos") == 0
    said = capsys.readouterr().out
    for name in ("a549", "larry", "norman", "kang", "cite", "simulated", "switch", "assays"):
        assert name in said
