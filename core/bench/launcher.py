"""`python -P -m core.bench.launcher TOKENIZER`: imports genai-bench once, forks per measurement.

Importing takes as long as a small measurement, so one launcher serves a whole task run. It
reads JSON lines on stdin, `{"plan": …}` or `{"stop": true}`, and writes JSON lines on
stdout: `ready` or `failed` once, then `started` and `ended` for every plan. Everything else
that is printed goes to stderr. When stdin ends, so does it, at once or after the measurement
that is under way: that outlives the runner, and its folder says what became of it.
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import math
import os
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

from core.bench import measurement
from core.bench.death import die_with_parent
from core.bench.plan import FULL, Plan
from core.bench.record import Begun, Ending, Process, remove
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
        # A runner that is gone shows when it is read from.
        with suppress(BrokenPipeError):
            os.write(self._events, json.dumps({"event": event, **facts}).encode() + b"\n")

    @property
    def ended(self) -> bool:
        """Whether nobody is left who could ask for anything."""
        poller = _poll()
        poller.register(self._plans, 0)
        return bool(poller.poll(0))

    def receive(
        self, child: int | None = None, deadline: float = math.inf
    ) -> dict[str, Any] | None:
        """The next message; None when the pipe `child` is closed first.

        Raises EOFError at the end of messages, and TimeoutError at `deadline` (monotonic).
        """
        while b"\n" not in self._buffer:
            if child is not None and self._closed_first(child, deadline):
                return None
            read = os.read(self._plans, 65536)
            if not read:
                raise EOFError
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _closed_first(self, child: int, deadline: float) -> bool:
        return self._plans not in _ready(deadline, self._plans, child)

    def close(self) -> None:
        _close(self._plans)
        _close(self._events)


def main() -> int:
    channel = Channel()
    name = sys.argv[1]
    # Importing takes seconds in which nobody looks at stdin: until then a runner's end is its own.
    die_with_parent(True)
    if channel.ended:
        return 0
    try:
        _prepare(name)
    except Exception as error:
        channel.send("failed", **_explain(error, name))
        return 1
    die_with_parent(False)
    channel.send("ready")
    with suppress(EOFError):
        while message := channel.receive():
            # A stop may come after the measurement it meant has ended.
            if "plan" in message:
                _measure(channel, Plan.from_json(message["plan"]), name, message["offset"])
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
    with suppress(OSError):  # on a full disk
        traceback.print_exception(error)
    text = one_line(f"{type(error).__name__}: {error}")
    if "genai_bench.cli.cli" not in sys.modules:
        kind = kind_of(error, FailureKind.CONFIG)
        return {"kind": kind, "message": f"genai-bench cannot be imported: {text}"}
    kind = kind_of(error, FailureKind.TOKENIZER)
    return {"kind": kind, "message": f"the tokenizer {name} cannot be loaded: {text}"}


def _measure(channel: Channel, plan: Plan, name: str, offset: int) -> None:
    try:
        ending = _carry_out(channel, plan, name, offset)
        with suppress(OSError):  # on a full disk; the runner hears of it all the same
            ending.write(plan.folder)
    except OSError as error:
        status = FULL if error.errno == errno.ENOSPC else 1
        ending = Ending(status, error=one_line(str(error)))
    channel.send("ended", status=ending.status, overdue=ending.overdue, error=ending.error)


def _carry_out(channel: Channel, plan: Plan, name: str, offset: int) -> Ending:
    """One measurement from its fork to its end.

    Raises OSError when it cannot even begin, and EOFError when nobody is left who wants it.
    """
    remove(plan.folder)
    plan.folder.mkdir(parents=True)
    deadline = time.monotonic() + plan.limit
    pid, alive, go = _start(channel, plan, name)
    try:
        process = Process.of(pid)
        Begun(process, Process.of(os.getpid()), offset, plan.cache_reset).write(plan.folder)
        # From now on the next runner finds it. When this one has died already, the next may have
        # looked before: then nothing must begin any more.
        if channel.ended:
            remove(plan.folder)
            raise EOFError
        with suppress(BrokenPipeError):
            os.write(go, b"\n")
        channel.send("started", pid=pid, started=process.started)
        overdue = _wait(channel, pid, alive, deadline)
    finally:
        _kill(pid)
        _, status = _waitpid(pid, 0)
        _close(alive)
        _close(go)
    return Ending(os.waitstatus_to_exitcode(status), overdue)


def _wait(channel: Channel, pid: int, alive: int, deadline: float) -> bool:
    """Until the measurement is gone; True when it had to be ended for its limit."""
    try:
        while (message := channel.receive(alive, deadline)) is not None:
            if "stop" in message:
                _kill(pid)
    except EOFError:
        # The runner has died. The next one finds the folder, and in it what was measured.
        with suppress(TimeoutError):
            _ready(deadline, alive)
            return False
        return True
    except TimeoutError:
        return True
    return False


def _ready(deadline: float, *pipes: int) -> set[int]:
    """The pipes that can be read or have ended. Raises TimeoutError at `deadline` (monotonic)."""
    poller = _poll()
    for pipe in pipes:
        poller.register(pipe, select.POLLIN)
    left = None if deadline == math.inf else max(0.0, deadline - time.monotonic()) * 1000
    if found := {fd for fd, _ in poller.poll(left)}:
        return found
    raise TimeoutError


def _start(channel: Channel, plan: Plan, name: str) -> tuple[int, int, int]:
    """Fork a measurement: its pid, a pipe that closes when it is gone, one that lets it begin.

    It leads its own process group by then, or is gone.
    """
    launcher = os.getpid()
    (alive, held), (begin, go) = os.pipe(), os.pipe()

    def let_go() -> None:
        channel.close()
        _close(alive)
        _close(go)

    pid = _fork()
    if pid == 0:
        measurement.run(plan, name, launcher, held, begin, let_go)
    _close(held)
    _close(begin)
    os.read(alive, 1)
    return pid, alive, go


def _kill(pid: int) -> None:
    """Kill the measurement's group. It is not reaped yet, so the pid is still its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not called setsid yet
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
