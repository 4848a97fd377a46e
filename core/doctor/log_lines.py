"""The lines of a log as a diagnosis reads them: without colours, each state of a bar its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.doctor.rich_lines import joined

_HEAD = 1 << 20
_TAIL = 2 << 20
_LONGEST = 3_000
"""Characters of a line that are looked at: a pattern may take ages on a longer one."""

_COLOURS = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_BREAKS = re.compile(r"\r+")

_PREFIX = re.compile(
    r"^(?:\[rank\d+\]: ?|\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d[^\]]*\] ?"
    r"|\([\w /-]+ pid=\d+(?:, ip=[\d.]+)?\) ?"
    r"|(?:ERROR|CRITICAL|FATAL) \d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\[[^\]]*\] ?|\S+:\d+\] ?))+"
)
# Its own level says that a line is no failure; what is said for each request is nothing new,
# and the places of a traceback are no words.
_QUIET = re.compile(
    r"^(?:\([\w /-]+ pid=\d+\) ?)?(?:INFO|DEBUG|WARNING)(?:[ :]+\d\d-\d\d \d\d:\d\d:\d\d|:)"
    r"|\"(?:GET|POST|HEAD|OPTIONS) \S+ HTTP/[\d.]+\" \d{3}|\] (?:Prefill|Decode) batch\b"
    r"|\bserver_args=ServerArgs\(|  File \"[^\"]+\", line \d+, in |^[^\w]*[\^~]{2,}[^\w]*$"
)


class Line(NamedTuple):
    """`number` is 1-based. `said` is the text without the prefix of a logger or a worker."""

    number: int
    text: str

    @property
    def said(self) -> str:
        return _PREFIX.sub("", self.text)

    @property
    def quiet(self) -> bool:
        """Whether it proves nothing, whatever its words."""
        return _QUIET.search(self.text) is not None


def read(log: Path) -> list[Line]:
    """All its lines, blank ones left out; of a huge log the beginning and the end. OSError."""
    data = log.read_bytes()
    if len(data) <= _HEAD + _TAIL:
        return list(_lines(data, 1))
    head = data[: data.rfind(b"\n", 0, _HEAD) + 1]
    start = data.find(b"\n", len(data) - _TAIL) + 1 or len(data) - _TAIL
    return [*_lines(head, 1), *_lines(data[start:], data.count(b"\n", 0, start) + 1)]


def _lines(data: bytes, first: int) -> Iterator[Line]:
    text = _COLOURS.sub(b"", data).decode("utf-8", "replace")
    for number, line in joined(enumerate(text.split("\n"), first)):
        for state in _BREAKS.split(line) if "\r" in line else (line,):
            if state.strip():
                yield Line(number, state[:_LONGEST])
