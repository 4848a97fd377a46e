"""Carrying out a command line: exit statuses, and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from core.cli import control, machine, results, running
from core.cli.group import OpenConsole, cli
from core.values import AutotunerError, InputError, one_line

# Importing a module of commands adds them to the group.
COMMANDS = (running, results, control, machine)


def run(arguments: Sequence[str], opener: OpenConsole) -> int:
    """Carry out a command line; returns the exit status. Errors are one line on stderr."""
    try:
        status = cli.main(
            list(arguments), prog_name="autotuner-tui", standalone_mode=False, obj=opener
        )
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        return _say(f"{error.format_message()} See `autotuner-tui --help`.", 2)
    except InputError as error:
        return _say(str(error), 2)
    except AutotunerError as error:
        return _say(str(error), 1)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader has gone (`… | head`); Python must not complain at exit about stdout.
        sys.stdout = sys.stderr
        return 0


def _say(message: str, status: int) -> int:
    click.echo(f"autotuner-tui: {one_line(message, 1000)}", err=True)
    return status
