"""The simulated server as a client sees it: protocol, counters, speed, its end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simserver import STREAM, Server, chat, running, stream

PROMPT = "Shall I compare thee to a summer's day? " * 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("simulated"), "--max-num-seqs", "16") as started:
        yield started


async def test_streams_one_token_per_event_then_usage_then_done(server: Server) -> None:
    answer = await stream(server.port, chat(PROMPT, 7, **STREAM))

    assert len(answer.words) == 7
    assert answer.finish == "length"
    assert answer.usage["completion_tokens"] == 7
    assert answer.usage["total_tokens"] == answer.usage["prompt_tokens"] + 7
    assert answer.done


async def test_streams_without_usage_unless_asked(server: Server) -> None:
    answer = await stream(server.port, chat(PROMPT, 3, stream=True, ignore_eos=True))

    assert len(answer.words) == 3
    assert answer.usage == {}


def test_answers_at_once_without_stream(server: Server) -> None:
    answer = server.client.post("/v1/chat/completions", json=chat(PROMPT, 5, ignore_eos=True))

    body = answer.json()
    assert body["usage"]["completion_tokens"] == 5
    assert body["choices"][0]["finish_reason"] == "length"
    assert len(body["choices"][0]["message"]["content"].split()) == 5


def test_ends_by_itself_when_eos_counts(server: Server) -> None:
    answer = server.client.post("/v1/chat/completions", json=chat("Hi", 400)).json()

    assert answer["choices"][0]["finish_reason"] == "stop"
    assert 20 <= answer["usage"]["completion_tokens"] <= 220


def test_content_may_be_a_list_of_parts(server: Server) -> None:
    parts = [{"type": "text", "text": PROMPT}]
    messages = [{"role": "user", "content": parts}]
    body = {"messages": messages, "max_tokens": 1, "ignore_eos": True}

    listed = server.client.post("/v1/chat/completions", json=body).json()
    plain = server.client.post("/v1/chat/completions", json=chat(PROMPT, 1)).json()

    assert listed["usage"] == plain["usage"]


def test_a_wrong_model_is_404(server: Server) -> None:
    body = {**chat(PROMPT, 5), "model": "gpt2"}

    answer = server.client.post("/v1/chat/completions", json=body)

    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "The model `gpt2` does not exist.",
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (chat(PROMPT, 5000), "maximum context length is 4096"),
        (chat("word " * 5000, None), "maximum context length is 4096"),
        (chat(PROMPT, -1), "max_tokens"),
        (chat(PROMPT, None, max_tokens="many"), "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [7]}, "messages"),
        ([], "JSON object"),
    ],
)
def test_what_cannot_be_served_is_400(server: Server, body: Any, says: str) -> None:
    answer = server.client.post("/v1/chat/completions", json=body)

    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_broken_json_is_400(server: Server) -> None:
    answer = server.client.post("/v1/chat/completions", content=b"{" * 50_000)

    assert answer.status_code == 400


def test_unknown_paths_and_methods(server: Server) -> None:
    assert server.client.get("/nowhere").status_code == 404
    assert server.client.get("/v1/chat/completions").status_code == 405
    assert server.client.head("/health").status_code == 200


def test_lists_the_model(server: Server) -> None:
    (model,) = server.client.get("/v1/models").json()["data"]

    assert model["id"] == "sim-8b"
    assert model["max_model_len"] == 4096


def test_embeddings_and_rerank_count_their_prompts(server: Server) -> None:
    embedded = server.client.post("/v1/embeddings", json={"input": ["one two", "three"]}).json()
    ranked = server.client.post(
        "/v1/rerank",
        json={"query": "red fish", "documents": ["blue bird", "a red fish", "red wine"]},
    ).json()

    assert embedded["usage"]["prompt_tokens"] == 3
    assert len(embedded["data"]) == 2
    assert [result["index"] for result in ranked["results"]] == [1, 2, 0]
    assert ranked["usage"]["total_tokens"] == 3 * 2 + 2 + 3 + 2


async def test_counters_are_the_sum_of_usage(server: Server) -> None:
    before = [server.metric(f"{name}_tokens_total") for name in ("prompt", "generation")]

    answers = await asyncio.gather(
        *(stream(server.port, chat(PROMPT * (n % 3 + 1), 5 + n, **STREAM)) for n in range(20))
    )

    after = [server.metric(f"{name}_tokens_total") for name in ("prompt", "generation")]
    assert after[0] - before[0] == sum(answer.usage["prompt_tokens"] for answer in answers)
    assert after[1] - before[1] == sum(answer.usage["completion_tokens"] for answer in answers)
    assert server.metric("num_requests_running") == 0
    assert server.metric("kv_cache_usage_perc") == 0


async def test_a_client_that_goes_frees_its_place(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    data = json.dumps(chat(PROMPT, 2000, **STREAM)).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data)
    )
    await reader.readuntil(b'"content":" ')
    assert server.metric("num_requests_running") == 1

    writer.transport.abort()

    await asyncio.sleep(0.1)
    assert server.metric("num_requests_running") == 0
    assert server.metric("kv_cache_usage_perc") == 0


def test_known_prefixes_are_computed_once_until_the_cache_is_reset(server: Server) -> None:
    body = chat("Once more unto the breach, dear friends, once more. " * 20, 1)

    server.client.post("/v1/chat/completions", json=body)
    first = server.metric("prefix_cache_hits_total")
    server.client.post("/v1/chat/completions", json=body)
    second = server.metric("prefix_cache_hits_total")
    assert server.client.post("/reset_prefix_cache").status_code == 200
    server.client.post("/v1/chat/completions", json=body)

    assert second - first > 100
    assert server.metric("prefix_cache_hits_total") == second


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"concurrency": "x"}, 400),
        ({"input": "4000", "output": "4000"}, 400),
        ({"concurrency": "99999999999999"}, 400),
        ({"concurrency": "1000", "output": "1000"}, 400),
        ({}, 200),
    ],
)
def test_truth_is_asked_for_in_whole_numbers(
    server: Server, asked: dict[str, str], status: int
) -> None:
    assert server.client.get("/truth", params=asked).status_code == status


def test_a_body_may_wait_for_100_continue(server: Server) -> None:
    data = json.dumps(chat(PROMPT, 2, ignore_eos=True)).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(data)
        )
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(data)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")


@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=60).map(lambda tail: b"GET /health HTTP/1.1\r\n" + tail + b"\r\n\r\n"),
        st.binary(max_size=60).map(
            lambda tail: b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 60\r\n\r\n" + tail
        ),
    )
)
def test_no_bytes_bring_the_server_down(server: Server, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(data)

    assert server.client.get("/health").status_code == 200
    assert "Traceback" not in server.log.read_text()


def test_sigterm_ends_it_at_once_even_while_streaming(tmp_path: Path) -> None:
    with running(tmp_path) as server, httpx.Client(trust_env=False) as client:
        url = f"{server.url}/v1/chat/completions"
        with client.stream("POST", url, json=chat(PROMPT, 2000, **STREAM)) as answer:
            next(answer.iter_raw())
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(5) == 0
            assert time.monotonic() - started < 0.5
