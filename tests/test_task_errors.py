"""Bad task files: one line each, with the place, what was expected and the cure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.task import TaskError, load, parse
from core.values import InputError

HEAD = "model: a/b\nengine: vllm\n"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(TaskError) as caught:
        parse(text, "task.yaml", Path("/"))
    return caught.value.problems


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("slo: {ttft_p95: 500}", "3:17: slo.ttft_p95: expected a duration with a unit like"),
        ("slo: {ttft_p96: 1s}", "3:7: slo: unknown key 'ttft_p96'; did you mean 'ttft_p9"),
        ("slo: {error_rate: 1}", "3:19: slo.error_rate: expected a percentage like 1%"),
        ("slo: {error_rate: 101%}", "expected a percentage"),
        ("slos: {}", "3:1: unknown key 'slos'; did you mean 'slo'?"),
        ("gpus: true", "gpus: expected a whole number, got true"),
        ("gpus: -1", "from 0 to"),
        ("seed: 1.5", "expected a whole number, got 1.5"),
        ("seed: " + "9" * 5000, "not a usable value"),
        ("parameters: {a: {low: 5, high: 1}}", "3:17: parameters.a: low (5) is above high (1)"),
        ("parameters: {a: {low: 0, high: 1, log: true}}", "a log range starts above 0"),
        ("parameters: {a: {low: 0, high: 1, step: 0}}", "step must be above 0"),
        ("parameters: {a: {low: 0, high: 1, step: 0.1}}", "write 0.0 and 1.0"),
        ("parameters: {a: {low: 1}}", "'high' is required"),
        ("parameters: {a: {low: 1, high: 9, log: true, step: 2}}", "step excludes log"),
        ("parameters: {a: {low: 0, high: 1000000, step: 1}}", "more than 10000 values"),
        ("parameters: {a: {low: .nan, high: 1}}", "expected a finite number, got .nan"),
        ("parameters: {a: {low: 1, high: .inf}}", "expected a finite number, got .inf"),
        ("parameters: {a: {low: 1, high: 2, stp: 1}}", "unknown key 'stp'; did you mean 'step'?"),
        ("parameters: {a: [1, 2, 1]}", "parameters.a[2]: 1 is there twice"),
        ("parameters: {a: [1, '1']}", "is there twice"),
        ("parameters: {a: []}", "expected at least one value"),
        ("parameters: {a: [[1]]}", "expected a single value, got a list"),
        ("parameters: {a_b: 1, a-b: 2}", "'a-b' is there twice ('-' and '_' are the same)"),
        ("parameters: {--a: 1}", "write '--a' without the dashes in front"),
        ("parameters: {no-x: [true]}", "write x: false for --no-x"),
        ("parameters: {api-key: abc}", "a secret does not belong on a command line"),
        ("command: [vllm, serve, --api-key=abc]", "a secret does not belong on a command line"),
        ("command: vllm serve", "expected a list like"),
        ("quantization: {kvcache: []}", "expected at least one value"),
        ("parallel: {tp: [0]}", "expected a whole number from 1"),
        ("workload: {scenarios: []}", "expected at least one value"),
        ("workload: {scenarios: ['D(0,5)']}", "token counts must be at least 1"),
        ("workload: {scenarios: ['D(5)']}", "write it like D(1000,200)"),
        ("workload: {scenarios: ['Q(5)']}", "unknown scenario 'Q(5)'"),
        ("workload: {scenarios: ['I(5,5)']}", "images cannot be measured yet"),
        ("workload: {scenarios: ['U(9,1)/(1,2)']}", "the smallest length comes first"),
        ("workload: {scenarios: ['D(1,2)', 'E(5)']}", "this mixes embeddings and text"),
        ("workload: {concurrency: often}", "expected auto or a list"),
        ("workload: {max_duration: 2 minutes}", "expected a duration with a unit"),
        ("workload: {dataset: nope.csv}", "file /nope.csv does not exist"),
        ("objective: thruput", "did you mean 'throughput'?"),
        ("strategy: gird", "did you mean 'grid'?"),
        ("strategy: 7x", "known: auto, grid, ofat, random, tpe"),
        ("timeouts: {start: 0s}", "above 0"),
        ("budget: {experiments: 0}", "from 1 to"),
        ("environment: {A: null}", "expected a value, got nothing"),
        ("environment: {A-B: 1}", "'A-B' is not a variable's name"),
        ("environment: {A: '${B'}", "a reference is written ${NAME}"),
        ("docker: {shm_size: lots}", "expected a size like 16g"),
        ("mounts: [a]", "expected SOURCE:/TARGET"),
        ("prior: maybe", "expected true or false, got maybe"),
        ("name: a/b", "expected a name"),
        ("rules: [5]", "rules[0]: expected a text, got 5"),
        ("tokenizer: /no/such/folder", "tokenizer: folder /no/such/folder does not exist"),
        ("tokenizer: a/b/c", "neither a Hub id"),
        ("tokenizer: " + "x/" * 5000, "neither a Hub id"),
    ],
)
def test_says_where_and_what(line: str, expected: str) -> None:
    (problem,) = problems(HEAD + line)
    assert problem.startswith("task.yaml:3:")
    assert expected in problem


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("deploy: dokcer", "did you mean 'docker'?"),
    ],
)
def test_what_comes_later_is_refused_with_what_to_write_instead(line: str, instead: str) -> None:
    (problem,) = problems(HEAD + line)
    assert instead in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a\n- b", "expected 'key: value' lines"),
        ("a: b: c", "1:5: not valid YAML"),
        ("name: \x07", "1:7: not valid YAML: control character 0x07"),
        ("model: a\nmodel: b", "2:1: 'model' is there twice"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
        ("[" * 2000, "nested too deeply"),
        ("a: &a [*a]", "nested too deeply"),
        ("? [a]\n: b", "expected a name before the colon"),
        ("model: !!python/object:os.system x", "not a usable value"),
        ("model: *nope", "undefined alias"),
        ('model: "\\0"', "a character that cannot be passed on"),
    ],
)
def test_files_that_are_no_task(text: str, expected: str) -> None:
    (problem,) = problems(text)
    assert expected in problem


def test_aliases_cannot_explode() -> None:
    levels = ["a0: &a0 [x,x,x,x,x,x,x,x]"]
    levels += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 9)]
    assert "use fewer aliases" in problems("\n".join(levels))[0]


def test_all_problems_are_reported_in_file_order() -> None:
    text = "slo: {ttft_p95: 500, nope: 1}\nseed: x\nmodel: /no/such\n"
    found = problems(text)
    assert len(found) == 5
    assert [line.split(":")[1] for line in found] == ["1", "1", "1", "2", "3"]
    with pytest.raises(InputError) as caught:
        parse(text, "task.yaml", Path("/"))
    assert str(caught.value) == f"{found[0]} (and 4 more)"


@pytest.mark.parametrize("name", ["MY_TOKEN", "db_password", "OPENAI_API_KEY", "CLIENT_SECRET"])
def test_a_literal_secret_is_refused_and_not_repeated(name: str) -> None:
    (problem,) = problems(HEAD + f"environment: {{{name}: hunter2hunter2}}")
    assert f"write ${{{name}}}" in problem
    assert "hunter2" not in problem


def test_credentials_in_a_url_are_a_secret() -> None:
    (problem,) = problems(HEAD + "environment: {HTTP_PROXY: 'http://me:hunter2@proxy:3128'}")
    assert "a secret does not belong" in problem
    assert "hunter2" not in problem


def test_names_that_only_sound_secret_are_accepted() -> None:
    parse(HEAD + "parameters: {max-num-batched-tokens: 1, tokenizer-mode: auto}", "t", Path("/"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\xff\xfe\x00x", "not a text file in UTF-8"), (b"a" * 1_000_001, "larger than 1 MB")],
)
def test_unreadable_content(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "task.yaml"
    file.write_bytes(content)
    with pytest.raises(TaskError, match=expected):
        load(file)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="there is no such file"):
        load(tmp_path / "nope.yaml")
    with pytest.raises(TaskError, match="this is a folder"):
        load(tmp_path)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert load(file).engine == "vllm"


KEYS = ["model", "engine", "parameters", "slo", "workload", "low", "high", "log", "environment"]
VALUES = ["1", "-1", "0.5", "true", "null", "1s", "5%", "auto", "${A}", "a/b"]
WORDS = st.sampled_from([*KEYS, *VALUES, *"[]{}:,-&*!?|>'\"#%"])
LAYOUT = st.sampled_from([" ", "\n", ": ", "\n  ", "\t"])


@given(st.lists(st.tuples(WORDS | st.text(max_size=5), LAYOUT), max_size=40))
def test_wild_text_is_a_task_or_clear_lines(pieces: list[tuple[str, str]]) -> None:
    text = "".join(word + space for word, space in pieces)
    try:
        parse(text, "task.yaml", Path("/"))
    except TaskError as error:
        for problem in (*error.problems, str(error)):
            assert re.match(r"task\.yaml:\d+:\d+: \S", problem)
            assert "\n" not in problem
