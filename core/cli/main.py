"""The command group, its exit statuses, and how errors are told."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from core import __version__, settings
from core.paths import Home
from core.values import AutotunerError, InputError

T = TypeVar("T")

OpenConsole = Callable[[Home, str | None], int]
"""Opens the console on a home, on a task if one is named; returns the exit status."""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="autotuner-tui")
@click.pass_context
def cli(context: click.Context) -> None:
    """Finds the best settings for an LLM inference engine. Without a command: the console."""
    if context.invoked_subcommand is None:
        context.exit(open_console(context, None))


def open_console(context: click.Context, task: str | None) -> int:
    """Open the console that the entry point brought along."""
    opener: OpenConsole = context.find_root().obj
    return opener(find_home().create(), task)


def run(arguments: Sequence[str], opener: OpenConsole) -> int:
    """Carry out a command line; returns the exit status. Errors are one line on stderr."""
    try:
        status = cli.main(
            list(arguments), prog_name="autotuner-tui", standalone_mode=False, obj=opener
        )
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except InputError as error:
        return _say(error, 2)
    except AutotunerError as error:
        return _say(error, 1)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader has gone (`… | head`); Python must not complain at exit about stdout.
        sys.stdout = sys.stderr
        return 0


def find_home() -> Home:
    """The state folder; AUTOTUNER_HOME may stand in `.env` like every other setting."""
    return Home.find(settings.resolve(Path.cwd(), os.environ, ["AUTOTUNER_HOME"]).values)


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(work)


def _say(error: AutotunerError, status: int) -> int:
    click.echo(f"autotuner-tui: {error}", err=True)
    return status


# Importing them adds them to the group.
from core.cli import control, results, running  # noqa: E402, F401
