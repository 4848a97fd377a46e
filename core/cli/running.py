"""run, demo, check: a task goes in, progress and the winner's command come out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli.follow import Follower
from core.cli.group import cli, find_home, open_console, wait_for
from core.cli.results import found, shown
from core.client import Client
from core.engines import registry
from core.export import files
from core.export.figures import count, duration
from core.paths import Home
from core.score import LEAST_REPEATS
from core.space import build
from core.store.reader import Reader
from core.task import Task, load, parse

if TYPE_CHECKING:
    from core.doctor.check import Report
    from core.doctor.plan import Confirmation, Plan

_POLL = 0.25


@cli.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The `show` document on stdout at the end.")
@click.pass_context
def run_task(context: click.Context, file: Path, as_json: bool) -> None:
    """Queue a task and follow it. Ctrl-C leaves it running."""
    task = load(file, registry.ENGINES)
    context.exit(_submit_and_follow(task, as_json))


@cli.command()
@click.option("--headless", is_flag=True, help="Print progress instead of opening the console.")
@click.pass_context
def demo(context: click.Context, headless: bool) -> None:
    """Tune the simulated engine with the real genai-bench; takes about four minutes."""
    text = resources.files("core.engines").joinpath("demo.yaml").read_text(encoding="utf-8")
    task = parse(text, "demo.yaml", Path.cwd())
    if headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
        context.exit(_submit_and_follow(task, as_json=False))
    name = wait_for(Client(find_home()).submit(task, Path.cwd()))
    context.exit(open_console(context, name))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def check(context: click.Context, file: Path, as_json: bool) -> None:
    """What can be known before a GPU minute is spent, and the plan."""
    from core.doctor.check import examine  # brings Docker's library with it

    report = examine(load(file, registry.ENGINES), find_home(), Path.cwd(), os.environ)
    if as_json:
        click.echo(json.dumps(report.document(), indent=2))
    else:
        _print_report(report)
    context.exit(0 if report.passed else 1)


def _submit_and_follow(task: Task, as_json: bool) -> int:
    home = find_home()
    build(task, registry.find(task.engine))  # what makes no sense is told before it is queued
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
    if as_json:
        click.echo(files.text(home, detail, "json"), nl=False)
        return 0 if detail.task.best is not None else 1
    click.echo(shown(home, detail))
    if detail.task.best is None:
        return 1
    click.echo("run it with:")
    click.echo(f"  {files.command(home, detail)}")
    return 0


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
                    if detail.task.state.final:
                        return
            await client.ensure_runner()
            await asyncio.sleep(_POLL)


def _print_report(report: Report) -> None:
    for item in report.checks:
        click.echo(f"{item.verdict:<8} {item.id:<12} {item.evidence}")
        if item.advice:
            click.echo(f"{'':<21} {item.advice}")
    plan = report.plan
    click.echo(f"plan     {plan.experiments} experiments of {plan.configurations} configurations")
    for rule, removed in plan.removed.items():
        click.echo(f"         {removed} ruled out by: {rule}")
    click.echo(f"         {_cost(plan)} when a start takes a minute")
    click.echo(f"         confirmation: {_confirmation(plan.confirmation)}")
    click.echo("baseline command:")
    click.echo(f"  {plan.baseline}")


def _cost(plan: Plan) -> str:
    hours = "" if plan.gpu_hours is None else f", {plan.gpu_hours:.2g} GPU-hours,"
    return f"at most about {duration(plan.seconds)}{hours}"


def _confirmation(planned: Confirmation) -> str:
    if not planned.repeats:
        return "off: the verdict will be unconfirmed"
    if not planned.configurations:
        return "nothing to hold the baseline against"
    least = min(LEAST_REPEATS, planned.repeats)
    times = f"{least} to {planned.repeats}" if least < planned.repeats else str(least)
    others = count(planned.configurations, "configuration")
    return (
        f"{times} repeat{'s' if times != '1' else ''} of up to {others} and the baseline, "
        f"at most about {duration(planned.seconds)} of it"
    )
