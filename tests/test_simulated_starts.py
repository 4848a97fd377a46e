"""Starts of the simulated engine: what the log says, and how it fails."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from core.doctor.diagnose import diagnose
from core.engines.simulated import ENGINE
from core.values import FailureKind, Phase
from tests.simserver import STREAM, chat, free_port, running, spawn, stream

FAILURES = [
    (["--foo", "1"], 2, FailureKind.BAD_FLAG, "--foo 1"),
    (["--max-num-seq", "1"], 2, FailureKind.BAD_FLAG, "--max-num-seq"),
    (["--kv-cache-dtype", "fp9"], 2, FailureKind.BAD_VALUE, "fp9"),
    (["--max-num-seqs", "many"], 2, FailureKind.BAD_VALUE, "many"),
    (["--max-num-seqs", "0"], 1, FailureKind.BAD_VALUE, "0 should be greater than"),
    (["--gpu-memory-utilization", "1.5"], 1, FailureKind.BAD_VALUE, "1.5 should be less"),
    (["--gpu-memory-utilization", "nan"], 1, FailureKind.BAD_VALUE, "nan should be greater"),
    (["--max-num-batched-tokens", "8"], 1, FailureKind.BAD_VALUE, "max_num_seqs 16"),
    (["--no-enable-chunked-prefill"], 1, FailureKind.BAD_VALUE, "max_model_len 4096"),
    (["--max-model-len", "99999"], 1, FailureKind.BAD_VALUE, "99999 is more than"),
    (["--noise", "-1"], 1, FailureKind.BAD_VALUE, ""),
    (["--tensor-parallel-size", "8"], 1, FailureKind.PARALLELISM, "8 GPUs, there are 4"),
    (["--tensor-parallel-size", "3"], 1, FailureKind.PARALLELISM, "32 attention heads"),
    (["--model", "/no/such-folder"], 1, FailureKind.MODEL_MISSING, "/no/such-folder"),
    (["--model", "sim-70b"], 1, FailureKind.OOM_WEIGHTS, "weights do not fit"),
    (["--gpu-memory-utilization", "0.99"], 1, FailureKind.OOM_WEIGHTS, "23.55 of 24.00 GiB"),
    (["--gpu-memory-utilization", "0.6"], 1, FailureKind.OOM_KV, "no memory for the KV cache"),
    (["--gpu-memory-utilization", "0.67"], 1, FailureKind.OOM_KV, "max-model-len 4096"),
    (
        ["--gpu-memory-utilization", "0.97", "--max-num-seqs", "64"],
        1,
        FailureKind.OOM_COMPILE,
        "capturing CUDA graphs",
    ),
]


@pytest.mark.parametrize(("flags", "code", "kind", "says"), FAILURES)
def test_a_bad_start_ends_with_a_line_that_is_recognised(
    tmp_path: Path, flags: list[str], code: int, kind: FailureKind | None, says: str
) -> None:
    log = tmp_path / "engine.log"
    process = spawn(log, "--port", str(free_port()), *flags)

    assert process.wait(20) == code, log.read_text()
    found = diagnose(log, ENGINE.signatures)
    assert (found.kind if found else None) is kind
    if found:
        assert says in found.message
        assert "?" not in found.message + found.advice


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = spawn(log, "--port", str(port))
        assert process.wait(20) == 1

    found = diagnose(log, ENGINE.signatures)
    assert found is not None
    assert found.kind is FailureKind.PORT
    assert str(port) in found.message


async def test_it_dies_under_load_when_too_little_memory_is_left(tmp_path: Path) -> None:
    flags = ["--gpu-memory-utilization", "0.97", "--max-num-seqs", "32"]
    with running(tmp_path, *flags) as server:
        body = chat("many words " * 40, 30, **STREAM)
        await asyncio.gather(*(stream(server.port, body) for _ in range(4)))
        assert server.process.poll() is None

        await asyncio.gather(
            *(stream(server.port, body) for _ in range(40)), return_exceptions=True
        )

        assert server.process.wait(5) == 1
        found = diagnose(server.log, ENGINE.signatures)
        assert found is not None
        assert found.kind is FailureKind.OOM_LOAD
        assert found.text is not None
        assert "CUDA out of memory" in found.text


def test_it_answers_only_when_it_is_ready(tmp_path: Path) -> None:
    log, port = tmp_path / "engine.log", free_port()
    process = spawn(log, "--port", str(port), "--start-scale", "0.02")
    answered, refused = None, 0
    while answered is None:
        assert process.poll() is None, log.read_text()
        try:
            answered = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code
        except httpx.TransportError:
            refused += 1
            time.sleep(0.02)
    process.kill()
    process.wait()

    assert answered == 200
    assert refused > 5


def test_phases_are_told_in_order_with_progress(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        lines = server.log.read_text().splitlines()

    marks = [mark for line in lines if (mark := ENGINE.phase(line))]
    order = list(dict.fromkeys(mark.phase for mark in marks))
    assert order == [Phase.LOAD, Phase.COMPILE, Phase.CAPTURE, Phase.WARMUP]
    loaded = [mark.progress for mark in marks if mark.phase is Phase.LOAD and mark.progress]
    captured = [mark.progress for mark in marks if mark.phase is Phase.CAPTURE]
    assert loaded == [0.25, 0.5, 0.75, 1.0]
    assert captured[-1] == 1.0
    assert diagnose(server.log, ENGINE.signatures) is None


def test_eager_mode_neither_compiles_nor_captures(tmp_path: Path) -> None:
    with running(tmp_path, "--enforce-eager") as server:
        lines = server.log.read_text().splitlines()

    phases = {mark.phase for line in lines if (mark := ENGINE.phase(line))}
    assert phases == {Phase.LOAD, Phase.WARMUP}


def test_the_usual_start_takes_about_a_second(tmp_path: Path) -> None:
    log, port = tmp_path / "engine.log", free_port()
    process = spawn(log, "--port", str(port), "--start-scale", "0.02")
    try:
        process.wait(0.6)
    except subprocess.TimeoutExpired:
        pass
    else:
        raise AssertionError(log.read_text())
    early = log.read_text()
    process.kill()
    process.wait()

    assert "Application startup complete" not in early
    assert "INFO" in early
