"""One factor at a time: from the baseline, the best value of each flag is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.search.base import Suggestion, Trial
from core.search.ofat import Ofat
from core.space import Spaces, space_of
from core.task import parse
from core.values import Configuration

TEXT = """
model: m/m
engine: vllm
parameters:
  max-num-seqs: [64, 128, 256]
  enable-prefix-caching: [true, false]
  block-size: [16, 32]
"""
Judge = Callable[[Configuration], Trial]


def made(text: str = TEXT) -> Spaces:
    return space_of(parse(text, "task.yaml", Path.cwd()))


def judged(configuration: Configuration) -> Trial:
    """128 sequences are best without prefix caching, 256 with; 64 crash; 32 is a miss."""
    flags = configuration.parameters
    seqs, cached = flags.get("max-num-seqs"), flags.get("enable-prefix-caching")
    if seqs == 64:
        return Trial(configuration, None, False, failed=True)
    score = 100.0 + (20 if seqs == 128 else 0) + (10 if cached is False else 0)
    missed = flags.get("block-size") == 32
    return Trial(configuration, score * (2 if missed else 1), not missed, 0.5 if missed else 0.0)


def ran(space: Spaces, judge: Judge = judged, *, minimize: bool = False) -> list[Suggestion]:
    history, found = [judge(space.baseline)], list[Suggestion]()
    while one := Ofat(space, minimize).ask(history):
        found.append(one)
        history.append(judge(one.configuration))
        assert len(history) < 60
    return found


def flags(found: list[Suggestion]) -> list[dict[str, object]]:
    return [dict(one.configuration.parameters) for one in found]


def test_the_best_value_of_each_is_kept():
    found = ran(made())
    assert flags(found)[:6] == [
        {"max-num-seqs": 64},
        {"max-num-seqs": 128},
        {"max-num-seqs": 256},
        {"max-num-seqs": 128, "enable-prefix-caching": True},
        {"max-num-seqs": 128, "enable-prefix-caching": False},
        {"max-num-seqs": 128, "enable-prefix-caching": False, "block-size": 16},
    ]
    assert [one.reason for one in found[:4]] == [
        "ofat: max-num-seqs = 64, the rest as in the baseline",
        "ofat: max-num-seqs = 128, the rest as in the baseline",
        "ofat: max-num-seqs = 256, the rest as in the baseline",
        "ofat: enable-prefix-caching = true, the rest as in #2",
    ]


def test_it_goes_round_until_nothing_gets_better():
    found = ran(made())
    # The second round looks at the other sequences anew, with what was found since.
    again = [one for one in flags(found)[7:] if one.get("enable-prefix-caching") is False]
    assert {one["max-num-seqs"] for one in again} >= {64, 256}
    keys = [one.configuration.key for one in found]
    assert len(set(keys)) == len(keys)


def test_a_miss_is_worse_than_what_keeps_the_limits_and_latencies_go_down():
    def latency(configuration: Configuration) -> Trial:
        seqs = configuration.parameters.get("max-num-seqs", 300)
        return Trial(configuration, float(seqs), seqs != 64, 0.1 if seqs == 64 else 0.0)

    second = ran(made(), latency, minimize=True)[3]
    assert second.configuration.parameters["max-num-seqs"] == 128


def test_what_is_barred_is_passed_over():
    space = made()
    found = Ofat(space, minimize=False).ask(
        [judged(space.baseline)], lambda one: one.parameters.get("max-num-seqs") == 64
    )
    assert found is not None
    assert found.configuration.parameters == {"max-num-seqs": 128}


def test_rules_are_kept_and_what_does_not_vary_is_everywhere():
    space = made(TEXT + '  max-model-len: 3\nrules: ["max_num_seqs <= 128"]\n')
    found = flags(ran(space))
    assert all(one["max-model-len"] == 3 for one in found)
    assert {one.get("max-num-seqs") for one in found} == {64, 128}


def test_of_several_engines_the_one_with_the_better_baseline_is_varied():
    space = made(
        "model: m/m\nengine: [vllm, sglang]\nparameters:\n"
        "  vllm: {max-num-seqs: [4, 8]}\n  sglang: {max-running-requests: [4, 8]}\n"
    )
    first, second = space.baselines
    history = [Trial(first, 10.0, True), Trial(second, 20.0, True)]
    found = Ofat(space, minimize=False).ask(history)
    assert found is not None
    assert found.configuration.engine == "sglang"
    assert found.reason == "ofat: max-running-requests = 4, the rest as in #1"
