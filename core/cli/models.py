"""models: a search of the Hub under the settings that a task would get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from core import settings
from core.cli.group import cli
from core.settings import Settings, host_environment
from core.values import AutotunerError, InputError, one_line

_SECONDS = 10.0


@cli.command("models")
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def models(text: str, as_json: bool) -> None:
    """Models of the Hub with these words in their names, most downloaded first."""
    if not text.strip():
        raise InputError("models: write a part of a name, like qwen3")
    found = _found(text.strip(), settings.resolve(Path.cwd(), os.environ))
    if as_json:
        click.echo(json.dumps({"models": found}, indent=2))
        return
    size = max((len(model["id"]) for model in found), default=0)
    for model in found:
        gated = "gated" if model["gated"] else ""
        downloads = "-" if model["downloads"] is None else f"{model['downloads']:,}"
        told = f"{model['id']:<{size}}  {downloads:>12}  {gated:<5}  {model['pipeline'] or ''}"
        click.echo(told.rstrip())
    if not found:
        click.echo(f"no model has {one_line(text, 60)} in its name")


def _found(text: str, resolved: Settings) -> list[dict[str, Any]]:
    if settings.is_offline(resolved):
        raise AutotunerError("HF_HUB_OFFLINE is set: the Hub is not asked; unset it to search")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "core.hub.search", text, str(_SECONDS * 0.6)],
            env=host_environment(resolved), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
        )  # fmt: skip
        answer = json.loads(done.stdout or "{}")
    except subprocess.TimeoutExpired:
        raise AutotunerError(
            f"the Hub did not answer within {_SECONDS:.0f} s; is the network or a proxy slow?"
        ) from None
    except (OSError, ValueError) as error:
        raise AutotunerError(f"the Hub could not be asked: {error}") from None
    if told := answer.get("error"):
        raise AutotunerError(f"{told['message']}. {told['advice']}")
    if "models" not in answer:
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise AutotunerError(f"the search ended with status {done.returncode}: {one_line(last)}")
    found: list[dict[str, Any]] = answer["models"]
    return found
