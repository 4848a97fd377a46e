"""From a log to a cause, with the line that proves it."""

import re
from pathlib import Path

from core.doctor.diagnose import diagnose, last_line
from core.engines.base import Signature
from core.values import FailureKind

SIGNATURES = (
    Signature(
        FailureKind.OOM_KV, re.compile(r"needs (?P<need>[\d.]+) GiB"), "KV needs {need} GiB",
        "lower it below {need}",
    ),
    Signature(FailureKind.CRASH, re.compile(r"Traceback"), "it crashed", "read on"),
)  # fmt: skip


def test_the_cause_wins_over_its_consequence(tmp_path: Path):
    log = tmp_path / "engine.log"
    log.write_text("INFO up\nTraceback (most recent call last)\n  KV needs 9.3 GiB of cache\n\n")
    failure = diagnose(log, SIGNATURES)
    assert failure is not None
    assert (failure.kind, failure.line, failure.log) == (FailureKind.OOM_KV, 3, "engine.log")
    assert failure.message == "KV needs 9.3 GiB"
    assert failure.advice == "lower it below 9.3"
    assert failure.text == "KV needs 9.3 GiB of cache"
    assert last_line(log) == (3, "KV needs 9.3 GiB of cache")


def test_line_numbers_hold_in_a_huge_log(tmp_path: Path):
    log = tmp_path / "engine.log"
    log.write_text("x" * 99 + "\n")
    with log.open("a") as file:
        file.writelines(f"{'y' * 98}\n" for _ in range(100_000))
        file.write("Traceback\n")
    failure = diagnose(log, SIGNATURES)
    assert failure is not None
    assert failure.line == 100_002


def test_an_unknown_or_missing_or_binary_log_is_no_cause(tmp_path: Path):
    log = tmp_path / "engine.log"
    assert diagnose(log, SIGNATURES) is None
    assert last_line(log) is None
    log.write_bytes(bytes(range(256)) * 10)
    assert diagnose(log, SIGNATURES) is None
