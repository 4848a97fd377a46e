"""presets: sets of flags by name, to look at, store, change and pass on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from core.cli.group import cli, find_home, wait_for
from core.cli.results import found
from core.client import Client
from core.export.masking import hidden, hider
from core.paths import replace_file
from core.presets import Preset, Shelf
from core.presets.merge import merged
from core.presets.reader import load, parse
from core.presets.winner import of_experiment
from core.presets.writer import document, written
from core.values import AutotunerError, InputError, one_line

_REPLACE = click.option("--replace", is_flag=True, help="Replace a stored one of this name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


@cli.group()
def presets() -> None:
    """Named sets of flags, built in or stored, for `presets:` in a task file."""


@presets.command("list")
@_JSON
def list_presets(as_json: bool) -> None:
    """Every preset, the built-in ones first."""
    shelf = _shelf()
    lines = [_told(shelf, name) for name in shelf.names]
    if as_json:
        click.echo(json.dumps({"presets": lines}, indent=2))
        return
    size = max(len(one["name"]) for one in lines)
    for one in lines:
        kind = "stored" if one["stored"] else "built in"
        engines = ", ".join(one["engines"]) or "any engine"
        click.echo(f"{one['name']:<{size}}  {kind:<8}  {engines:<23}  {one['about']}".rstrip())


@presets.command()
@click.argument("name")
@_JSON
def show(name: str, as_json: bool) -> None:
    """What a preset gives, as a file of its own."""
    shelf = _shelf()
    preset = shelf.find(name)
    if as_json:
        told = {**document(preset), "stored": shelf.own(name)}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(written(preset), nl=False)


@presets.command()
@click.argument("name")
@click.argument("source", metavar="[FILE|N]", required=False)
@click.option("--from", "task", help="A task whose best configuration, or number N, it is to be.")
@_REPLACE
def save(name: str, source: str | None, task: str | None, replace: bool) -> None:
    """Store a file, or a configuration of a task, under a name."""
    if task is not None:
        preset = _of_task(name, task, source)
    elif source is not None:
        preset = load(Path(source), name)
    else:
        raise InputError("presets save: name a file, or a task with --from TASK")
    click.echo(_store(preset, replace=replace))


@presets.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "name", help="A name in place of the one in the file.")
@_REPLACE
def import_preset(file: Path, name: str | None, replace: bool) -> None:
    """Store a preset that was exported, or written by hand."""
    click.echo(_store(load(file, name), replace=replace))


@presets.command()
@click.argument("name")
@click.option("-o", "output", type=click.Path(path_type=Path), help="A file instead of stdout.")
def export(name: str, output: Path | None) -> None:
    """A preset as YAML, for `presets import` elsewhere."""
    text = written(_shelf().find(name))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        replace_file(output, text.encode("utf-8"))
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from None


@presets.command()
@click.argument("name")
def rm(name: str) -> None:
    """Remove a stored preset; tasks that used it keep what it gave."""
    click.echo(wait_for(Client(find_home()).ask("remove_preset", {"name": name})))


@presets.command()
@click.argument("name")
def edit(name: str) -> None:
    """Change a stored preset in $EDITOR."""
    shelf = _shelf()
    text = written(shelf.find(name))
    if not shelf.own(name):
        raise InputError(
            f"presets: '{name}' is built in; `presets export {name} -o FILE` makes a copy to "
            "change and import under another name"
        )
    while (changed := click.edit(text, extension=".yaml")) is not None:
        try:
            click.echo(_store(parse(changed, name, name, name), replace=True))
            return
        except InputError as error:
            click.echo(f"autotuner-tui: {one_line(str(error), 1000)}", err=True)
            click.confirm("edit it again?", default=True, abort=True, err=True)
            text = changed
    click.echo("nothing was changed")


@presets.command()
@click.argument("first")
@click.argument("others", nargs=-1, required=True)
@click.option("--as", "name", required=True, help="What the new one is called.")
@_REPLACE
def merge(first: str, others: tuple[str, ...], name: str, replace: bool) -> None:
    """Store presets as one, later ones over earlier ones."""
    shelf = _shelf()
    click.echo(_store(merged(name, [shelf.find(one) for one in (first, *others)]), replace=replace))


def _shelf() -> Shelf:
    return wait_for(Shelf.of(find_home()))


def _told(shelf: Shelf, name: str) -> dict[str, Any]:
    """A line of the list; one that cannot be read any more says why."""
    try:
        preset = shelf.find(name)
    except InputError as error:
        preset = Preset(name, about=f"cannot be used: {error}")
    return {
        "name": name,
        "stored": shelf.own(name),
        "engines": list(preset.engines),
        "about": preset.about,
    }


def _of_task(name: str, task: str, number: str | None) -> Preset:
    if number is not None and not number.isdecimal():
        raise InputError(f"presets save: '{number}' is no experiment's number")
    home = find_home()
    detail = wait_for(found(home, task))
    wanted = detail.task.best if number is None else int(number)
    if wanted is None:
        raise AutotunerError(f"{detail.task.name}: there is no best configuration yet; name one")
    experiment = next((one for one in detail.experiments if one.number == wanted), None)
    if experiment is None:
        raise InputError(f"{detail.task.name} has no experiment {wanted}")
    if hidden(experiment.parameters, hider(home, detail.task.id)) != experiment.parameters:
        raise InputError(f"{detail.task.name} #{wanted}: a flag holds a secret; it is not stored")
    return of_experiment(name, detail.task, experiment)


def _store(preset: Preset, *, replace: bool) -> str:
    """The runner's answer; what cannot be read back is refused before it is asked."""
    text = json.dumps(document(preset), ensure_ascii=False)
    parse(text, f"preset {preset.name}", preset.name, preset.name)
    asked = {"name": preset.name, "text": text, "replace": replace}
    return wait_for(Client(find_home()).ask("save_preset", asked))
