"""Which flags a failure's evidence names: what else would fail for the same reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.values import Failure, Scalar

_WORD = re.compile(r"(?<![\w-])--[A-Za-z][\w-]*")
# What follows is what could be written instead.
_OFFERS = re.compile(r"(?i)could match|did you mean|perhaps you meant|similar to")
# The parser of the command line refuses a value whatever else was passed.
_PARSED = re.compile(r"\berror: argument (?P<flag>[^\s:]+): ")

# As engines name the axes of parallelism in their errors and in the source lines of assertions.
_AXES = {
    "tp": re.compile(r"(?i)tensor[ _-](?:model[ _-])?parallel|\btp(?:[ _-]size)?\b|_tp_size"),
    "pp": re.compile(r"(?i)pipeline[ _-](?:model[ _-])?parallel|\bpp(?:[ _-]size)?\b"),
    "dp": re.compile(r"(?i)data[ _-]parallel|\bdp(?:[ _-]size)?\b"),
    "ep": re.compile(r"(?i)expert[ _-]parallel|\bep(?:[ _-]size)?\b"),
    "dcp": re.compile(r"(?i)decode[ _-]context[ _-]parallel|\bdcp(?:[ _-]size)?\b"),
}


def flag_words(failure: Failure) -> frozenset[str]:
    """Words of a command line (`--max-num-seqs`) that its evidence refuses; dashes for
    underscores.
    """
    refused = _OFFERS.split(evidence(failure), maxsplit=1)[0]
    return frozenset(_dashed(word) for word in _WORD.findall(refused))


def named(failure: Failure, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` (without dashes in front) that the evidence has, in either spelling."""
    text = _dashed(evidence(failure))
    # `dtype` is not named by `kv-cache-dtype`.
    return frozenset(
        name for name in names if re.search(rf"(?<!\w)(?<!\w-){re.escape(name)}(?!-?\w)", text)
    )


def parsed(failure: Failure) -> frozenset[str]:
    """The words of the one flag whose value the command line's parser refused."""
    found = _PARSED.search(evidence(failure))
    return frozenset(_dashed(word) for word in found["flag"].split("/")) if found else frozenset()


def shows(failure: Failure, value: Scalar) -> bool:
    """Whether the evidence has this value, as it is passed."""
    return bool(re.search(rf"(?<![\w.]){re.escape(str(value))}(?!\w|\.\d)", evidence(failure)))


def axes(failure: Failure) -> frozenset[str]:
    """The axes of parallelism that the evidence speaks of, as tasks call them."""
    text = evidence(failure)
    return frozenset(axis for axis, pattern in _AXES.items() if pattern.search(text))


def evidence(failure: Failure) -> str:
    """The line that proves it; where there is none, what was said of it."""
    return failure.text or failure.message


def _dashed(text: str) -> str:
    return text.replace("_", "-")
