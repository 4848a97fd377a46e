"""diagnose: what a log means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli.group import cli
from core.values import InputError

if TYPE_CHECKING:
    from core.doctor.sources import Diagnosis


@cli.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--engine", help="Whose log it is; without it, that is told from the log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def diagnose(log: Path, engine: str | None, as_json: bool) -> None:
    """What a log means: the cause, the line that proves it, and what to do."""
    from core.doctor.sources import examine  # brings every engine's patterns with it

    try:
        found = examine(log, engine)
    except OSError as error:
        raise InputError(f"{log}: {error.strerror or error}") from None
    document = _document(found)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _print(log, document)


def _document(found: Diagnosis) -> dict[str, Any]:
    failure = found.failure
    return {
        "kind": failure.kind if failure else "healthy",
        "line": failure.line if failure else None,
        "text": failure.text if failure else None,
        "phase": found.phase,
        "advice": failure.advice if failure else None,
        "message": failure.message if failure else "nothing in it tells of a failure",
        "engine": found.source,
    }


def _print(log: Path, document: dict[str, Any]) -> None:
    phase = f" in phase {document['phase']}" if document["phase"] else ""
    click.echo(f"{document['kind']}{phase}: {document['message']}")
    if document["line"]:
        click.echo(f"  {log.name}:{document['line']}: {document['text']}")
    if document["advice"]:
        click.echo(f"  {document['advice']}")
