"""Questions that other processes answer: what a task would do, what the Hub has, an editor.

The console itself imports neither the engines nor Docker nor huggingface_hub for them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.paths import Home
from core.values import AutotunerError, one_line
from tui import notation

# The first reading of an engine's flags alone may take 90 s.
_CHECK_SECONDS = 120.0
_ENVIRONMENT_SECONDS = 15.0
_SEARCH_SECONDS = 15.0
_LIST_SECONDS = 15.0
_SECTIONS = ("parameters", "quantization", "parallel", "environment")
_PROGRAM = "autotuner-tui: "


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is given: its environment, and its folder (None: ours)."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    folder: Path | None = None


HERE = Place()


@dataclass(frozen=True, slots=True)
class Found:
    """What one check found: `verdict` is `failure`, `warning`, `unknown` or `ok`."""

    verdict: str
    id: str
    evidence: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The plan of a task. `configurations` None: too many to count; `seconds` at most;
    `removed` is how many configurations each rule took away (of `sampled` random ones, unless
    that is 0: of all) and `reasons` why, where it is no rule of the task. `presets` is what presets
    gave: a
    flag or an axis, and its values as a form shows them. `baselines` has the command of each
    engine where several are compared, `baseline` that of the first.
    """

    configurations: int | None
    experiments: int
    removed: tuple[tuple[str, int], ...]
    seconds: float
    baseline: str
    checks: tuple[Found, ...] = ()
    presets: tuple[tuple[str, str], ...] = ()
    baselines: tuple[tuple[str, str], ...] = ()
    sampled: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def found(self) -> tuple[Found, ...]:
        """What is wrong or may be, failures first."""
        return tuple(one for kind in ("failure", "warning") for one in self.all(kind))

    def all(self, verdict: str) -> tuple[Found, ...]:
        return tuple(one for one in self.checks if one.verdict == verdict)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a program. `mark` is `missing`, `different`, `same` or `extra`; `value`
    None: it does not have it, `intended` None: it was not meant to.
    """

    name: str
    mark: str
    value: str | None
    intended: str | None


@dataclass(frozen=True, slots=True)
class Environment:
    """What an engine or a benchmark has, secrets hidden. `source` says where that was read,
    `note` why not from the program itself.
    """

    program: str
    source: str
    running: bool
    variables: tuple[Variable, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the Hub. `downloads` of the last month."""

    id: str
    downloads: int | None = None
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of flags; `engines` empty: it is for any."""

    name: str
    about: str = ""
    engines: tuple[str, ...] = ()


async def check(text: str, home: Home, place: Place = HERE) -> Checked:
    """What `autotuner-tui check` says of a task file. AutotunerError with its one line."""
    # TemporaryDirectory: only this user can look into it.
    with tempfile.TemporaryDirectory(prefix="autotuner-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "task.yaml"
        path.write_text(text, encoding="utf-8")
        words = ("check", str(path), "--json")
        status, out, error = await answer(words, home, _CHECK_SECONDS, place)
    document = _document(status, out, error, good={0, 1})
    plan = document["plan"]
    return Checked(
        configurations=plan["configurations"],
        experiments=plan["experiments"],
        removed=tuple((rule, count) for rule, count in plan["removed"].items() if count),
        seconds=plan["seconds"],
        baseline=plan["baseline"],
        checks=tuple(
            Found(one["verdict"], one["id"], one["evidence"], one["advice"])
            for one in document["checks"]
        ),
        presets=_given(document["presets"]["gave"]),
        baselines=_baselines(plan["engines"]),
        sampled=plan["sampled"],
        reasons=plan["reasons"],
    )


def _baselines(engines: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The command of each, where there are several."""
    found = tuple((one["engine"], one["baseline"]) for one in engines)
    return found if len(found) > 1 else ()


def _given(gave: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What presets gave each engine, of the sections that have names and values."""
    return tuple(
        (f"{engine} {name}" if len(gave) > 1 else name, notation.write(value).rstrip(","))
        for engine, gained in gave.items()
        for section in _SECTIONS
        for name, value in gained.get(section, {}).items()
    )


async def environment(task: str, number: int, home: Home, *, benchmark: bool) -> Environment:
    """What an experiment's newest start has in its environment. AutotunerError says why that
    cannot be found out.
    """
    words = ("logs", task, str(number), "--environment", "--json")
    more = ("--benchmark",) if benchmark else ()
    status, out, error = await answer((*words, *more), home, _ENVIRONMENT_SECONDS)
    found = _document(status, out, error, good={0})
    variables = tuple(
        Variable(one["name"], one["mark"], one["value"], one["intended"])
        for one in found["variables"]
    )
    return Environment(
        found["program"], found["source"], found["running"], variables, found["note"]
    )


async def models(text: str, home: Home) -> tuple[Model, ...]:
    """Models of the Hub with these words. AutotunerError says why it cannot be asked."""
    # `--`: a text that begins with a dash is no option.
    words = ("models", "--json", "--", text)
    status, out, error = await answer(words, home, _SEARCH_SECONDS)
    found = _document(status, out, error, good={0})["models"]
    return tuple(Model(one["id"], one["downloads"], bool(one["gated"])) for one in found)


async def presets(home: Home) -> tuple[Preset, ...]:
    """Every preset there is. AutotunerError says why they cannot be listed."""
    status, out, error = await answer(("presets", "list", "--json"), home, _LIST_SECONDS)
    found = _document(status, out, error, good={0})["presets"]
    return tuple(Preset(one["name"], one["about"], tuple(one["engines"])) for one in found)


async def answer(
    words: Sequence[str], home: Home, limit: float, place: Place = HERE
) -> tuple[int, str, str]:
    """Status, output and errors of one of our own commands, ended after `limit` seconds.

    Cancelling ends it and all it started. AutotunerError when it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tui.main", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**place.environ, "AUTOTUNER_HOME": str(home.root)},
        cwd=place.folder,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limit):
            out, error = await process.communicate()
    except TimeoutError:
        raise AutotunerError(f"{words[0]}: no answer within {limit:.0f} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace"), error.decode(errors="replace")


def _document(status: int, out: str, error: str, good: set[int]) -> dict[str, Any]:
    if status in good:
        with suppress(ValueError):
            document: dict[str, Any] = json.loads(out)
            return document
    last = error.strip().splitlines()[-1:]
    said = one_line(" ".join(last), 400).removeprefix(_PROGRAM)
    raise AutotunerError(said or f"it ended with status {status} and said nothing")


def edited(text: str, environ: Mapping[str, str]) -> str:
    """The text as the person's editor left it. AutotunerError when there is no editor.

    The terminal must be free: the console has to be suspended.
    """
    words, named = _editor(environ)
    with tempfile.TemporaryDirectory(prefix="autotuner-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "task.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            status = subprocess.run([*words, str(path)], check=False).returncode
            changed = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise AutotunerError("the edited file is not a text in UTF-8") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise AutotunerError(f"{named} {words[0]!r} cannot be run: {reason}") from None
    if status:
        raise AutotunerError(f"{named} {words[0]!r} ended with status {status}; nothing was taken")
    return changed


def _editor(environ: Mapping[str, str]) -> tuple[list[str], str]:
    """The words of the command, and who named it."""
    for name in ("VISUAL", "EDITOR"):
        if value := environ.get(name, "").strip():
            try:
                return shlex.split(value), f"${name}"
            except ValueError:
                raise AutotunerError(f"${name} opens a quote that it does not close") from None
    for word in ("vi", "nano"):
        if shutil.which(word, path=environ.get("PATH")):
            return [word], "the editor"
    raise AutotunerError("no editor: set $EDITOR to one, for example export EDITOR=nano")
