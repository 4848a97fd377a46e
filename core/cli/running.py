"""run, demo: a task goes in, progress and the winner's command come out."""

from __future__ import annotations

import asyncio
import sys
from importlib import resources
from pathlib import Path

import click

from core.cli.checking import preflight
from core.cli.follow import Follower
from core.cli.group import cli, find_home, open_console, wait_for
from core.cli.results import found, shown
from core.client import Client
from core.doctor.logind import logind_check
from core.doctor.report import Verdict
from core.engines import registry
from core.export import files
from core.paths import Home
from core.store.lock import runner_status
from core.store.reader import Reader
from core.store.views import TaskView
from core.task import Task, load, parse
from core.values import TaskState

_POLL = 0.25


@cli.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The `show` document on stdout at the end.")
@click.pass_context
def run_task(context: click.Context, file: Path, as_json: bool) -> None:
    """Queue a task and follow it. Ctrl-C leaves it running."""
    task = load(file, registry.ENGINES)
    context.exit(submit_and_follow(preflight(task), as_json))


@cli.command()
@click.option("--headless", is_flag=True, help="Print progress instead of opening the console.")
@click.pass_context
def demo(context: click.Context, headless: bool) -> None:
    """Tune the simulated engine with the real genai-bench; takes about four minutes."""
    text = resources.files("core.engines").joinpath("demo.yaml").read_text(encoding="utf-8")
    task = parse(text, "demo.yaml", Path.cwd())
    preflight(task)
    if headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
        context.exit(submit_and_follow(task, as_json=False))
    name = wait_for(Client(find_home()).submit(task, Path.cwd()))
    context.exit(open_console(context, name))


def submit_and_follow(task: Task, as_json: bool) -> int:
    """Queue a task that was checked; the exit status of `run`."""
    home = find_home()
    warn_of_logout(home)
    name = wait_for(Client(home).submit(task, Path.cwd()))
    try:
        wait_for(_follow(home, name, quiet=as_json))
    except KeyboardInterrupt:
        click.echo(
            f"\n{task.name} goes on without you: `autotuner-tui` opens it, "
            f"`autotuner-tui show {name}` prints it, `autotuner-tui cancel {name}` stops it",
            err=True,
        )
        return 130
    detail = wait_for(found(home, name))
    status = 1 if detail.task.best is None or _stopped(detail.task) else 0
    if as_json:
        click.echo(files.text(home, detail, "json"), nl=False)
        return status
    click.echo(shown(home, detail))
    if status:
        return status
    click.echo("run it with:")
    click.echo(f"  {files.command(home, detail)}")
    return 0


def warn_of_logout(home: Home) -> None:
    """Whoever starts a runner should know what would end it."""
    check = logind_check()
    if check.verdict is Verdict.WARNING and not runner_status(home.lock).alive:
        click.echo(f"autotuner-tui: {check.evidence}; {check.advice}", err=True)


async def _follow(home: Home, name: str, *, quiet: bool) -> None:
    """Print what happens until the task ends; a runner that died is replaced."""
    client, follower = Client(home), Follower()
    async with Reader.open(home) as reader:
        while True:
            if await reader.changed():
                detail = await reader.detail(name)
                if detail is not None:
                    for line in follower.lines(detail):
                        if not quiet:
                            click.echo(line)
                    if detail.task.state.final or _stopped(detail.task):
                        return
            await client.ensure_runner()
            await asyncio.sleep(_POLL)


def _stopped(task: TaskView) -> bool:
    """Paused by itself: it goes on when a person has done something."""
    return task.state is TaskState.PAUSED and task.failure is not None
