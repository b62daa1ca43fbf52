"""``virtualcell demos`` and ``virtualcell app``: what comes with the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from virtualcell.cli.terminal import console
from virtualcell.schema import DataError


def demos() -> None:
    """List the data that come with VirtualCell."""
    from virtualcell.data.catalogue import DEMOS

    table = Table("name", "what", "time", "perturbation")
    for key, demo in DEMOS.items():
        title = f"{demo.title} (simulated)" if demo.simulated and "simulated" not in demo.title.lower() else demo.title
        table.add_row(key, title, demo.columns.time or "", demo.columns.perturbation or "")
    console().print(table)


def app(port: Annotated[int, typer.Option(min=1, max=65535)] = 8501) -> None:
    """Open the app in the browser, on this machine only."""
    page = Path(__file__).resolve().parents[2] / "app.py"
    if not page.is_file():
        raise DataError("The app's pages are not installed.", next_step="run this command from a clone.", file=str(page))
    options = ["--server.port", str(port), "--server.address", "localhost", "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", str(page), *options, "--browser.gatherUsageStats", "false"]
    try:
        status = subprocess.call(command, cwd=page.parent)
    except KeyboardInterrupt:
        return
    raise typer.Exit(status)
