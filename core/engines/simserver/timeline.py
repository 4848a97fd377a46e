"""What the server itself knows of every chat request: when it came and when it was answered.

Against these times a client's own can be held. Epoch seconds throughout, from one monotonic
clock plus one offset: a clock that is set meanwhile moves no request.
"""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass

_MOST_REQUESTS = 100_000
_MOST_TOKENS = 1_000_000
"""About 40 MB each; the oldest are forgotten first."""

_OFFSET = time.time() - time.monotonic()


@dataclass(slots=True)
class Served:
    """One chat request. `first` and `last`: when its first and latest token were written.

    None when none was. `prompt` and `tokens` count what was read and written so far; `ended`
    is false while it runs and when the client left; `status` is the HTTP status.
    """

    arrived: float
    prompt: int = 0
    first: float | None = None
    last: float | None = None
    tokens: int = 0
    ended: bool = False
    status: int = 200


class Timeline:
    """The latest requests and the moments at which tokens were written."""

    def __init__(self) -> None:
        self._requests: deque[Served] = deque(maxlen=_MOST_REQUESTS)
        self._moments: deque[float] = deque(maxlen=_MOST_TOKENS)

    def arrived(self) -> Served:
        """A request has been read to its end."""
        served = Served(time.monotonic() + _OFFSET)
        self._requests.append(served)
        return served

    def writes(self, served: Served, tokens: int, *, ended: bool) -> None:
        """`tokens` more are being handed to the transport."""
        now = time.monotonic() + _OFFSET
        served.first = now if served.first is None else served.first
        served.last = now
        served.tokens += tokens
        served.ended = ended
        self._moments.extend([now] * tokens)

    def requests(self) -> bytes:
        """One JSON object a line, by arrival."""
        return "".join(map(_line, self._requests)).encode()

    def tokens(self) -> bytes:
        """When each token was written: one JSON number a line, ascending."""
        return b"".join(b"%.6f\n" % moment for moment in self._moments)


def _line(served: Served) -> str:
    # dataclasses.asdict copies each value: ten times as long, and the engine waits meanwhile.
    return json.dumps({name: getattr(served, name) for name in Served.__slots__}) + "\n"
