"""Counting prompt tokens without a tokenizer, and the words that answers are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence

MESSAGE_TOKENS = 2  # role and end marks of the chat template
ANSWER_TOKENS = 1  # the mark that opens the answer
_PREFIX_CHARACTERS = 64  # of one block of tokens, about

# How byte-level BPE splits text before merging; with a vocabulary of whole words, each piece
# is one token. Long words are more.
_PIECES = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]{1,12}| ?\d{1,3}| ?(?:[^\s\w]|_){1,4}|\s+(?!\S)|\s+"
)

_STORY = (
    "the sum of what is read and what is done each step moves weights once for all who wait so "
    "more at once costs little until work not memory sets pace then every prompt takes its "
    "share and tokens come slower"
)
WORDS = tuple(f" {word}" for word in _STORY.split())
"""What answers are made of, one token each."""


def count_text(text: str) -> int:
    """About how many tokens a byte-level BPE tokenizer makes of this text."""
    return sum(1 for _ in _PIECES.finditer(text))


def count_chat(texts: Sequence[str]) -> int:
    """The tokens of a chat's messages, with the marks that the template adds."""
    return sum(count_text(text) + MESSAGE_TOKENS for text in texts) + ANSWER_TOKENS


def prefix_keys(text: str) -> tuple[int, ...]:
    """One key per block of text; equal keys mean equal text up to the end of that block."""
    keys: list[int] = []
    parent = 0
    for start in range(0, len(text) - _PREFIX_CHARACTERS + 1, _PREFIX_CHARACTERS):
        parent = hash((parent, text[start : start + _PREFIX_CHARACTERS]))
        keys.append(parent)
    return tuple(keys)
