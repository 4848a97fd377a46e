"""The command group, and what every command needs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from core import __version__, settings
from core.paths import Home

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


def find_home() -> Home:
    """The state folder; AUTOTUNER_HOME may stand in `.env` like every other setting."""
    return Home.find(settings.resolve(Path.cwd(), os.environ, ["AUTOTUNER_HOME"]).values)


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(work)
