"""The command group, and what every command needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

import click

from core import __version__
from core.cli.home import find_home
from core.paths import Home

__all__ = ["OpenConsole", "cli", "find_home", "open_console", "wait_for"]

T = TypeVar("T")

OpenConsole = Callable[[Home, str | None], int]
"""Opens the console on a home, on a task if one is named; returns the exit status."""

_MODULES = {
    "core.cli.running": ("run", "demo"),
    "core.cli.checking": ("check",),
    "core.cli.results": ("ls", "show", "logs", "export"),
    "core.cli.control": ("pause", "resume", "cancel", "retry", "skip", "runner", "paths"),
    "core.cli.machine": ("doctor",),
    "core.cli.diagnosing": ("diagnose",),
    "core.cli.models": ("models",),
    "core.cli.presets": ("presets",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


class Commands(click.Group):
    """Imports the module of a command when it is asked for: no command waits for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _HOMES and cmd_name not in self.commands:
            import_module(_HOMES[cmd_name])  # which adds its commands to the group
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
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


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(work)
