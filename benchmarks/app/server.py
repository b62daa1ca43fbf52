"""A Streamlit server of its own, and how much memory processes hold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Server:
    """Its address and its process."""

    address: str
    pid: int
    log: Path
    """What it prints: Streamlit writes the errors of pages there, and only their kind on the page."""

    def memory(self) -> dict[str, float]:
        """Resident MB now and at most so far."""
        status = (Path("/proc") / str(self.pid) / "status").read_text()
        kilobytes = {line.split(":")[0]: float(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")}
        return {"now": kilobytes["VmRSS"] / 1024, "most": kilobytes["VmHWM"] / 1024}


@contextmanager
def serving(script: Path) -> Iterator[Server]:
    """The script on a free port of this computer. RuntimeError where it does not start within two minutes."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.address", "127.0.0.1", "--server.port", str(port)]
    # One thread, as for every figure of ours; the theme and settings are those of the app.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with NamedTemporaryFile("wb", suffix=".log") as log:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        yield from _while_running(process, f"http://127.0.0.1:{port}", Path(log.name))


def _while_running(process: subprocess.Popen[bytes], address: str, log: Path) -> Iterator[Server]:
    try:
        until = time.monotonic() + 120
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the app did not start: {log.read_text()[-2000:]}")
            time.sleep(0.3)
        yield Server(address, process.pid, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def browser_memory() -> float:
    """MB of all Chromium processes that this process has started; shared pages are counted once (proportional set size)."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # it ended meanwhile
    total = 0.0
    for pid in parents:
        above = pid
        while above not in (0, 1, os.getpid()):
            above = parents.get(above, 0)
        if above == os.getpid() and pid != above and "chrom" in _name(pid):
            total += _pss(pid)
    return total / 1024


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    except OSError:
        return ""


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("Pss:")), 0.0)
