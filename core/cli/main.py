"""Carrying out a command line: exit statuses, and errors in one line."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence

from core.cli.home import find_home
from core.paths import Home
from core.values import AutotunerError, InputError, one_line

_DISK = {errno.ENOSPC, errno.EDQUOT}


def run(arguments: Sequence[str], opener: Callable[[Home, str | None], int]) -> int:
    """Carry out a command line; returns the exit status. Errors are one line on stderr.

    `opener` opens the console, on a task if one is named.
    """
    try:
        if not arguments:
            return opener(find_home().create(), None)
        return _command(arguments, opener)
    except InputError as error:
        return _say(str(error), 2)
    except AutotunerError as error:
        return _say(str(error), 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (`… | head`); Python must not complain at exit about stdout.
        sys.stdout = sys.stderr
        return 0
    except OSError as error:
        if error.errno not in _DISK:
            raise
        return _say(f"{error.filename or 'writing'}: {error.strerror}; make room there", 1)


def _command(arguments: Sequence[str], opener: Callable[[Home, str | None], int]) -> int:
    import click  # not needed to open the console

    from core.cli.group import cli

    try:
        status = cli.main(
            list(arguments), prog_name="autotuner-tui", standalone_mode=False, obj=opener
        )
    except click.ClickException as error:
        return _say(f"{error.format_message()} See `autotuner-tui --help`.", 2)
    except click.Abort:
        return 130
    return status if isinstance(status, int) else 0


def _say(message: str, status: int) -> int:
    print(f"autotuner-tui: {one_line(message, 1000)}", file=sys.stderr)
    return status
