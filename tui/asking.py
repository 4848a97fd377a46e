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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.paths import Home
from core.values import AutotunerError, one_line

_CHECK_SECONDS = 20.0
_SEARCH_SECONDS = 15.0
_PROGRAM = "autotuner-tui: "


@dataclass(frozen=True, slots=True)
class Found:
    """Something `check` found: `verdict` is `failure` or `warning`."""

    verdict: str
    id: str
    evidence: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The plan of a task. `configurations` None: too many to count; `seconds` at most;
    `removed` is how many configurations each rule took away.
    """

    configurations: int | None
    experiments: int
    removed: tuple[tuple[str, int], ...]
    seconds: float
    baseline: str
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the Hub. `downloads` of the last month."""

    id: str
    downloads: int | None = None
    gated: bool = False


async def check(text: str, home: Home) -> Checked:
    """What `autotuner-tui check` says of a task file. AutotunerError with its one line."""
    # TemporaryDirectory: only this user can look into it.
    with tempfile.TemporaryDirectory(prefix="autotuner-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "task.yaml"
        path.write_text(text, encoding="utf-8")
        status, out, error = await answer(("check", str(path), "--json"), home, _CHECK_SECONDS)
    document = _document(status, out, error, good={0, 1})
    plan = document["plan"]
    return Checked(
        configurations=plan["configurations"],
        experiments=plan["experiments"],
        removed=tuple((rule, count) for rule, count in plan["removed"].items() if count),
        seconds=plan["seconds"],
        baseline=plan["baseline"],
        found=tuple(
            Found(one["verdict"], one["id"], one["evidence"], one["advice"])
            for one in sorted(document["checks"], key=lambda one: str(one["verdict"]))
            if one["verdict"] in {"failure", "warning"}
        ),
    )


async def models(text: str, home: Home) -> tuple[Model, ...]:
    """Models of the Hub with these words. AutotunerError says why it cannot be asked."""
    # `--`: a text that begins with a dash is no option.
    words = ("models", "--json", "--", text)
    status, out, error = await answer(words, home, _SEARCH_SECONDS)
    found = _document(status, out, error, good={0})["models"]
    return tuple(Model(one["id"], one["downloads"], bool(one["gated"])) for one in found)


async def answer(words: Sequence[str], home: Home, limit: float) -> tuple[int, str, str]:
    """Status, output and errors of one of our own commands, ended after `limit` seconds.

    Cancelling ends it and all it started. AutotunerError when it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tui.main", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "AUTOTUNER_HOME": str(home.root)},
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
