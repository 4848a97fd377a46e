"""The arithmetic of the simulation: memory, steps, scheduling, prediction."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.simserver.engine import Setup
from core.engines.simserver.flags import Options
from core.engines.simserver.hardware import DEVICE, GIB, model_named
from core.engines.simserver.roofline import Work
from core.engines.simserver.scheduler import Scheduler, Sequence
from core.engines.simserver.truth import Prediction, predict
from core.engines.simserver.wire import BadRequest, Parser

DEMO = Options(max_num_seqs=32)


def told(options: Options, concurrency: int, prompt: int = 60, output: int = 40) -> Prediction:
    setup = Setup.of(options)
    return predict(setup.scheduler(), setup.speed, concurrency, prompt, output)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("sim-8b", 8),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1.5),
        ("llama-70b", 70),
        ("anything", 8),
        ("v3b2", 8),
        ("0b", 8),
    ],
)
def test_the_size_is_in_the_name(name: str, billions: float) -> None:
    assert model_named(name).parameters == billions * 1e9


def test_decoding_alone_is_bound_by_reading_the_weights() -> None:
    setup = Setup.of(DEMO)
    step = setup.speed.seconds(Work(tokens=1, context=0, pairs=0, running=1))

    assert step == pytest.approx(16e9 / DEVICE.bandwidth, rel=0.05)


def test_prefill_is_bound_by_arithmetic() -> None:
    setup = Setup.of(DEMO)
    step = setup.speed.seconds(Work(tokens=2000, context=0, pairs=0, running=1))

    assert step == pytest.approx(2 * 8e9 * 2000 / DEVICE.flops, rel=0.05)


def test_the_kv_cache_gets_what_is_left() -> None:
    memory = Setup.of(DEMO).memory

    used = memory.weights + memory.activations + memory.kv + DEVICE.context
    assert used == memory.granted
    assert memory.kv_tokens == pytest.approx(5.67 * GIB / (128 * 1024), rel=0.01)


def test_an_8_bit_cache_holds_twice_the_tokens() -> None:
    plain, halved = Setup.of(DEMO), Setup.of(replace(DEMO, kv_cache_dtype="fp8"))

    assert halved.memory.kv_tokens == pytest.approx(2 * plain.memory.kv_tokens, abs=32)


def test_more_running_requests_give_throughput_until_clients_are_short() -> None:
    rates = [told(replace(DEMO, max_num_seqs=n), 32).throughput for n in (4, 8, 16, 32, 64)]

    assert rates[:4] == sorted(rates[:4])
    assert rates[3] > 1.5 * rates[2]
    assert rates[4] == pytest.approx(rates[3])


def test_few_places_make_clients_wait() -> None:
    assert told(replace(DEMO, max_num_seqs=4), 8).ttft > 5 * told(DEMO, 8).ttft


def test_a_small_cache_limits_what_runs() -> None:
    small = replace(DEMO, gpu_memory_utilization=0.68, max_model_len=2048)

    assert told(small, 32, 100, 60).throughput < 0.9 * told(DEMO, 32, 100, 60).throughput
    assert told(small, 16) == told(replace(DEMO, max_model_len=2048), 16)


def test_small_steps_spread_the_prefill() -> None:
    small = told(replace(DEMO, max_num_batched_tokens=256), 32, 100, 32)
    large = told(replace(DEMO, max_num_batched_tokens=4096), 32, 100, 32)

    assert small.tpot > 1.2 * large.tpot
    assert small.ttft < large.ttft


def test_two_gpus_are_faster_but_not_twice() -> None:
    one, two = told(DEMO, 16), told(replace(DEMO, tensor_parallel_size=2), 16)

    assert 1.2 * one.throughput < two.throughput < 2 * one.throughput


def test_eager_mode_is_slower_and_8_bit_weights_are_faster() -> None:
    plain = told(DEMO, 16).tpot

    assert told(replace(DEMO, enforce_eager=True), 16).tpot > 1.3 * plain
    assert told(replace(DEMO, quantization="fp8"), 16).tpot < 0.7 * plain


@pytest.mark.parametrize("concurrency", [1, 4, 16, 40])
@pytest.mark.parametrize("places", [2, 10, 32])
def test_users_are_throughput_times_latency(concurrency: int, places: int) -> None:
    """Little's law, with the moment that passes between two requests of a user."""
    found = told(replace(DEMO, max_num_seqs=places), concurrency)
    assert found.requests_per_second * (found.e2e + 0.003) == pytest.approx(concurrency, rel=0.04)


def test_the_same_load_is_always_predicted_the_same() -> None:
    assert told(DEMO, 24, 100, 50) == told(DEMO, 24, 100, 50)


class Run:
    """Sequences driven through a scheduler to their end."""

    def __init__(self, scheduler: Scheduler, sizes: list[tuple[int, int]]) -> None:
        self.scheduler = scheduler
        self.sequences = [Sequence(n, prompt, out) for n, (prompt, out) in enumerate(sizes)]
        for sequence in self.sequences:
            scheduler.add(sequence)

    def step(self) -> Work | None:
        work = self.scheduler.plan()
        if work is not None:
            self.scheduler.complete()
        return work


@given(
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40)), min_size=1, max_size=25),
    max_seqs=st.integers(1, 8),
    max_tokens=st.integers(8, 128),
    gone=st.sets(st.integers(0, 24)),
)
def test_every_request_gets_its_tokens_and_leaves_nothing_behind(
    sizes: list[tuple[int, int]], max_seqs: int, max_tokens: int, gone: set[int]
) -> None:
    scheduler = Scheduler(max_seqs, max_tokens, kv_blocks=64, chunked=True, caching=True)
    run = Run(scheduler, sizes)
    run.step()
    left = [s for s in run.sequences if s.number in gone and not s.finished]
    for sequence in left:
        scheduler.cancel(sequence)

    while (work := run.step()) is not None:
        assert work.tokens <= max_tokens
        assert work.running <= max_seqs
        assert scheduler.cache_usage <= 1

    stayed = [s for s in run.sequences if s not in left]
    assert all(s.finished and s.produced == s.output for s in stayed)
    assert scheduler.counters.finished == len(stayed)
    assert scheduler.cache_usage == 0
    assert not scheduler.running
    assert not scheduler.waiting


def test_without_chunks_a_prompt_waits_for_a_step_with_room() -> None:
    scheduler = Scheduler(8, 100, kv_blocks=64, chunked=False, caching=False)
    run = Run(scheduler, [(60, 5), (60, 5)])

    first, second = run.step(), run.step()

    assert first is not None
    assert second is not None
    assert (first.tokens, second.tokens) == (60, 61)


REQUEST = b"POST /v1/x?a=1&b=%20 HTTP/1.1\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"


@given(cuts=st.lists(st.integers(0, 2 * len(REQUEST)), max_size=8))
def test_requests_are_found_however_they_are_cut(cuts: list[int]) -> None:
    data, parser = REQUEST * 2, Parser()
    edges = [0, *sorted(cuts), len(data)]

    found = [
        request
        for start, end in itertools.pairwise(edges)
        for request in parser.feed(data[start:end])
    ]

    assert len(found) == 2
    assert {request.path for request in found} == {"/v1/x"}
    assert all(
        request.body == b"hello" and request.query == {"a": "1", "b": " "} for request in found
    )


@given(pieces=st.lists(st.binary(max_size=80), max_size=6))
def test_the_parser_refuses_or_waits_but_never_breaks(pieces: list[bytes]) -> None:
    parser = Parser()
    sent = b"".join(pieces)
    with contextlib.suppress(BadRequest):
        for piece in pieces:
            # Nothing this short and wild is a request.
            assert parser.feed(piece) == [] or b" HTTP/1." in sent


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"x" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as refused:
        Parser().feed(data)

    assert refused.value.status == status
