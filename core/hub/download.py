"""`python -P -m core.hub.download MODEL [--aside]`: one model into the Hub's cache, line by line.

Standard output carries JSON objects, one per line: `plan` (files, bytes, missing), `progress`
(bytes that are there), and at the end `done` (path, revision) or `failed` (kind, message,
advice). The program ends when nobody reads them any more.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import psutil

from core.hub.secrecy import guard_errors, secrets_of
from core.values import FailureKind, masked


class Teller:
    """Writes events to what was standard output; prints of libraries go to the log instead."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)

    def __call__(self, event: str, **fields: object) -> None:
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        try:
            os.write(self._out, line)  # one call, so that the lines of two threads do not mix
        except BrokenPipeError:
            os._exit(1)


def step_aside() -> None:
    """Run only where nobody else wants to: a reader that waits slows its sender down as well."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


def main(model: str) -> int:
    """Fetch `model`; 0 when it is there, 1 when it cannot be had."""
    tell, secrets = Teller(), secrets_of(os.environ)
    guard_errors(secrets)
    # Only now: the log handler of huggingface_hub keeps the stream that it finds.
    from core.hub.transfer import explain, stored_token, transfer

    secrets.update(stored_token())
    try:
        path, revision = transfer(model, tell)
    except Exception as error:
        failure = explain(error, model)
        if failure.kind == FailureKind.UNKNOWN:
            traceback.print_exc()
        print(f"{failure.message}\n{failure.advice}", file=sys.stderr)
        shown = (masked(text, secrets) for text in (failure.message, failure.advice))
        tell("failed", kind=failure.kind, **dict(zip(("message", "advice"), shown, strict=True)))
        return 1
    tell("done", path=str(path), revision=revision)
    return 0


if __name__ == "__main__":
    if "--aside" in sys.argv[2:]:
        step_aside()  # before there are threads, which then do the same
    status = main(sys.argv[1])
    sys.stderr.flush()
    os._exit(status)  # after a failure other threads may still wait for the network
