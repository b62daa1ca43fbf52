"""What a command says in the terminal."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


def console() -> Console:
    # Made anew each time: the terminal of the moment, and its width.
    return Console()


def say(text: str) -> None:
    Console(soft_wrap=True).print(text, markup=False, highlight=False)


def stop(message: str) -> NoReturn:
    """One message on stderr and exit status 2."""
    Console(stderr=True, soft_wrap=True).print(f"virtualcell: {message}", markup=False, highlight=False)
    raise SystemExit(2) from None
