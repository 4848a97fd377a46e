"""What the model itself predicts for a load: the same scheduler and speed, without noise.

A closed loop of clients is played in simulated time until it is steady: every client sends its
next request a moment after the last one has ended. A cliff is part of the speed and so of the
prediction. Drift, slow spells and the factor of this start are not: they are told beside it,
as factors by which every step's duration is multiplied (see `pace`).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from core.engines.simserver.roofline import Speed
from core.engines.simserver.scheduler import Scheduler, Sequence

_THINK_SECONDS = 0.003  # from the last token to the next request's arrival
_STAGGER_SECONDS = 0.002  # between the first requests of two clients
_WARM_ROUNDS, _ROUNDS = 2, 6


@dataclass(frozen=True, slots=True)
class Prediction:
    """Means over requests, in seconds; throughput in output tokens/s.

    `running`: the most requests that ran at once.
    """

    ttft: float
    tpot: float
    e2e: float
    throughput: float
    requests_per_second: float
    running: int


@dataclass(slots=True)
class _Client:
    sent: float = 0.0
    first: float = 0.0


@dataclass(slots=True)
class _Tally:
    ttft: list[float] = field(default_factory=list)
    tpot: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    running: int = 0


def predict(
    scheduler: Scheduler, speed: Speed, concurrency: int, prompt: int, output: int
) -> Prediction:
    """The steady state of `concurrency` clients. The scheduler must be new."""
    tally = _Tally()
    # A client opens its connections one after the other: two first steps are never shared by all.
    arrivals = [(number * _STAGGER_SECONDS, number) for number in range(concurrency)]
    clients = [_Client() for _ in range(concurrency)]
    now = 0.0
    while len(tally.ended) < concurrency * (_WARM_ROUNDS + _ROUNDS):
        while arrivals and arrivals[0][0] <= now:
            at, number = heapq.heappop(arrivals)
            clients[number].sent = at
            scheduler.add(Sequence(number, prompt, output))
        work = scheduler.plan()
        if work is None:
            now = arrivals[0][0]
            continue
        tally.running = max(tally.running, work.running)
        now += speed.seconds(work)
        for sequence in scheduler.complete():
            _tell(sequence, clients, tally, arrivals, now)
    return _mean(tally, concurrency * _WARM_ROUNDS, output)


def _tell(
    sequence: Sequence,
    clients: list[_Client],
    tally: _Tally,
    arrivals: list[tuple[float, int]],
    now: float,
) -> None:
    client = clients[sequence.number]
    if sequence.produced == 1:
        client.first = now
    if sequence.finished:
        tally.ttft.append(client.first - client.sent)
        tally.tpot.append((now - client.first) / max(1, sequence.output - 1))
        tally.ended.append(now)
        heapq.heappush(arrivals, (now + _THINK_SECONDS, sequence.number))


def _mean(tally: _Tally, warm: int, output: int) -> Prediction:
    counted = len(tally.ended) - warm
    ttft = sum(tally.ttft[warm:]) / counted
    tpot = sum(tally.tpot[warm:]) / counted
    # Requests end in groups: those that end with the last of the warm-up belong to it.
    begin = tally.ended[warm - 1]
    rate = sum(at > begin for at in tally.ended) / (tally.ended[-1] - begin)
    return Prediction(ttft, tpot, ttft + tpot * (output - 1), rate * output, rate, tally.running)
