"""Presets: what the built-in ones give each engine, how they go into a task, and their files."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.doctor.flags import flag_checks
from core.engines import registry
from core.engines.flags.files import shipped
from core.engines.known import about
from core.presets import Part, Preset, Shelf, builtin, expand
from core.presets.merge import merged, part_of, together
from core.presets.reader import parse as read
from core.presets.writer import document, written
from core.space import build, space_of
from core.task import Choice, Fixed, Range, Task, TaskError, dump, load, parse
from core.values import InputError

SHELF = Shelf()
PURPOSES = {
    "throughput", "latency", "long-context", "kv-cache-fp8", "dynamic-fp8", "moe",
    "prefix-caching", "speculative",
}  # fmt: skip
EVERY = [(name, engine) for name in SHELF.names for engine in SHELF.find(name).engines]


def task(text: str, engine: str = "vllm") -> Task:
    return parse(f"model: a/b\nengine: {engine}\n{text}", "task.yaml", Path("/"))


def whole(text: str, engine: str = "vllm", shelf: Shelf = SHELF) -> Task:
    return expand(task(text, engine), shelf).task


def stored(**texts: str) -> Shelf:
    return Shelf(texts)


# the built-in ones


def test_the_purposes_that_are_built_in():
    assert set(SHELF.names) == PURPOSES
    for name in SHELF.names:
        preset = SHELF.find(name)
        assert preset.about
        assert {"vllm", "sglang"} <= set(preset.engines)


@pytest.mark.parametrize(("name", "engine"), EVERY)
def test_every_flag_and_value_is_one_the_engine_has(name, engine):
    found = expand(task(f"presets: [{name}]", engine), SHELF).task
    space = build(found, registry.find(engine))
    listed = shipped(engine)
    if listed is None:  # the simulated engine: what the form knows of it
        for configuration in itertools.islice(space.grid(), 50):
            for flag, value in configuration.flags:
                known = about(engine, flag)
                assert known is not None
                assert known.problem(value) is None
        return
    first, *wrong = flag_checks(
        found, space, dataclasses.replace(listed, source="help", exact=True)
    )
    assert first.id == "flags"
    assert wrong == []


@pytest.mark.parametrize(("name", "engine"), EVERY)
def test_each_changes_the_command_line(name, engine):
    found = whole(f"presets: [{name}]", engine)
    space = build(found, registry.find(engine))
    plain = build(task("", engine), registry.find(engine)).baseline
    rng = random.Random(0)
    lines = {space.engine.flag_words(space.sample(rng)) for _ in range(60)}
    assert lines - {space.engine.flag_words(plain)}
    words = {word for line in lines for word in line}
    assert not words & {"null", "None", "none", "false", "False", "true", "True"}


def test_speculation_is_json_that_the_engine_reads():
    speculative = part_of(SHELF.find("speculative"), "vllm").parameters["speculative-config"]
    assert isinstance(speculative, Choice)
    off, *configs = speculative.values
    assert off is None
    for config in configs:
        said = json.loads(str(config))
        assert said["method"] == "ngram"
        assert said["prompt_lookup_min"] <= said["prompt_lookup_max"]


# into a task


def test_the_task_goes_before_its_presets_and_later_ones_before_earlier_ones():
    shelf = stored(
        one="parameters: {a: 1, b: 1, c: 1}\nenvironment: {X: 1, Y: 1}",
        two="parameters: {b: 2, c: 2}\nenvironment: {Y: 2, Z: 2}",
    )
    found = whole("presets: [one, two]\nparameters: {c: 3}\nenvironment: {Z: 3}", "vllm", shelf)
    assert found.parameters == {"a": Fixed(1), "b": Fixed(2), "c": Fixed(3)}
    assert found.environment == {"X": "1", "Y": "2", "Z": "3"}
    other = whole("presets: [two, one]", "vllm", shelf)
    assert other.parameters == {"a": Fixed(1), "b": Fixed(1), "c": Fixed(1)}


def test_what_a_preset_gave_is_told():
    found = expand(task("presets: [throughput]\nparameters: {max-num-seqs: 64}"), SHELF)
    assert set(found.gained) == {"vllm"}
    assert set(found.gained["vllm"].parameters) == {
        "max-num-batched-tokens", "gpu-memory-utilization",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "preset", "own", "flag"),
    [
        ("vllm", "parameters: {tensor-parallel-size: 2}", "parallel: {tp: [1, 4]}", "tp"),
        ("vllm", "parallel: {tp: [1, 2]}", "parameters: {tensor-parallel-size: 4}", "tp"),
        ("vllm", "quantization: {kvcache: [fp8]}", "parameters: {kv-cache-dtype: auto}", "kvcache"),
        ("sglang", "parameters: {tensor-parallel-size: 2}", "parameters: {tp-size: 4}", "tp"),
        ("sglang", "parameters: {tensor-parallel-size: 2}", "parallel: {tp: [4]}", "tp"),
    ],
)
def test_a_flag_is_given_once_whatever_it_is_called(engine, preset, own, flag):
    found = whole(f"presets: [one]\n{own}", engine, stored(one=preset))
    expected = task(own, engine)
    assert found.parameters == expected.parameters
    assert (found.parallel, found.quantization) == (expected.parallel, expected.quantization)
    build(found, registry.find(engine))


def test_rules_of_a_preset_hold_beside_those_of_the_task():
    shelf = stored(one='parameters: {max-num-seqs: [1, 9]}\nrules: ["max_num_seqs > 2"]')
    found = whole('presets: [one]\nrules: ["max_num_seqs < 20"]', "vllm", shelf)
    assert found.rules == ("max_num_seqs > 2", "max_num_seqs < 20")
    assert build(found, registry.find("vllm")).removed == {
        "max_num_seqs > 2": 1, "max_num_seqs < 20": 0,
    }  # fmt: skip


def test_a_task_file_written_out_names_its_presets_and_needs_them_no_more(tmp_path):
    shelf = stored(mine="parameters: {max-num-seqs: [8, 16], enable-prefix-caching: false}")
    found = whole("presets: [throughput, mine]", "vllm", shelf)
    assert (found.presets, found.expanded) == ((), ("throughput", "mine"))
    file = tmp_path / "task.yaml"
    file.write_text(dump(found))
    assert load(file) == found
    # What the name means later is of no consequence.
    assert expand(load(file), stored(mine="parameters: {max-num-seqs: [1]}")).task == found
    again = dataclasses.replace(found, presets=("mine", "latency"))
    assert expand(again, shelf).task.expanded == ("throughput", "mine", "latency")


def test_each_engine_of_a_task_gets_its_own_flags():
    text = "presets: [long-context]\nparameters: {sglang: {chunked-prefill-size: 512}}"
    found = whole(text, "[vllm, sglang]")
    assert parse(dump(found), "b.yaml", Path("/")) == found
    vllm, sglang = found.of("vllm"), found.of("sglang")
    assert "max-num-seqs" in vllm.parameters
    assert "max-num-seqs" not in sglang.parameters
    assert sglang.parameters["chunked-prefill-size"] == Fixed(512)
    assert "max-running-requests" in sglang.parameters
    kv = {
        engine: {
            value
            for configuration in itertools.islice(part.grid(), 2000)
            for flag, value in configuration.flags
            if flag == "kv-cache-dtype"
        }
        for engine, part in zip(found.engines, space_of(found).parts, strict=True)
    }
    assert "fp8" in kv["vllm"]
    assert "fp8_e4m3" in kv["sglang"]


def test_engines_share_what_presets_give_them_alike():
    shelf = stored(one="parallel: {tp: [1, 2]}\nquantization: {gemm: [fp8]}")
    found = whole("presets: [one]", "[vllm, sglang]", shelf)
    assert found.parallel == {"tp": (1, 2)}
    assert found.quantization == {"gemm": ("fp8",)}


def test_engines_cannot_differ_in_what_a_task_has_once():
    shelf = stored(one="vllm: {parallel: {tp: [1, 2]}}\nsglang: {parallel: {tp: [4]}}")
    with pytest.raises(InputError, match="different parallelism"):
        whole("presets: [one]", "[vllm, sglang]", shelf)
    shelf = stored(one="vllm: {environment: {A: 1}}\nsglang: {environment: {A: 2}}")
    with pytest.raises(InputError, match="A would differ"):
        whole("presets: [one]", "[vllm, sglang]", shelf)


def test_a_name_that_is_not_there_or_of_other_engines():
    with pytest.raises(InputError, match="unknown preset 'througput'; did you mean 'throughput'"):
        whole("presets: [througput]")
    with pytest.raises(InputError, match="unknown preset 'zzz'; known: dynamic-fp8, "):
        whole("presets: [zzz]")
    with pytest.raises(InputError, match="'moe' has no section for simulated; it is for vllm"):
        whole("presets: [moe]", "simulated")
    with pytest.raises(TaskError, match=r"task\.yaml:3:16: presets\[1\]: a is there twice"):
        task("presets: [a,   a]")


def test_a_stored_one_goes_before_a_built_in_one_that_came_later():
    shelf = stored(latency="parameters: {max-num-seqs: 3}")
    assert whole("presets: [latency]", "vllm", shelf).parameters == {"max-num-seqs": Fixed(3)}
    assert shelf.names.count("latency") == 1


# files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x.yaml:1:1: the file is empty; a preset has sections"),
        ("[1]", "x.yaml:1:1: expected a mapping"),
        ("about: nothing more", "x.yaml:1:1: it gives nothing"),
        ("about: a\nparamters: {a: 1}", "x.yaml:2:1: unknown key 'paramters'; did you mean"),
        ("vllm:\n  model: m\n", "x.yaml:2:3: vllm: unknown key 'model'"),
        ("vllm:\n  parameters:\n    max-num-seqs: {low: 9, high: 1}", "x.yaml:3:19: vllm.param"),
        ("vllm:\n  parameters: {port: 1}", "x.yaml: vllm: parameters.port: set by autotuner-tui"),
        ("parameters: {port: 1}", "x.yaml: vllm: parameters.port: set by autotuner-tui"),
        ("vllm: {parallel: {ep9: [1]}}", "x.yaml: vllm: parallel.ep9: vllm has no such axis"),
        ('vllm: {parameters: {a: [1, 2]}, rules: ["a = 1"]}', 'x.yaml: vllm: rules: "a = 1"'),
        ("parameters: {hf-token: abc}", "x.yaml:1:24: parameters.hf-token: a secret does not"),
        ("environment: {HF_TOKEN: hf_abc}", "x.yaml:1:25: environment.HF_TOKEN: a secret does"),
        ("name: a b\nparameters: {a: 1}", "presets: 'a b' is no name"),
    ],
)
def test_a_file_that_is_wrong_says_where(text, said):
    with pytest.raises(InputError) as caught:
        read(text, "x.yaml", "x")
    assert str(caught.value).startswith(said)
    assert "abc" not in str(caught.value)


def test_what_is_for_any_engine_is_right_for_one_of_them():
    assert not read("parallel: {dcp: [1, 2]}", "x.yaml", "x").engines  # an axis of vLLM alone


def test_a_reference_to_a_secret_is_kept_as_it_is_written():
    preset = read('environment: {HF_TOKEN: "${HF_TOKEN}"}', "x.yaml", "x")
    assert "${HF_TOKEN}" in written(preset)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5000), st.floats(-9, 9),
    st.sampled_from(["auto", "null", "true", "1e3", "0x10", '{"a": 1}', "a: b", "ö"]),
)  # fmt: skip
PARAMETERS = st.one_of(
    st.builds(Fixed, SCALARS),
    st.lists(SCALARS, min_size=1, max_size=4, unique_by=lambda v: (type(v) is bool, str(v))).map(
        lambda values: Choice(tuple(values))
    ),
    st.builds(lambda low, more: Range(low, low + more, log=True), st.integers(1, 9),
              st.integers(0, 99)),
)  # fmt: skip
PARTS = st.builds(
    Part,
    parameters=st.dictionaries(st.sampled_from(["a", "b-c", "d1"]), PARAMETERS, min_size=1),
    parallel=st.dictionaries(st.just("tp"), st.just((1, 2))),
    environment=st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["1", "on", "x y"])),
)


@given(PARTS, st.dictionaries(st.sampled_from(["vllm", "simulated"]), PARTS))
def test_a_preset_is_read_back_as_it_was_written(common, engines):
    ordered = {name: engines[name] for name in registry.ENGINES if name in engines}
    preset = Preset("mine", "what it is for", common, ordered)
    for text in (written(preset), json.dumps(document(preset), ensure_ascii=False)):
        assert repr(read(text, "x.yaml", "x")) == repr(preset)  # repr: True is not 1


@pytest.mark.parametrize("pair", list(itertools.permutations(sorted(PURPOSES), 2)), ids="+".join)
def test_merged_gives_what_both_give_in_their_order(pair):
    first, second = map(SHELF.find, pair)
    one = merged("both", [first, second])
    assert set(one.engines) == set(first.engines) | set(second.engines)
    for engine in one.engines:
        parts = [part_of(p, engine) for p in (first, second) if p.speaks_of(engine)]
        assert part_of(one, engine) == together(parts, engine)


def test_merged_without_engines_stays_for_any():
    one = merged("m", [read(f"parameters: {{a: {n}}}", "x", str(n)) for n in (1, 2)])
    assert one == Preset("m", "1 + 2", Part({"a": Fixed(2)}))


def test_built_in_files_are_in_the_package():
    assert set(builtin.texts()) == PURPOSES
