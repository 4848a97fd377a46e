"""The simulated engine is as fast as it says that it is, where nothing else takes the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.simserver import STREAM, Server, Streamed, chat, running, stream

PROMPT = "Shall I compare thee to a summer's day? " * 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("simulated"), "--max-num-seqs", "16") as started:
        yield started


@pytest.mark.parametrize("concurrency", [4, 24])
async def test_measured_speed_is_what_the_server_says_is_true(
    server: Server, concurrency: int
) -> None:
    output = 24
    prompt = server.client.post("/v1/chat/completions", json=chat(PROMPT, 1)).json()
    asked = {
        "concurrency": concurrency,
        "input": prompt["usage"]["prompt_tokens"],
        "output": output,
    }
    truth = server.client.get("/truth", params=asked).json()

    answers = await _closed_loop(server.port, concurrency, 5, output)

    steady = answers[concurrency:]
    tpot = sum(answer.tpot for answer in steady) / len(steady)
    start = max(answer.times[-1] for answer in answers[:concurrency])
    tokens = sum(moment > start for answer in answers for moment in answer.times)
    throughput = tokens / (max(answer.times[-1] for answer in answers) - start)
    assert tpot == pytest.approx(truth["tpot"], rel=0.15)
    assert throughput == pytest.approx(truth["throughput"], rel=0.15)


async def _closed_loop(port: int, clients: int, rounds: int, output: int) -> list[Streamed]:
    """Every client sends its next request when its last has ended; in order of ending."""
    ended: list[Streamed] = []

    async def client(number: int) -> None:
        for turn in range(rounds):
            # The first words differ, so that no prompt is in the prefix cache.
            prompt = f"{turn} {number} {PROMPT}"
            ended.append(await stream(port, chat(prompt, output, **STREAM)))

    await asyncio.gather(*(client(number) for number in range(clients)))
    return ended
