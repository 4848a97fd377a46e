"""genai-bench's notation for workloads, checked before anything starts."""

from __future__ import annotations

import re

_KINDS: dict[str, tuple[str, str, str]] = {
    # letter: what it measures, its form, an example
    "D": ("text", r"D\((\d+),(\d+)\)", "D(1000,200)"),
    "N": ("text", r"N\((\d+),(\d+)\)/\((\d+),(\d+)\)", "N(480,240)/(300,150)"),
    "U": ("text", r"U\((\d+),(\d+)\)(?:/\((\d+),(\d+)\))?", "U(100,200)/(50,100)"),
    "E": ("embeddings", r"E\((\d+)\)", "E(512)"),
    "R": ("rerank", r"R\((\d+),(\d+)\)", "R(1024,100)"),
    "dataset": ("text", r"dataset", "dataset"),
}
_LATER = {"I": "images", "V": "videos", "A": "audio"}
_LARGEST = 10_000_000


def kind(scenario: str) -> str:
    """`text`, `embeddings` or `rerank`: what a server must do for this scenario."""
    return _KINDS[_letter(scenario)][0]


def problem(scenario: str) -> str | None:
    """What is wrong with a scenario, None when it can be measured."""
    letter = _letter(scenario)
    if letter in _LATER:
        return f"{_LATER[letter]} cannot be measured yet; write a text scenario like D(1000,200)"
    if letter not in _KINDS:
        examples = ", ".join(example for _, _, example in _KINDS.values())
        return f"unknown scenario '{scenario}'; write one like {examples}"
    _, form, example = _KINDS[letter]
    match = re.fullmatch(form, scenario, re.ASCII)
    if not match:
        return f"'{scenario}' is not a scenario; write it like {example}"
    return _impossible(letter, [int(group) for group in match.groups() if group is not None])


def _letter(scenario: str) -> str:
    match = re.match(r"[A-Za-z]+", scenario)
    return match[0] if match else ""


def _impossible(letter: str, numbers: list[int]) -> str | None:
    # The second and fourth number of N are standard deviations: 0 means no spread.
    counts = numbers[::2] if letter == "N" else numbers
    if any(count < 1 for count in counts):
        return "token counts must be at least 1"
    if any(number > _LARGEST for number in numbers):
        return f"token counts must be at most {_LARGEST}"
    if letter == "U" and len(numbers) == 4 and (numbers[0] > numbers[1] or numbers[2] > numbers[3]):
        return "U(min,max)/(min,max): the smallest length comes first"
    return None
