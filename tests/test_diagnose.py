"""From a log to a cause, with the line that proves it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import run
from core.doctor.diagnose import diagnose, last_line
from core.doctor.endings import of_exit
from core.doctor.sources import Diagnosis, examine
from core.engines.base import Signature
from core.values import FailureKind, Phase

SIGNATURES = (
    Signature(
        FailureKind.OOM_KV, re.compile(r"needs (?P<need>[\d.]+) GiB"), "KV needs {need} GiB",
        "lower it below {need}",
    ),
    Signature(FailureKind.CRASH, re.compile(r"Traceback"), "it crashed", "read on"),
)  # fmt: skip

TRACE = 'Traceback (most recent call last):\n  File "/opt/a.py", line 3, in f\n    g()\n'
SGLANG = "[2026-03-14 10:00:00] server_args=ServerArgs(model_path='a')\n"
LOADING = "[2026-03-14 10:00:02 TP0] Load weight begin. avail mem=23.21 GB\n"
READY = "[2026-03-14 10:01:00] The server is fired up and ready to roll!\n"
SIGQUIT = "[2026-03-14 10:02:00] Received sigquit from a child process. It usually means\n"
OUT = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB. GPU 0 has a total "
    "capacity of 23.53 GiB of which 33.94 MiB is free.\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "engine.log"


def examined(log: Path, text: str, engine: str | None = None) -> Diagnosis:
    log.write_bytes(text.encode())
    return examine(log, engine)


def test_the_cause_wins_over_its_consequence(log: Path) -> None:
    log.write_text("INFO up\nTraceback (most recent call last)\n  KV needs 9.3 GiB of cache\n\n")
    failure = diagnose(log, SIGNATURES)
    assert failure is not None
    assert (failure.kind, failure.line, failure.log) == (FailureKind.OOM_KV, 3, "engine.log")
    assert failure.message == "KV needs 9.3 GiB"
    assert failure.advice == "lower it below 9.3"
    assert failure.text == "KV needs 9.3 GiB of cache"
    assert last_line(log) == (3, "KV needs 9.3 GiB of cache")


def test_line_numbers_hold_in_a_huge_log_and_its_beginning_counts(log: Path) -> None:
    log.write_text("x" * 99 + "\nKV needs 7 GiB\n")
    with log.open("a") as file:
        file.writelines(f"{'y' * 98}\n" for _ in range(100_000))
        file.write("Traceback\n")
    crash, memory = diagnose(log, SIGNATURES[1:]), diagnose(log, SIGNATURES)
    assert crash is not None
    assert memory is not None
    assert (crash.line, memory.line) == (100_003, 2)


def test_an_unknown_or_missing_or_binary_log_is_no_cause(log: Path) -> None:
    assert diagnose(log, SIGNATURES) is None
    assert last_line(log) is None
    log.write_bytes(bytes(range(256)) * 10)
    assert diagnose(log, SIGNATURES) is None


def test_colours_line_ends_and_bars_are_no_part_of_the_evidence(log: Path) -> None:
    bar = "shards:  0%|  | 0/4\rshards: 50%|██| 2/4\r\x1b[31mKV needs 2 GiB\x1b[0m\r\n"
    log.write_bytes(f"first\r\n{bar}".encode())
    failure = diagnose(log, SIGNATURES)
    assert failure is not None
    assert (failure.line, failure.text) == (2, "KV needs 2 GiB")


@pytest.mark.parametrize(
    ("text", "kind", "line", "phase"),
    [
        (SGLANG + LOADING + OUT + OUT + SIGQUIT, FailureKind.OOM_WEIGHTS, 3, Phase.LOAD),
        # What it outlived is no cause of what came later.
        (SGLANG + OUT + READY, None, None, Phase.READY),
        (SGLANG + READY + OUT + SIGQUIT, FailureKind.OOM_LOAD, 3, Phase.READY),
        # An exception says more than the line that tells of an end.
        (SGLANG + TRACE + "KeyError: 3\n\n" + SIGQUIT, FailureKind.UNKNOWN, 5, None),
        (SGLANG + READY + TRACE + "KeyError: 3\n\n" + SIGQUIT, FailureKind.ENGINE_DIED, 6, "ready"),
        (SGLANG + SIGQUIT, FailureKind.CRASH, 2, None),
        (SGLANG + LOADING + "Segmentation fault (core dumped)\n", FailureKind.CRASH, 3, "load"),
        # The wrapper of vLLM, whose exception another process has told of.
        (
            f"(EngineCore pid=8) ERROR 03-14 09:13:20 [core.py:708] {TRACE.rstrip()}\n"
            "(EngineCore pid=8) ERROR 03-14 09:13:20 [core.py:708] KeyError: 'foo'\n"
            f"{TRACE}RuntimeError: Engine core initialization failed. See root cause above.\n",
            FailureKind.UNKNOWN, 4, None,
        ),
        # A traceback below which the start got on; a stop that was asked for; nothing at all.
        (SGLANG + TRACE + "ImportError: no extra\n" + LOADING, None, None, Phase.LOAD),
        (SGLANG + LOADING + TRACE + "KeyboardInterrupt\n", None, None, Phase.LOAD),
        (SGLANG + READY + "[2026-03-14 10:03:00] SIGTERM received. signum=15\nKilled\n", None,
         None, Phase.READY),
        (SGLANG + LOADING, None, None, Phase.LOAD),
        ("", None, None, None),
    ],
)  # fmt: skip
def test_what_a_log_means(
    log: Path, text: str, kind: FailureKind | None, line: int | None, phase: str | None
) -> None:
    found = examined(log, text)
    failure = found.failure
    assert (failure.kind if failure else None) is kind
    assert (failure.line if failure else None) == line
    assert found.phase == phase


def test_the_credentials_of_a_proxy_are_not_told(log: Path) -> None:
    proxy = "Unable to connect to proxy http://me:hidden@proxy:3128 now\n"
    for text in (SGLANG + proxy, TRACE + "KeyError: 'http://me:hidden@proxy'\n"):
        failure = examined(log, text).failure
        assert failure is not None
        assert "hidden" not in f"{failure}"


def test_an_engine_may_be_named(log: Path) -> None:
    assert examined(log, OUT).source is None
    assert examined(log, OUT, "sglang").source == "sglang"
    assert examined(log, "Unable to find image 'a:b' locally\n").source == "docker"


@pytest.mark.parametrize(
    ("code", "says"),
    [(-9, "SIGKILL"), (137, "SIGKILL"), (-11, "SIGSEGV"), (139, "SIGSEGV"), (134, "SIGABRT")],
)
def test_an_exit_status_names_its_signal(code: int, says: str) -> None:
    failure = of_exit(code)
    assert failure is not None
    assert says in failure.message
    assert failure.advice


def test_an_exit_status_of_its_own_names_none() -> None:
    assert [of_exit(code) for code in (0, 1, 2, 128, 250)] == [None] * 5


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = run(["diagnose", *words], lambda *_: 1)
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_command_says_what_where_and_what_to_do(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text(SGLANG + LOADING + OUT)
    status, out, _ = said(capsys, str(log))
    assert status == 0
    assert "oom_weights in phase load" in out
    assert f"{log.name}:3: torch.OutOfMemoryError" in out

    document: dict[str, Any] = json.loads(said(capsys, str(log), "--json")[1])
    assert set(document) >= {"kind", "line", "text", "phase", "advice", "message"}
    assert (document["kind"], document["line"], document["phase"]) == ("oom_weights", 3, "load")
    assert document["engine"] == "sglang"


def test_a_healthy_log_has_no_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_text(SGLANG + READY)
    document = json.loads(said(capsys, str(log), "--json")[1])
    assert (document["kind"], document["line"], document["advice"]) == ("healthy", None, None)
    assert said(capsys, str(log))[1].startswith("healthy in phase ready")


@pytest.mark.parametrize("options", [["/no/such.log"], ["{log}", "--engine", "vlm"], ["/tmp"]])
def test_what_cannot_be_read_is_bad_input(
    log: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    log.write_text(READY)
    status, out, error = said(capsys, *(word.format(log=log) for word in options))
    assert (status, out) == (2, "")
    assert error.count("\n") == 1
