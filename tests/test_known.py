"""What is known of the engines' flags, held against the engines of this program."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from core.engines import registry
from core.engines.flags.files import shipped
from core.engines.known import ENGINES, about, known
from core.engines.simserver import flags


def test_every_engine_is_known():
    assert set(ENGINES) == set(registry.ENGINES)
    assert known("nothing") == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_entries_agree_with_themselves_and_with_their_engine(engine):
    entries = known(engine)
    assert len({one.name for one in entries}) == len(entries)
    assert 2 <= sum(one.first for one in entries) <= 4
    for one in entries:
        assert one.name not in registry.find(engine).reserved
        assert len(one.meaning) <= 90, one.name
        assert (one.kind == "choice") == bool(one.choices), one.name
        assert len(set(map(repr, one.usual))) == len(one.usual)
        for value in one.usual:
            assert one.problem(value) is None, (one.name, value)
        assert one.first <= bool(one.usual), one.name


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_enough_flags_to_be_of_use(engine):
    assert len(known(engine)) >= 25


def test_the_simulated_engine_takes_exactly_these():
    options = {field.name.replace("_", "-"): field.default for field in fields(flags.Options)}
    reserved = registry.find("simulated").reserved
    assert {one.name for one in known("simulated")} == set(options) - reserved
    kinds = {bool: "bool", int: "int", float: "float"}
    for one in known("simulated"):
        default = options[one.name]
        if one.name == "kv-cache-dtype":
            assert one.choices == flags.KV_DTYPES
        elif default is not None:
            assert one.kind == kinds[type(default)], one.name
        for value in one.usual:
            words = registry.find("simulated").configuration({one.name: value})
            flags.parse(registry.find("simulated").flag_words(words))


def test_values_that_do_not_fit_are_named_with_what_does():
    share = about("vllm", "gpu_memory_utilization")
    assert share is not None
    assert share.problem(0.9) is None
    assert share.problem(1) is None
    assert share.problem(None) is None
    said = "gpu-memory-utilization takes a number at least 0.01 and at most 1, not 90"
    assert share.problem(90) == said
    seqs, dtype, cache = (about("vllm", n) for n in ("max-num-seqs", "dtype", "async-scheduling"))
    assert seqs and seqs.problem(1.5) == "max-num-seqs takes a whole number at least 1, not 1.5"
    assert seqs.problem(True)
    assert dtype and "one of auto, half" in str(dtype.problem("bf16"))
    assert cache and cache.problem("yes") == "async-scheduling takes true or false, not yes"
    assert about("vllm", "no-such-flag") is None


def test_reading_them_brings_no_engine_along():
    program = (
        "import sys; from core.engines.known import known; assert known('vllm'); "
        "print([m for m in ('docker', 'psutil', 'core.engines.registry') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_what_is_proposed_is_what_the_engine_has(engine: str):
    catalogue = shipped(engine)
    assert catalogue is not None
    for one in known(engine):
        flag = catalogue.find(one.name)
        assert flag is not None, one.name
        assert not flag.choices or set(one.choices) <= set(flag.choices), one.name
