"""How a program ends that cannot say why: by a signal, told by a shell or an exit status."""

from __future__ import annotations

import re
import signal

from core.engines.base import Signature
from core.values import Failure, FailureKind

_SHELL = 128
"""A shell, and Docker, tell of signal N as exit status 128 + N."""

_MEMORY = "the machine's memory ran out, or its container's limit: see dmesg, and free some"
_ADVICE = {
    signal.SIGKILL: f"most often {_MEMORY}",
    signal.SIGSEGV: "a fault in native code: try another attention backend, or a version of the "
    "engine that fits the driver and the GPU",
    signal.SIGABRT: "native code gave up: the lines above the end tell why",
    signal.SIGBUS: "a mapped file could not be read: enlarge /dev/shm (docker: shm_size), or see "
    "whether a weights file is damaged or its disk full",
    signal.SIGILL: "this processor lacks an instruction: use a build of the engine made for it",
    signal.SIGFPE: "native code divided by zero: try another version of the engine",
    signal.SIGTERM: "see who ends processes here: a person, a batch system, a time limit",
}


def of_exit(code: int) -> Failure | None:
    """What an exit code tells; negative or above 128 is a signal. None when it tells nothing."""
    number = -code if code < 0 else code - _SHELL
    try:
        sent = signal.Signals(number)
    except ValueError:
        return None
    advice = _ADVICE.get(sent, "see who or what sends it")
    return Failure(FailureKind.CRASH, f"the engine was ended by {sent.name}", advice)


def _by(sent: signal.Signals, pattern: str) -> Signature:
    message = f"the program was ended by {sent.name}"
    return Signature(FailureKind.CRASH, re.compile(pattern), message, _ADVICE[sent])


def _codes(sent: signal.Signals) -> str:
    """An exit status or code in words, as Python, shells and containers write it."""
    return (
        rf"(?i:\b(?:exit(?:ed|ing)?|died|terminated|status|code)\b\W+(?:with )?(?:\w+ ){{0,2}}"
        rf"(?:status|code|signal)?\W*)(?:-{sent.value}|{_SHELL + sent.value}|{sent.name})\b"
    )


ENDINGS: tuple[Signature, ...] = (
    Signature(
        FailureKind.CRASH,
        re.compile(r"Out of memory: Killed process|oom-kill:|\bOOMKilled\b|oom_reaper"),
        "the kernel ended the program: the machine is out of memory",
        f"{_MEMORY}; that of the GPU has no part in it",
    ),
    _by(
        signal.SIGSEGV,
        r"Fatal Python error: Segmentation fault|[Ss]egmentation fault|\bSIGSEGV\b|"
        + _codes(signal.SIGSEGV),
    ),
    _by(signal.SIGBUS, r"Fatal Python error: Bus error|\bBus error\b|" + _codes(signal.SIGBUS)),
    _by(
        signal.SIGILL,
        r"Fatal Python error: Illegal instruction|Illegal instruction \(core|"
        + _codes(signal.SIGILL),
    ),
    _by(signal.SIGFPE, r"Floating point exception|" + _codes(signal.SIGFPE)),
    _by(
        signal.SIGABRT,
        r"Fatal Python error: Aborted|terminate called after throwing|\bAborted \(core dumped\)"
        r"|free\(\): invalid|malloc\(\): |double free or corruption|corrupted size vs|"
        + _codes(signal.SIGABRT),
    ),
    _by(signal.SIGKILL, r"^(?:\S+: line \d+: +\d+ )?Killed\b|" + _codes(signal.SIGKILL)),
)
"""In a log, where nothing else is proved: the most exact first."""
