"""Embeddings and reranking: all prompt, no generated token."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.engines.simserver.chat import bad
from core.engines.simserver.tokens import count_text

_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class PoolingRequest:
    """Prompt tokens, and the answer that is sent when they are computed."""

    prompt: int
    answer: dict[str, Any]


def embeddings(body: dict[str, object], model: str) -> PoolingRequest:
    """`POST /v1/embeddings`. Raises Refused."""
    texts = _texts(body.get("input"), "input")
    prompt = sum(max(1, count_text(text)) for text in texts)
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text)}
        for index, text in enumerate(texts)
    ]
    return PoolingRequest(
        prompt, {"object": "list", "model": model, "data": data, "usage": _usage(prompt)}
    )


def rerank(body: dict[str, object], model: str) -> PoolingRequest:
    """`POST /v1/rerank`. Raises Refused."""
    query = body.get("query")
    if not isinstance(query, str):
        raise bad("query: a string is required", "query")
    texts = _texts(body.get("documents"), "documents")
    asked = max(1, count_text(query))
    prompt = sum(asked + max(1, count_text(text)) for text in texts)
    scored = sorted(
        ((_overlap(query, text), index, text) for index, text in enumerate(texts)),
        key=lambda item: (-item[0], item[1]),
    )
    results = [
        {"index": index, "document": {"text": text}, "relevance_score": score}
        for score, index, text in scored
    ]
    return PoolingRequest(prompt, {"model": model, "results": results, "usage": _usage(prompt)})


def _texts(value: object, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise bad(f"{name}: a string or a list of strings is required", name)
    if not all(isinstance(text, str) for text in texts):
        raise bad(f"{name}: a string or a list of strings is required", name)
    return texts


def _vector(text: str) -> Sequence[float]:
    source = random.Random(text)
    return [round(source.uniform(-1, 1), 6) for _ in range(_DIMENSIONS)]


def _overlap(query: str, text: str) -> float:
    one, other = set(query.lower().split()), set(text.lower().split())
    return round(len(one & other) / max(1, len(one | other)), 6)


def _usage(prompt: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "total_tokens": prompt, "completion_tokens": 0}
