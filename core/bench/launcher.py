"""`python -P -m core.bench.launcher TOKENIZER`: imports genai-bench once, forks per measurement.

Importing takes as long as a small measurement, so one launcher serves a whole task run. It
reads JSON lines on stdin, `{"plan": …}` or `{"stop": true}`, and writes JSON lines on
stdout: `ready` or `failed` once, then `started` and `ended` for every plan. Everything else
that is printed goes to stderr. When stdin ends, so do the running measurement and it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any

from core.bench import measurement
from core.bench.plan import Plan
from core.bench.trouble import kind_of
from core.values import FailureKind, one_line

# Bound before genai-bench replaces them with gevent's: this process runs no event loop, and
# gevent's close leaves the closing to one.
_close, _fork, _poll, _waitpid = os.close, os.fork, select.poll, os.waitpid


class Channel:
    """The two pipes to the runner, moved away from where libraries read and print."""

    def __init__(self) -> None:
        self._plans, self._events = os.dup(0), os.dup(1)
        silence = os.open(os.devnull, os.O_RDONLY)
        os.dup2(silence, 0)
        os.dup2(2, 1)
        _close(silence)
        self._buffer = b""

    def send(self, event: str, **facts: object) -> None:
        os.write(self._events, json.dumps({"event": event, **facts}).encode() + b"\n")

    def receive(self, child: int | None = None) -> dict[str, Any] | None:
        """The next message; None when the pipe `child` is closed first. EOFError at the end."""
        while b"\n" not in self._buffer:
            if child is not None and self._closed_first(child):
                return None
            read = os.read(self._plans, 65536)
            if not read:
                raise EOFError
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _closed_first(self, child: int) -> bool:
        poller = _poll()
        poller.register(self._plans, select.POLLIN)
        poller.register(child, select.POLLIN)
        ready = {fd for fd, _ in poller.poll()}
        return self._plans not in ready

    def close(self) -> None:
        _close(self._plans)
        _close(self._events)


def main() -> int:
    channel = Channel()
    name = sys.argv[1]
    try:
        _prepare(name)
    except Exception as error:
        channel.send("failed", **_explain(error, name))
        return 1
    channel.send("ready")
    with suppress(EOFError, BrokenPipeError):
        while message := channel.receive():
            # A stop may come after the measurement it meant has ended.
            if "plan" in message:
                _measure(channel, Plan.from_json(message["plan"]), name)
    return 0


def _prepare(name: str) -> None:
    """Import genai-bench and load the tokenizer, for all measurements to share."""
    command: Any = importlib.import_module("genai_bench.cli.cli")
    importlib.import_module("core.bench.hooks")
    tokenizer = command.validate_tokenizer(name)
    command.validate_tokenizer = lambda _: tokenizer
    # genai-bench logs the value of every option, and would read tokens from the environment.
    for option in command.benchmark.params:
        option.envvar = None
    # A collection in a child would touch, and so copy, every page it shares with this process.
    gc.collect()
    gc.freeze()


def _explain(error: Exception, name: str) -> dict[str, str]:
    traceback.print_exception(error)
    text = one_line(f"{type(error).__name__}: {error}")
    if "genai_bench.cli.cli" not in sys.modules:
        kind = kind_of(error, FailureKind.CONFIG)
        return {"kind": kind, "message": f"genai-bench cannot be imported: {text}"}
    kind = kind_of(error, FailureKind.TOKENIZER)
    return {"kind": kind, "message": f"the tokenizer {name} cannot be loaded: {text}"}


def _measure(channel: Channel, plan: Plan, name: str) -> None:
    pid, alive = _start(channel, plan, name)
    try:
        channel.send("started", pid=pid, started=_started(pid))
        while (message := channel.receive(alive)) is not None:
            if "stop" in message:
                _kill(pid)
    finally:
        _kill(pid)
        _, status = _waitpid(pid, 0)
        _close(alive)
    channel.send("ended", status=os.waitstatus_to_exitcode(status))


def _start(channel: Channel, plan: Plan, name: str) -> tuple[int, int]:
    """Fork a measurement: its pid, and a pipe that closes when it is gone.

    It leads its own process group by then, or is gone.
    """
    launcher = os.getpid()
    alive, held = os.pipe()
    pid = _fork()
    if pid == 0:
        channel.close()
        _close(alive)
        measurement.run(plan, name, launcher, held)
    _close(held)
    os.read(alive, 1)
    return pid, alive


def _started(pid: int) -> float:
    created: float = importlib.import_module("psutil").Process(pid).create_time()
    return created


def _kill(pid: int) -> None:
    """Kill the measurement's group. It is not reaped yet, so the pid is still its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not called setsid yet
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
