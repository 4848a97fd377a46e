"""check, and the same before a task is queued."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli.group import cli, find_home, wait_for
from core.doctor.report import Check, Verdict
from core.engines import registry
from core.export.figures import count, duration
from core.presets import Expansion, expanded
from core.presets.writer import values
from core.score import LEAST_REPEATS
from core.task import Task, load
from core.task.dump import yaml_text
from core.values import AutotunerError, one_line

if TYPE_CHECKING:
    from core.doctor.check import Report
    from core.doctor.plan import Confirmation, Part, Plan

_UNCOUNTED = "more configurations than can be counted"


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def check(context: click.Context, file: Path, as_json: bool) -> None:
    """What can be known before a GPU minute is spent, and the plan."""
    given = wait_for(expanded(load(file, registry.ENGINES), find_home()))
    report = _examined(given.task)
    if as_json:
        presets = {"names": list(given.task.expanded), "gave": _gave(given)}
        click.echo(json.dumps({**report.document(), "presets": presets}, indent=2))
    else:
        _print_checks(report.checks)
        _print_plan(report.plan, given)
    context.exit(0 if report.passed else 1)


def preflight(given: Task) -> Task:
    """The same checks before a task is queued; what is not right is printed to stderr.

    The task as it was checked, with its presets written out.

    AutotunerError when the task would fail; InputError when there is no state folder.
    """
    home = find_home().create()
    task = wait_for(expanded(given, home)).task
    report = _examined(task)
    odd = [one for one in report.checks if one.verdict in {Verdict.FAILURE, Verdict.WARNING}]
    _print_checks(odd, err=True)
    failed = [one.id for one in odd if one.verdict is Verdict.FAILURE]
    if failed:
        raise AutotunerError(
            f"{task.name} was not started, it would fail: {', '.join(failed)}; "
            "`autotuner-tui check` says all that was looked at"
        )
    return task


def _examined(task: Task) -> Report:
    from core.doctor.check import examine  # brings Docker's library with it

    shown = _Waiting()
    try:
        return examine(task, find_home(), Path.cwd(), os.environ, shown)
    finally:
        shown.clear()


class _Waiting:
    """One line on a terminal's stderr with what is still looked at, after the first second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown = 0
        self._tells = sys.stderr.isatty()

    def __call__(self, waiting: Sequence[str]) -> None:
        seconds = int(time.monotonic() - self._began)
        if self._tells and seconds > self._shown:
            self._shown = seconds
            names = ", ".join(waiting)
            sys.stderr.write(f"\r\x1b[K{one_line(f'checking {names} … {seconds} s', 78)}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _print_checks(checks: Sequence[Check], *, err: bool = False) -> None:
    size = max((len(one.id) for one in checks), default=0)
    for one in checks:
        click.echo(f"{one.verdict:<8} {one.id:<{size}}  {one.evidence}", err=err)
        if one.advice:
            click.echo(f"{'':<{size + 9}}  {one.advice}", err=err)


def _print_plan(plan: Plan, given: Expansion) -> None:
    of = f"{plan.configurations} configurations" if plan.configurations is not None else _UNCOUNTED
    click.echo(f"plan     {plan.experiments} experiments of {of}")
    if len(plan.engines) > 1:
        counts = [(_UNCOUNTED if one.configurations is None else one.configurations, one.engine)
                  for one in plan.engines]  # fmt: skip
        click.echo(f"         {', '.join(f'{size} of {engine}' for size, engine in counts)}")
    for line in _preset_lines(given):
        click.echo(f"         {line}")
    for one in plan.engines:
        whose = f"{one.engine}: " if len(plan.engines) > 1 else ""
        for line in _removed_lines(one, plan.reasons):
            click.echo(f"         {whose}{line}")
        for words in one.varied.values():
            click.echo(f"         {whose}varied: {' | '.join(words)}")
    click.echo(f"         {_cost(plan)} when a start takes a minute")
    click.echo(f"         confirmation: {_confirmation(plan.confirmation)}")
    for one in plan.engines:
        whose = f" of {one.engine}" if len(plan.engines) > 1 else ""
        click.echo(f"baseline command{whose}:")
        click.echo(f"  {one.baseline}")


def _removed_lines(part: Part, reasons: Mapping[str, str]) -> list[str]:
    """What each rule took away: counted, or its share of random configurations."""
    lines = []
    for rule, removed in part.removed.items():
        amount = f"about {removed / part.sampled:.0%}" if part.sampled else str(removed)
        why = f" ({reasons[rule]})" if rule in reasons else ""
        lines.append(f"{amount} ruled out by: {rule}{why}")
    if part.duplicates:
        lines.append(f"{part.duplicates} have the command line of another")
    return lines


def _preset_lines(given: Expansion) -> list[str]:
    """What came of presets, as it would stand in the task file."""
    if not given.gained:
        return []
    names = ", ".join(given.task.expanded)
    text = yaml_text(_gave(given), compact=True)
    return [f"from {names}:", *(f"  {line}" for line in text.splitlines())]


def _gave(given: Expansion) -> dict[str, Any]:
    """What each engine gained, as values of a task file."""
    return {engine: values(part) for engine, part in given.gained.items()}


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
