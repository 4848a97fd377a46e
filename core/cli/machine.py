"""doctor: the machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli.group import cli, find_home

if TYPE_CHECKING:
    from core.doctor.machine import MachineReport


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """The machine: Docker, GPUs, Hub, proxies, disk, terminal."""
    from core.doctor.machine import examine_machine  # brings Docker's library with it

    report = examine_machine(find_home(), Path.cwd(), os.environ)
    if as_json:
        click.echo(json.dumps(report.document(), indent=2))
    else:
        _print(report)
    context.exit(0 if report.passed else 1)


def _print(report: MachineReport) -> None:
    size = max(len(check.id) for check in report.checks)
    for check in report.checks:
        click.echo(f"{check.verdict:<8} {check.id:<{size}}  {check.evidence}")
        if check.advice:
            click.echo(f"{'':<{size + 9}}  {check.advice}")
