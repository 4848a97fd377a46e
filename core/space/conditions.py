"""Parameters that are passed only `when:` others have certain values."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from core.space.facts import FACTS
from core.space.rules import Rule, compile_rule
from core.task import Parameter
from core.values import InputError, Scalar


def conditions(
    parameters: Mapping[str, Parameter],
    names: Mapping[str, str],
    known: Mapping[str, Scalar | None],
) -> dict[str, Rule]:
    """By flag, each after those that it depends on.

    InputError: a name that is neither a parameter, an axis nor a fact, or a circle.
    """
    found = {
        flag: _condition(flag, one.when, parameters, names, known)
        for flag, one in parameters.items()
        if one.when
    }
    needs = {flag: sorted(rule.names & found.keys()) for flag, rule in found.items()}
    try:
        return {flag: found[flag] for flag in TopologicalSorter(needs).static_order()}
    except CycleError as error:
        first, *_ = circle = error.args[1]
        said = f"depends on itself: {' → '.join(circle)}"
        raise InputError(f"parameters.{first}.when: {said}") from None


def _condition(
    flag: str,
    text: str,
    parameters: Mapping[str, Parameter],
    names: Mapping[str, str],
    known: Mapping[str, Scalar | None],
) -> Rule:
    place = f"parameters.{flag}.when"
    rule = compile_rule(text, names, known, place=place)
    if strange := sorted(rule.names - parameters.keys() - set(FACTS)):
        raise InputError(f"{place}: \"{text}\": '{strange[0]}' is no parameter of this task")
    return rule
