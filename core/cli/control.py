"""pause, resume, cancel, retry, skip; the runner itself; where things are kept."""

from __future__ import annotations

import asyncio
import time

import click

from core.cli.group import cli, find_home, wait_for
from core.client import Client
from core.export.figures import duration
from core.paths import Home
from core.store.lock import runner_status
from core.values import AutotunerError

_HELP = {
    "pause": "Finish the measurement, stop the engine, free the GPU.",
    "resume": "Go on with a paused task.",
    "cancel": "Stop a task for good; what it measured stays.",
    "skip": "End the running experiment and go on with the next.",
}

_NEXT_SECONDS = 4.0  # in which the parent of a runner that died has started another
_LEAVE_SECONDS = 60.0


def _verb(name: str, text: str) -> None:
    @cli.command(name, help=text)
    @click.argument("task")
    def command(task: str) -> None:
        click.echo(wait_for(Client(find_home()).ask(name, {"task": task})))


for _name, _text in _HELP.items():
    _verb(_name, _text)


@cli.command()
@click.argument("task")
@click.argument("number", type=click.IntRange(min=0), required=False)
def retry(task: str, number: int | None) -> None:
    """Start a task's failed experiments again, or the one of a number."""
    one = {} if number is None else {"number": number}
    click.echo(wait_for(Client(find_home()).ask("retry", {"task": task, **one})))


@cli.group()
def runner() -> None:
    """The process that does the work."""


@runner.command()
def status() -> None:
    """Whether a runner lives, and since when."""
    view = runner_status(find_home().lock)
    if not view.alive:
        click.echo("no runner; the next task starts one")
        return
    alive = duration(time.time() - (view.since or time.time()))
    click.echo(f"runner {view.version} alive, pid {view.pid}, for {alive}")


@runner.command()
def stop() -> None:
    """Stop the runner and its engine; the next runner goes on where this one stopped."""
    wait_for(_stop(find_home()))


async def _stop(home: Home) -> None:
    view = runner_status(home.lock)
    if not view.alive and view.pid is None:
        click.echo("no runner")
        return
    if not view.alive:
        # It died. The next one, of its parent or ours, ends what it has left, and then leaves.
        deadline = time.monotonic() + _NEXT_SECONDS
        while not runner_status(home.lock).alive:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        await Client(home).ensure_runner()
    await Client(home).tell("leave")
    deadline = time.monotonic() + _LEAVE_SECONDS
    while runner_status(home.lock).alive:
        if time.monotonic() > deadline:
            raise AutotunerError(f"the runner is still stopping its engine; see {home.runner_log}")
        await asyncio.sleep(0.1)
    click.echo("stopped")


@cli.command()
def paths() -> None:
    """Where things are kept."""
    home = find_home()
    for name, path in (
        ("home", home.root),
        ("journal", home.database),
        ("tasks", home.root / "tasks"),
        ("cache", home.cache),
        ("runner log", home.runner_log),
    ):
        click.echo(f"{name:<11} {path}")
