"""Why a task that is at work does not go on, short of its end."""

from __future__ import annotations

from core.values import Failure


class Paused(Exception):
    """A pause was asked for and the measurement before it is written down."""


class Halted(Paused):
    """Nothing can go on before a person has done something; `failure` says what."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
