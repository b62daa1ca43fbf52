"""The command ``virtualcell``: train a model, and ask it what the pages ask it, from a terminal."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import typer

from virtualcell.cli.drawing import draw, generators
from virtualcell.cli.moving import perturb, predict
from virtualcell.cli.shipped import app, demos
from virtualcell.cli.states import embed, translate
from virtualcell.cli.surface import landscape
from virtualcell.cli.terminal import stop
from virtualcell.cli.training import check, train
from virtualcell.schema import DataError

# torch and scanpy take seconds to import: each command imports what it needs, and --help waits for none of it.

cli = typer.Typer(
    help="Measured cells go in; states, trajectories, responses and the landscape come out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (train, check, embed, translate, generators, draw, predict, perturb, landscape, demos, app):
    cli.command()(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can put right is one clear message on stderr and exit status 2, never a traceback."""
    warnings.simplefilter("ignore", FutureWarning)  # of the libraries: nothing that a user of the command can change
    try:
        cli(args=None if arguments is None else list(arguments), prog_name="virtualcell")
    except (DataError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise  # not about a file that the user named
        stop(str(error) if isinstance(error, DataError) else f"file {error.filename}: {error.strerror}.")
