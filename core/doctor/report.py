"""What a check says, whatever it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check found. `unknown`: it could not be found out, which refuses nothing."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: the evidence, and what to do when it is not right."""

    id: str
    verdict: Verdict
    evidence: str
    advice: str = ""


def ok(check: str, evidence: str, advice: str = "") -> Check:
    return Check(check, Verdict.OK, evidence, advice)


def warning(check: str, evidence: str, advice: str) -> Check:
    return Check(check, Verdict.WARNING, evidence, advice)


def failure(check: str, evidence: str, advice: str) -> Check:
    return Check(check, Verdict.FAILURE, evidence, advice)


def unknown(check: str, evidence: str, advice: str = "") -> Check:
    return Check(check, Verdict.UNKNOWN, evidence, advice)
