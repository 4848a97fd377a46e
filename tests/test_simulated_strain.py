"""The simulated engine under more load than it bears, and what it says of its own times."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.doctor.diagnose import diagnose
from core.engines.simulated import ENGINE
from core.values import FailureKind
from tests.simserver import STREAM, Server, chat, free_port, running, spawn, stream

PROMPT = "Rough winds do shake the darling buds of May. " * 4


async def post(server: Server, count: int, tokens: int) -> list[httpx.Response]:
    """So many chat requests at once, not streamed."""
    url, body = f"{server.url}/v1/chat/completions", chat(PROMPT, tokens, ignore_eos=True)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return list(await asyncio.gather(*(client.post(url, json=body) for _ in range(count))))


def timeline(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.client.get("/timeline").text.splitlines()]


@pytest.mark.parametrize(
    ("flags", "status", "kind"),
    [
        ([], 503, "ServiceUnavailableError"),
        (["--reject-status", "429"], 429, "TooManyRequestsError"),
    ],
)
async def test_more_than_may_wait_are_refused_at_once(
    tmp_path: Path, flags: list[str], status: int, kind: str
) -> None:
    limits = ["--max-num-seqs", "2", "--max-queued-requests", "3"]
    with running(tmp_path, *limits, *flags) as server:
        answers = await post(server, 10, 30)
        assert Counter(answer.status_code for answer in answers) == {200: 5, status: 5}
        refused = next(answer for answer in answers if answer.status_code == status)
        assert refused.json()["error"]["type"] == kind
        assert "queue is full" in refused.json()["error"]["message"]
        # Free places are no queue.
        assert {answer.status_code for answer in await post(server, 2, 3)} == {200}
        found = [one for one in timeline(server) if one["status"] == status]
        assert [(one["first"], one["tokens"], one["ended"]) for one in found] == [
            (None, 0, False)
        ] * 5


async def test_it_crashes_when_more_run_than_it_bears(tmp_path: Path) -> None:
    with running(tmp_path, "--die-above", "3") as server:
        assert {answer.status_code for answer in await post(server, 3, 5)} == {200}
        assert server.client.get("/truth", params={"concurrency": 4}).json()["outcome"] == "crash"
        with pytest.raises(httpx.TransportError):
            await post(server, 8, 30)
        assert server.process.wait(5) == 1
        found = diagnose(server.log, ENGINE.signatures, ENGINE.ready)
        assert found is not None
        assert found.kind is FailureKind.ENGINE_DIED
        assert "illegal memory access" in server.log.read_text()


async def test_it_hangs_when_more_run_than_it_bears(tmp_path: Path) -> None:
    with running(tmp_path, "--hang-above", "3") as server:
        assert {answer.status_code for answer in await post(server, 3, 5)} == {200}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await post(server, 8, 5)
        # As a real one: its web server still answers, its engine does not.
        assert server.client.get("/health").status_code == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await post(server, 1, 5)


@pytest.mark.parametrize("flag", ["--start-noise", "--drift", "--burst-factor", "--die-above"])
def test_values_out_of_range_are_refused(tmp_path: Path, flag: str) -> None:
    log = tmp_path / "engine.log"
    assert spawn(log, "--port", str(free_port()), flag, "-2").wait(20) == 1
    assert f"{flag} must be between" in log.read_text()


async def test_it_remembers_when_it_answered(tmp_path: Path) -> None:
    offset = time.time() - time.monotonic()
    with running(tmp_path, "--noise", "0") as server:
        body = chat(PROMPT, 12, **STREAM)
        answers = await asyncio.gather(*(stream(server.port, body) for _ in range(6)))
        server.client.post("/v1/chat/completions", json=chat(PROMPT, -1))

        *served, refused = timeline(server)
        assert refused["status"] == 400
        assert len(served) == len(answers) == 6
        for one, answer in zip(served, answers, strict=True):
            assert (one["status"], one["tokens"], one["ended"]) == (200, 12, True)
            assert one["prompt"] == answer.usage["prompt_tokens"]
            sent, first, last = (
                moment + offset for moment in (answer.sent, answer.times[0], answer.times[-1])
            )
            for true, seen in ((one["arrived"], sent), (one["first"], first), (one["last"], last)):
                assert true == pytest.approx(seen, abs=0.05)
            assert sent <= one["arrived"] + 0.001 < one["first"] < one["last"] <= last + 0.001

        moments = [float(line) for line in server.client.get("/timeline/tokens").text.split()]
        assert len(moments) == 6 * 12
        assert moments == sorted(moments)
        assert moments[-1] == pytest.approx(max(one["last"] for one in served), abs=1e-5)


async def test_a_client_that_goes_leaves_what_was_sent(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        url = f"{server.url}/v1/chat/completions"
        with server.client.stream("POST", url, json=chat(PROMPT, 2000, **STREAM)) as answer:
            next(answer.iter_lines())
        server.client.close()
        await asyncio.sleep(0.2)
        one = json.loads(httpx.get(f"{server.url}/timeline", trust_env=False).text)
    assert not one["ended"]
    assert 1 <= one["tokens"] < 50


def test_truth_tells_the_factors_of_this_start(tmp_path: Path) -> None:
    flags = ["--start-noise", "0.1", "--start-seed", "3", "--drift", "6"]
    with running(tmp_path, *flags) as server:
        first = server.client.get("/truth").json()["pace"]
        time.sleep(0.3)
        second = server.client.get("/truth").json()["pace"]
    assert first["start"] == second["start"] != 1.0
    assert second["drift"] - first["drift"] == pytest.approx(6 * 0.3 / 60, rel=0.3)
    assert second["mean"] == pytest.approx(second["start"] * second["drift"])
