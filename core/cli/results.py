"""ls, show, logs, export: the state, without a screen."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

from core.cli.environment import environment_text
from core.cli.group import cli, find_home, wait_for
from core.cli.words import headline, summary
from core.export import files
from core.export.document import listing
from core.export.evidence import asked
from core.export.figures import clock
from core.export.table import score_text, text_table
from core.logs import sanitize
from core.paths import Home
from core.store.reader import Reader
from core.store.views import ExperimentView, StartView, TaskDetail
from core.values import InputError

_FOLLOW_POLL = 0.3


@cli.command("ls")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def ls(as_json: bool) -> None:
    """Every task, newest first."""
    wait_for(_ls(as_json))


async def _ls(as_json: bool) -> None:
    async with Reader.open(find_home()) as reader:
        tasks = await reader.tasks()
    if as_json:
        click.echo(json.dumps(listing(tasks), indent=2))
        return
    if not tasks:
        click.echo("no tasks yet; try `autotuner-tui demo` or `autotuner-tui run TASK.yaml`")
        return
    for task in tasks:
        done = f"{task.done}/{task.planned or '?'}"
        best = score_text(task.best_score, task.unit)
        mark = " simulated" if task.simulated else ""
        click.echo(
            f"{task.id}  {clock(task.submitted)}  {task.state:<9}  {done:>7}  "
            f"{best:>9} {task.unit}{mark}  {task.name}"
        )


@cli.command()
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(task: str, as_json: bool) -> None:
    """One task: every experiment with its score, the best, what failed and why."""
    home = find_home()
    detail = wait_for(found(home, task))
    if as_json:
        click.echo(files.text(home, detail, "json"), nl=False)
    else:
        click.echo(shown(home, detail))


def shown(home: Home, detail: TaskDetail) -> str:
    """A task in plain text: what it is, the table, what came of it."""
    wanted = asked(home, detail.task.id)
    return "\n".join([headline(detail.task), text_table(detail, wanted), summary(detail, wanted)])


@cli.command()
@click.argument("task")
@click.argument("number", type=int, required=False)
@click.option("--benchmark", is_flag=True, help="The benchmark's log instead of the engine's.")
@click.option("--environment", is_flag=True, help="What it has in its environment instead.")
@click.option("--json", "as_json", is_flag=True, help="That, as one JSON document on stdout.")
@click.option("-f", "follow", is_flag=True, help="Go on until the experiment ends.")
def logs(
    task: str, number: int | None, benchmark: bool, environment: bool, as_json: bool, follow: bool
) -> None:
    """The log of an experiment; of the newest one when no number is given."""
    if environment and not follow:
        click.echo(_environment(task, number, benchmark, as_json))
        return
    if environment or as_json:
        raise InputError("logs: --environment goes without -f, and --json only with it")
    wait_for(_logs(task, number, "benchmark.log" if benchmark else "engine.log", follow))


def _environment(name: str, number: int | None, benchmark: bool, as_json: bool) -> str:
    from core.doctor.effective import Child, effective  # brings Docker's library with it

    home = find_home()
    detail = wait_for(found(home, name))
    experiment = _experiment(detail, number)
    attempt = _started(detail, experiment).attempt
    child = Child(detail.task.id, experiment.number, attempt, benchmark, experiment.engine)
    seen = effective(home, child)
    whose = {"task": detail.task.name, "experiment": experiment.number, "start": attempt}
    if as_json:
        return json.dumps({**whose, **seen.document()}, indent=2)
    return environment_text(f"{detail.task.name} #{experiment.number}", seen)


async def _logs(name: str, number: int | None, kind: str, follow: bool) -> None:
    home, offset, shown = find_home(), 0, None
    while True:
        detail = await found(home, name)
        experiment = _experiment(detail, number)
        attempt = _started(detail, experiment).attempt
        path = home.start(detail.task.id, experiment.number, attempt) / kind
        offset, shown = (offset if path == shown else 0), path
        offset = _print_from(path, offset)
        if not follow or experiment.state.final:
            return
        await asyncio.sleep(_FOLLOW_POLL)


def _experiment(detail: TaskDetail, number: int | None) -> ExperimentView:
    if not detail.experiments:
        raise InputError(f"{detail.task.name} has no experiment yet")
    if number is None:
        return detail.experiments[-1]
    if not 0 <= number < len(detail.experiments):
        raise InputError(
            f"{detail.task.name} has experiments 0 to {len(detail.experiments) - 1}, not {number}"
        )
    return detail.experiments[number]


def _started(detail: TaskDetail, experiment: ExperimentView) -> StartView:
    """The last start; InputError when there is none."""
    if not experiment.starts:
        raise InputError(f"{detail.task.name} #{experiment.number} was not started yet")
    return experiment.starts[-1]


def _print_from(path: Path, offset: int) -> int:
    """Print what a log has from `offset` on; returns where it ends.

    A file or pipe gets the text as it is. A terminal gets it without escape sequences: a log
    must not move its cursor or write to its clipboard.
    """
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if sys.stdout.isatty():
                click.echo(sanitize(line))
            else:
                sys.stdout.write(line.decode("utf-8", "replace"))
        sys.stdout.flush()
        return file.tell()


@cli.command()
@click.argument("task")
@click.option(
    "--format", "kind", type=click.Choice(list(files.ENDINGS)), required=True,
    help="command: what starts the best; csv, json: every measurement; md: a report.",
)  # fmt: skip
@click.option("-o", "output", type=click.Path(path_type=Path), help="A file instead of stdout.")
def export(task: str, kind: str, output: Path | None) -> None:
    """The best configuration's command, all results, or a report, each with its verdict."""
    home = find_home()
    text = files.text(home, wait_for(found(home, task)), kind)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from None


async def found(home: Home, name: str) -> TaskDetail:
    """The task of this name or id; InputError when there is none."""
    async with Reader.open(home) as reader:
        task = await reader.find(name)
        detail = await reader.detail(task.id) if task else None
    if detail is None:
        raise InputError(f"no task '{name}'; `autotuner-tui ls` lists them")
    return detail
