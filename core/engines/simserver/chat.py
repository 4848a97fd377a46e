"""Chat completions: from a request's body to the bytes of every token."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.engines.simserver.connection import Connection, frame
from core.engines.simserver.flags import Options
from core.engines.simserver.scheduler import Sequence
from core.engines.simserver.tokens import WORDS, count_chat, prefix_keys

_EARLIEST_STOP, _LATEST_STOP = 20, 220  # tokens after which an answer ends by itself


class Refused(Exception):
    """A request that gets an error body, in the form vLLM gives it."""

    def __init__(self, status: int, kind: str, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"message": message, "type": kind, "param": parameter, "code": status}
        }


def bad(message: str, parameter: str | None = None) -> Refused:
    """HTTP 400."""
    return Refused(400, "BadRequestError", message, parameter)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a chat completion asks for, in tokens. `stops`: it ends before `max_tokens`."""

    prompt: int
    output: int
    stops: bool
    stream: bool
    usage: bool
    prefix: tuple[int, ...]

    @classmethod
    def read(cls, body: dict[str, object], options: Options, random_: random.Random) -> ChatRequest:
        """Raises Refused for what vLLM would refuse."""
        texts = message_texts(body.get("messages"))
        prompt = count_chat(texts)
        limit = _max_tokens(body, options.max_model_len - prompt)
        if prompt + limit > options.max_model_len or limit < 1:
            raise bad(
                f"This model's maximum context length is {options.max_model_len} tokens. However, "
                f"you requested {max(limit, 1)} output tokens and your prompt contains {prompt} "
                f"input tokens, for a total of {prompt + max(limit, 1)} tokens. Please reduce the "
                "length of the input prompt or the number of requested output tokens.",
                "input_tokens",
            )
        output = limit
        if body.get("ignore_eos") is not True:
            output = min(limit, random_.randint(_EARLIEST_STOP, _LATEST_STOP))
        stream_options = body.get("stream_options")
        usage = isinstance(stream_options, dict) and stream_options.get("include_usage") is True
        prefix = prefix_keys("\x00".join(texts)) if options.enable_prefix_caching else ()
        return cls(prompt, output, output < limit, body.get("stream") is True, usage, prefix)


def message_texts(messages: object) -> list[str]:
    """The text of every message; content may be a string or a list of parts."""
    if not isinstance(messages, list) or not messages:
        raise bad("messages: a non-empty list is required", "messages")
    return [_text(message) for message in messages]


def _text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text", "") for part in content if isinstance(part, dict)]
        return " ".join(part for part in parts if isinstance(part, str))
    raise bad("messages: every message needs a role and a content", "messages")


def _max_tokens(body: dict[str, object], left: int) -> int:
    value = body.get("max_completion_tokens") or body.get("max_tokens")
    if value is None:
        return left
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise bad(f"max_tokens must be at least 1, got {value!r}.", "max_tokens")
    return value


class ChatAnswer:
    """The answer to one chat request, written token by token or all at once.

    `writes` is called with the tokens of each write, and whether it is the last one, at the
    moment before: a client's time of the same token is never the earlier one.
    """

    def __init__(
        self,
        request: ChatRequest,
        connection: Connection,
        model: str,
        number: int,
        writes: Callable[[int, bool], None],
    ) -> None:
        self._request = request
        self._connection = connection
        self._model = model
        self._word = number % len(WORDS)
        self._id = f"chatcmpl-{number:032x}"
        self._created = int(time.time())
        self._words: list[str] = []
        self._writes = writes
        self._before, self._after = self._template()

    def tell(self, sequence: Sequence) -> None:
        """A step has brought one more token."""
        word = WORDS[(self._word + sequence.produced) % len(WORDS)]
        if not self._request.stream:
            self._words.append(word)
            if sequence.finished:
                self._complete(sequence)
        elif sequence.finished:
            self._end(sequence, word)
        else:
            data = frame(b"%b%b%b" % (self._before, word.encode(), self._after))
            data = self._opening(sequence) + data
            self._writes(1, False)
            self._connection.write(data)

    def _template(self) -> tuple[bytes, bytes]:
        """What stands before and after the word in every event but the last."""
        event = self._event({"content": "WORD"}, None)
        before, after = event.split(b"WORD", 1)
        return before, after

    def _opening(self, sequence: Sequence) -> bytes:
        if sequence.produced > 1:
            return b""
        role = self._event({"role": "assistant", "content": ""}, None)
        return self._connection.start_stream() + frame(role)

    def _end(self, sequence: Sequence, word: str) -> None:
        data = self._opening(sequence) + frame(self._event({"content": word}, self._reason()))
        if self._request.usage:
            chunk = {**self._head("chat.completion.chunk"), "choices": []}
            data += frame(_event({**chunk, "usage": self._usage(sequence)}))
        self._writes(1, True)
        self._connection.write(data + frame(b"data: [DONE]\n\n"))
        self._connection.end_stream()

    def _complete(self, sequence: Sequence) -> None:
        message = {"role": "assistant", "content": "".join(self._words).strip()}
        choice = {"index": 0, "message": message, "finish_reason": self._reason()}
        head = self._head("chat.completion")
        self._writes(sequence.produced, True)
        self._connection.respond_json({**head, "choices": [choice], "usage": self._usage(sequence)})

    def _event(self, delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, object]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}

    def _reason(self) -> str:
        return "stop" if self._request.stops else "length"

    def _usage(self, sequence: Sequence) -> dict[str, int]:
        return {
            "prompt_tokens": sequence.prompt,
            "total_tokens": sequence.prompt + sequence.produced,
            "completion_tokens": sequence.produced,
        }


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
