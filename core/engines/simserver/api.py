"""The routes, and the way from a request to a running sequence and back."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from core.engines.simserver import pooling
from core.engines.simserver.chat import ChatAnswer, ChatRequest, Refused, bad
from core.engines.simserver.connection import Connection
from core.engines.simserver.engine import Core, Setup
from core.engines.simserver.hardware import DEVICE
from core.engines.simserver.metrics import exposition
from core.engines.simserver.scheduler import Sequence
from core.engines.simserver.strain import check_queue, outcome
from core.engines.simserver.timeline import Served, Timeline
from core.engines.simserver.truth import predict
from core.engines.simserver.wire import Request

Tell = Callable[[Sequence], None]
_LINES = "application/jsonl"
_LARGEST_CONCURRENCY = 1024
_LARGEST_PREDICTION = 100_000  # concurrency x output tokens: about a second of work


class Api:
    """Answers requests; owns the engine core."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._answers: dict[int, Tell] = {}
        self._numbers = itertools.count(1)
        # Its own source, so that lengths of answers do not depend on the number of steps.
        self._random = random.Random(f"answers {setup.options.seed}")
        self._tasks: set[asyncio.Task[None]] = set()
        self._timeline = Timeline()
        self.core = Core(setup, self._tell)
        self._routes: dict[tuple[str, str], Callable[[Request, Connection], None]] = {
            ("GET", "/health"): lambda _, connection: connection.respond(b""),
            ("GET", "/v1/models"): lambda _, connection: self._models(connection),
            ("GET", "/metrics"): lambda _, connection: self._metrics(connection),
            ("GET", "/truth"): self._truth,
            ("GET", "/timeline"): lambda _, c: c.respond(self._timeline.requests(), kind=_LINES),
            ("GET", "/timeline/tokens"): lambda _, c: c.respond(
                self._timeline.tokens(), kind=_LINES
            ),
            ("POST", "/reset_prefix_cache"): lambda _, connection: self._reset(connection),
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("POST", "/v1/rerank"): self._rerank,
        }

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer now, or as the engine gets on with it."""
        method = "GET" if request.method == "HEAD" else request.method
        route = self._routes.get((method, request.path))
        if route is None:
            known = any(path == request.path for _, path in self._routes)
            detail = "Method Not Allowed" if known else "Not Found"
            connection.respond_json({"detail": detail}, 405 if known else 404)
            return
        try:
            route(request, connection)
        except Refused as refused:
            connection.respond_json(refused.body, refused.status)

    def _tell(self, sequence: Sequence) -> None:
        answer = self._answers[sequence.number]
        if sequence.finished:
            del self._answers[sequence.number]
        answer(sequence)

    def _run(self, sequence: Sequence, connection: Connection, answer: Tell) -> None:
        self._answers[sequence.number] = answer
        connection.on_close = lambda: self._gone(sequence)
        self.core.add(sequence)

    def _gone(self, sequence: Sequence) -> None:
        self._answers.pop(sequence.number, None)
        self.core.scheduler.cancel(sequence)

    def _body(self, request: Request) -> dict[str, Any]:
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            raise bad("The request body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise bad("The request body must be a JSON object.")
        model = body.get("model")
        if model is not None and model != self._setup.options.name:
            message = f"The model `{model}` does not exist."
            raise Refused(404, "NotFoundError", message, "model")
        return body

    def _chat(self, request: Request, connection: Connection) -> None:
        served = self._timeline.arrived()
        try:
            self._serve(request, connection, served)
        except Refused as refused:
            served.status = refused.status
            raise

    def _serve(self, request: Request, connection: Connection, served: Served) -> None:
        chat = ChatRequest.read(self._body(request), self._setup.options, self._random)
        served.prompt = chat.prompt
        check_queue(self._setup.options, self.core.scheduler)
        number = next(self._numbers)
        sequence = Sequence(number, chat.prompt, chat.output, chat.prefix)
        if sequence.blocks > self._setup.memory.kv_blocks:
            raise bad("The request needs more KV cache than there is.")

        def writes(tokens: int, ended: bool) -> None:
            self._timeline.writes(served, tokens, ended=ended)

        answer = ChatAnswer(chat, connection, self._setup.options.name, number, writes)
        self._run(sequence, connection, answer.tell)

    def _embeddings(self, request: Request, connection: Connection) -> None:
        body = self._body(request)
        self._pool(pooling.embeddings(body, self._setup.options.name), connection)

    def _rerank(self, request: Request, connection: Connection) -> None:
        body = self._body(request)
        self._pool(pooling.rerank(body, self._setup.options.name), connection)

    def _pool(self, pooled: pooling.PoolingRequest, connection: Connection) -> None:
        if pooled.prompt > self._setup.memory.kv_tokens:
            raise bad("The request needs more KV cache than there is.")
        sequence = Sequence(next(self._numbers), pooled.prompt, 0)
        self._run(sequence, connection, lambda _: connection.respond_json(pooled.answer))

    def _models(self, connection: Connection) -> None:
        options = self._setup.options
        model = {
            "id": options.name,
            "object": "model",
            "created": int(time.time()),
            "owned_by": "simulated",
            "root": options.model,
            "max_model_len": options.max_model_len,
        }
        connection.respond_json({"object": "list", "data": [model]})

    def _metrics(self, connection: Connection) -> None:
        text = exposition(self.core.scheduler, self._setup.options.name)
        connection.respond(text.encode(), kind="text/plain; version=0.0.4; charset=utf-8")

    def _reset(self, connection: Connection) -> None:
        if self.core.scheduler.cache is not None:
            self.core.scheduler.cache.clear()
        connection.respond(b"")

    def _truth(self, request: Request, connection: Connection) -> None:
        asked = {}
        for name, default, most in (
            ("concurrency", 1, _LARGEST_CONCURRENCY),
            ("input", 100, self._setup.options.max_model_len - 1),
            ("output", 100, self._setup.options.max_model_len - 1),
        ):
            text = request.query.get(name, str(default))
            if not text.isascii() or not text.isdigit() or len(text) > 9:
                raise bad(f"{name}: a whole number is required", name)
            asked[name] = min(max(1, int(text)), most)
        longest = min(self._setup.memory.kv_tokens, self._setup.options.max_model_len)
        if asked["input"] + asked["output"] > longest:
            raise bad(f"input + output is more than {longest} tokens")
        if asked["concurrency"] * asked["output"] > _LARGEST_PREDICTION:
            raise bad(f"concurrency x output is more than {_LARGEST_PREDICTION}")
        task = asyncio.get_running_loop().create_task(self._predict(asked, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _predict(self, asked: dict[str, int], connection: Connection) -> None:
        setup = self._setup
        prediction = await asyncio.to_thread(
            predict, setup.scheduler(), setup.speed, *asked.values()
        )
        connection.respond_json(
            {
                **asked,
                **asdict(prediction),
                "simulated": True,
                "device": DEVICE.name,
                "pace": self.core.pace.facts(self.core.serving),
                "outcome": outcome(setup.options, asked["concurrency"], prediction.running),
                "memory": {**asdict(setup.memory), "kv_tokens": setup.memory.kv_tokens},
                "counters": asdict(self.core.scheduler.counters),
            }
        )
