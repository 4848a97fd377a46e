"""What genai-bench's log lines mean, wrapped by Rich as it logs them."""

from pathlib import Path

import pytest

from core.doctor.bench_logs import SIGNATURES
from core.doctor.diagnose import diagnose
from core.doctor.rich_lines import joined
from core.values import FailureKind

WRAPPED = """[11/24/26 20:51:29] ERROR    Uncaught exception                   logging.py:150
                             ╭─ Traceback (most recent call las─╮
                             │ /opt/lib/transformers/utils/hub. │
                             ╰──────────────────────────────────╯
                             LocalEntryNotFoundError: Cannot find
                             the requested files in the disk
                             cache and outgoing traffic has been
                             disabled.

                             The above exception was the direct
                             cause of the following exception:
plain
"""
REFUSED = "WARNING Received error response from server. Error code: {}, message: {}."


def test_a_wrapped_message_is_one_line_with_the_number_of_its_first() -> None:
    lines = dict(joined(enumerate(WRAPPED.split("\n"), 1)))

    assert lines[1] == "ERROR Uncaught exception"
    assert lines[5].startswith("LocalEntryNotFoundError: Cannot find the requested files in the")
    assert lines[5].endswith("cache and outgoing traffic has been disabled.")
    assert lines[10].endswith("direct cause of the following exception:")
    assert lines[12] == "plain"
    assert 6 not in lines


def test_the_cause_is_found_over_the_end_of_a_line(tmp_path: Path) -> None:
    log = tmp_path / "benchmark.log"
    log.write_text(WRAPPED)

    found = diagnose(log, SIGNATURES)

    assert found is not None
    assert (found.kind, found.line) == (FailureKind.OFFLINE, 5)


@pytest.mark.parametrize(
    ("lines", "kind", "says"),
    [
        ([REFUSED.format(429, "busy")] * 2, FailureKind.BENCH_ERRORS, "429: busy"),
        ([REFUSED.format(404, "no model `m`")] * 2, FailureKind.BENCH_ERRORS, "does not know"),
        (
            [REFUSED.format(503, "Connection error: Connection refused")] * 2,
            FailureKind.BENCH_ERRORS,
            "did not take requests",
        ),
        ([REFUSED.format(204, "no tokens")], FailureKind.ZERO_TOKENS, "without generating"),
        (["Error: No such option: --max-request"], FailureKind.CONFIG, "--max-request"),
        (
            ["OSError: acme/none is not a local folder and is not a valid"],
            FailureKind.TOKENIZER,
            "",
        ),
        (["ValueError: No values found for metric 'ttft'."], FailureKind.BENCH_ERRORS, "ttft"),
    ],
)
def test_a_failure_is_recognised(
    tmp_path: Path, lines: list[str], kind: FailureKind, says: str
) -> None:
    log = tmp_path / "benchmark.log"
    log.write_text("\n".join(lines) + "\n")

    found = diagnose(log, SIGNATURES)

    assert found is not None
    assert found.kind is kind
    assert says in found.message


def test_one_refused_request_is_no_failure(tmp_path: Path) -> None:
    log = tmp_path / "benchmark.log"
    log.write_text(REFUSED.format(503, "busy") + "\nINFO done\n")

    assert diagnose(log, SIGNATURES) is None
