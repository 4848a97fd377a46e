"""One measurement in a process of its own, forked from a launcher that has imported all."""

from __future__ import annotations

import csv
import importlib
import logging
import math
import os
import random
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from core.bench.death import die_with_parent
from core.bench.plan import FULL, USAGE, Plan
from core.bench.trouble import no_space
from core.values import one_line

_TASKS = {
    "E": "text-to-embeddings",
    "R": "text-to-rerank",
    "I": "image-text-to-text",
    "A": "text-to-speech",
}
_FILES = 65536


def run(
    plan: Plan,
    tokenizer: str,
    launcher: int,
    detached: int,
    begin: int,
    let_go: Callable[[], None],
) -> NoReturn:
    """Measure, in a forked child of process `launcher`, and end it. Never returns.

    `let_go` closes what is the launcher's alone. One byte goes to the pipe `detached` when the
    child leads a session of its own; it measures when one comes from the pipe `begin`.
    """
    status = 1
    try:
        # Before it lets go: who sees the launcher's pipes closed knows that this one dies, too.
        _die_with(launcher)
        let_go()
        _detach(plan)
        os.write(detached, b"\n")
        if os.read(begin, 1):
            status = _benchmark(plan, tokenizer)
    except BaseException as error:
        status = _failed(error)
    finally:
        _leave(status)


def arguments(plan: Plan, tokenizer: str) -> list[str]:
    """genai-bench's command line for a plan."""
    words = {
        "--api-backend": plan.backend,
        "--api-base": plan.url,
        "--api-key": "EMPTY",
        "--api-model-name": plan.model,
        "--model": plan.model,
        "--model-tokenizer": tokenizer,
        "--task": _TASKS.get(plan.scenario[:1], "text-to-text"),
        "--traffic-scenario": plan.scenario,
        "--num-concurrency": plan.concurrency,
        "--batch-size": 1,
        "--spawn-rate": plan.concurrency,
        "--max-requests-per-run": plan.concurrency + plan.requests,
        "--max-time-per-run": max(1, math.ceil(plan.max_duration / 60)),
        # Refreshing live figures costs time per request that grows with their number.
        "--metrics-refresh-interval": 86400,
        "--experiment-base-dir": plan.folder,
        "--experiment-folder-name": "genai-bench",
        "--log-dir": plan.folder,
        **_dataset(plan.dataset),
    }
    return ["benchmark", *(str(word) for pair in words.items() for word in pair)]


def _dataset(name: str | None) -> dict[str, str]:
    """Dataset options; a CSV's prompts are its column `prompt`, or else its first."""
    if name is None:
        return {}
    path = Path(name)
    if not path.exists():
        return {"--dataset-path": name}
    options = {"--dataset-path": str(path.resolve())}
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as rows:
            columns = next(csv.reader(rows), [])
        if columns:
            column = "prompt" if "prompt" in columns else columns[0]
            options["--dataset-prompt-column"] = column
    return options


def _detach(plan: Plan) -> None:
    """Own session, own output, and an end by each signal that can be told from a failure."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    log = os.open(plan.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    _raise_file_limit()


def _die_with(launcher: int) -> None:
    """Be killed by the kernel when the launcher dies.

    Polling getppid would need this process's event loop to be alive, and a stuck one is
    what must not linger.
    """
    die_with_parent(True)
    if os.getppid() != launcher:
        os._exit(1)


def _raise_file_limit() -> None:
    """One socket per user: 1024 users do not fit into the usual soft limit of 1024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _benchmark(plan: Plan, tokenizer: str) -> int:
    """Run genai-bench's own command in this process; its exit status."""
    from gevent import reinit

    from core.bench import hooks
    from core.bench.traffic import Traffic

    reinit()
    words = arguments(plan, tokenizer)
    os.chdir(plan.folder)
    _seed(plan.seed)
    # It reports every absent audio metric of every request.
    logging.getLogger("genai_bench.metrics").setLevel(logging.WARNING)
    hooks.install(Traffic(plan), finish=lambda: _leave(0))
    command: Any = importlib.import_module("genai_bench.cli.cli")
    click: Any = importlib.import_module("click")
    try:
        command.cli.main(args=words, prog_name="genai-bench", standalone_mode=False)
    except click.ClickException as error:
        print(f"genai-bench refused: {one_line(error.format_message())}")
        return USAGE
    print("genai-bench ended without saving its results")
    return 1


def _seed(seed: int) -> None:
    """The same prompts for the same seed, others for another."""
    random.seed(seed)
    importlib.import_module("numpy").random.seed(seed % 2**32)


def _failed(error: BaseException) -> int:
    """Say why, where there is room to say it; the exit status."""
    with suppress(OSError):
        traceback.print_exception(error)
        print(f"genai-bench failed: {type(error).__name__}: {one_line(str(error))}")
    return FULL if no_space(error) else 1


def _leave(status: int) -> NoReturn:
    """End at once: nothing that interpreter shutdown would do is wanted here."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)
