"""What genai-bench's log lines mean, those of its launcher included.

Rich wraps what it logs: these patterns are for lines that `rich_lines` has made whole.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.engines.common_logs import MACHINE, MODEL
from core.values import FailureKind

_REFUSED = re.compile(
    r"Received error response from server\. Error code: (?P<code>\d+|None), "
    r"message: (?P<said>.{0,200})"
)
_READ_ENGINE = "read the engine's log at the time of this measurement"

_TOKENIZER = (
    Signature(
        FailureKind.MODEL_GATED,
        re.compile(r"Hugging Face requires authentication for this tokenizer"),
        "the Hub wants a token for this tokenizer: it is gated, private, or not there",
        "accept its licence on the Hub and set HF_TOKEN; check its name",
    ),
    Signature(
        FailureKind.TOKENIZER,
        re.compile(r"Repo id must (?:be in the form|use alphanumeric).*?: '(?P<name>[^']*)'"),
        "there is no tokenizer folder {name}",
        "set tokenizer in the task to a folder with tokenizer.json, or to owner/name on the Hub",
    ),
    Signature(
        FailureKind.TOKENIZER,
        re.compile(
            r"(?P<name>\S+) (?:is not a local folder (?:and is not|or) a valid"
            r"|does not appear to have a file named)"
        ),
        "there is no tokenizer {name}, neither as a folder nor on the Hub",
        "set tokenizer in the task to a folder with tokenizer.json, or to owner/name on the Hub",
    ),
)

_USAGE = (
    Signature(
        FailureKind.CONFIG,
        re.compile(r"^Error: No such option:? '?(?P<option>--?[\w-]+)"),
        "genai-bench does not know {option}",
        "this program is made for genai-bench 0.0.5: install that version",
    ),
    Signature(
        FailureKind.CONFIG,
        re.compile(r"^Error: (?P<problem>(?:Invalid value|Missing option|Missing arg|Got un).*)"),
        "genai-bench refuses the workload: {problem}",
        "correct the scenario, the concurrency or the dataset in the task",
    ),
    Signature(
        FailureKind.CONFIG,
        re.compile(r"No module named '?genai_bench|genai-bench: (?:command )?not found"),
        "genai-bench is not installed here",
        "install genai-bench into the environment that runs autotuner-tui",
    ),
)

# What a request met, before what made of it a warning.
_ANSWERS = (
    Signature(
        FailureKind.ZERO_TOKENS,
        re.compile(
            r"no content was delivered|Error code: 204, message: no tokens|completion_tokens=0\b"
            r"|returned an empty response|returned 200 but empty"
        ),
        "the engine answered without generating a token",
        "check its chat template, stop words and log",
    ),
    Signature(
        FailureKind.BENCH_ERRORS,
        re.compile(r"JSONDecodeError\b|Error (?:decoding JSON from event data|processing chunk): "),
        "the engine's answers cannot be read",
        "check that the task's engine is the one that answers at this address",
    ),
)

_REQUESTS = (
    Signature(
        FailureKind.BENCH_ERRORS,
        re.compile(
            r"Error code: \w+, message: (?:Connection error: )?.*?(?P<said>Connection refused"
            r"|Connection reset by peer|Remote end closed connection|Connection aborted)"
        ),
        "the engine did not take requests: {said}",
        f"the engine is gone or listens elsewhere: {_READ_ENGINE}",
        after=_REFUSED,
    ),
    Signature(
        FailureKind.BENCH_ERRORS,
        re.compile(r"Error code: 404, message: (?P<said>.{0,200})"),
        "the engine does not know the model that was asked for: {said}",
        "the served model name must be the one that the benchmark sends",
        after=_REFUSED,
    ),
    Signature(
        FailureKind.BENCH_ERRORS,
        re.compile(r"Error code: (?P<code>429|503), message: (?P<said>.{0,200})"),
        "the engine refused requests with {code}: {said}",
        f"lower the concurrency, or raise the engine's limit of requests; {_READ_ENGINE}",
        after=_REFUSED,
    ),
    Signature(
        FailureKind.BENCH_ERRORS,
        re.compile(_REFUSED.pattern),
        "requests failed with {code}: {said}",
        _READ_ENGINE,
        after=_REFUSED,
    ),
    Signature(
        FailureKind.BENCH_ERRORS,
        re.compile(r"No values found for metric '(?P<metric>\w+)'"),
        "no request succeeded: there is no {metric}",
        _READ_ENGINE,
    ),
)

SIGNATURES: tuple[Signature, ...] = (
    *_TOKENIZER, *_USAGE, *_ANSWERS, *MODEL, *MACHINE, *_REQUESTS,
)  # fmt: skip
