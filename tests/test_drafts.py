"""A task file through the form and back: nothing is lost, and the text stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.task import Range, Task, dump, parse
from core.values import InputError
from tests.test_task_dump import ODD, SCALARS, TASKS
from tui import drafts, notation
from tui.drafts import Draft
from tui.form import ENTRIES, TABLES
from tui.forms import Form, applied, form_of, odd_values, placed, remaining, starter

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.yaml"))


def parsed(text: str) -> Task:
    return parse(text, "task", Path("/"))


def same(one: Task, other: Task) -> None:
    assert one == other
    for name in ("baseline", "parameters", "quantization"):  # True equals 1
        assert repr(getattr(one, name)) == repr(getattr(other, name))


def emptied(draft: Draft) -> Draft:
    """Without everything that the form shows."""
    for section in {path.partition(".")[0] for path in ENTRIES} | set(TABLES):
        draft = draft.put(section, None)
    return draft


@given(TASKS)
def test_a_form_filled_in_from_a_task_writes_that_task(task: Task) -> None:
    text = dump(task)
    draft = drafts.read(text)
    form = form_of(draft)
    again, problems = applied(emptied(draft), form)
    assert not problems
    same(parsed(again.text), parsed(text))
    assert form_of(again) == form


@given(TASKS)
def test_a_form_that_is_not_touched_changes_no_letter(task: Task) -> None:
    text = dump(task)
    draft = drafts.read(text)
    again, problems = applied(draft, form_of(draft))
    assert not problems
    assert again.text == text


@given(TASKS, st.sampled_from(sorted(ENTRIES)))
def test_one_change_leaves_the_rest(task: Task, path: str) -> None:
    draft = drafts.read(dump(task))
    form = form_of(draft)
    again, _ = applied(draft, Form({**form.texts, path: "7"}, form.rows))
    section = path.partition(".")[0]
    for key, value in draft.values.items():
        if key != section:
            assert repr(again.values[key]) == repr(value)


@given(TASKS, st.sets(st.text("abc-2", min_size=1, max_size=6), max_size=5))
def test_a_duplicate_differs_in_its_name_only(task: Task, taken: set[str]) -> None:
    text = dump(task)
    again = parsed(drafts.duplicate(text, {*taken, task.name}))
    assert again.name not in {*taken, task.name}
    same(parsed(text), parsed(drafts.read(drafts.duplicate(text, taken)).put(
        "name", parsed(text).name
    ).text))  # fmt: skip


def test_names_count_up():
    text = "model: a/b\nengine: vllm\nname: chat-2\n"
    assert "name: chat-3\n" in drafts.duplicate(text, ["chat", "chat-2"])
    assert "name: chat-2\n" in drafts.duplicate(text, ["chat"])
    assert drafts.read(drafts.duplicate("model: org/b\nengine: vllm\n", ["b"])).get("name") == "b-2"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_people_wrote_stays_with_its_remarks(path: Path):
    text = path.read_text()
    draft = drafts.read(text)
    changed = draft.put("name", "other").put("budget", {"experiments": 3}).put("seed", 11)
    before, after = text.splitlines(), changed.text.splitlines()
    lost = [line for line in before if line not in after]
    assert all(line.startswith(("name:", "budget:", "seed:")) for line in lost), lost
    assert parsed(changed.text).budget.experiments == 3
    assert changed.put("seed", None).get("seed") is None


@pytest.mark.parametrize(
    "text",
    ["{model: a/b, engine: vllm}", "---\nmodel: a/b\nengine: vllm\n...\n", "engine: vllm\nmodel:\n"
     "  a/b\n\n# the end", "model: &m a/b\ntokenizer: *m\nengine: vllm", "\n# only this\n", ""],
)  # fmt: skip
def test_odd_texts_can_be_changed(text: str):
    draft = drafts.read(text).put("model", "c/d").put("engine", "sglang")
    assert draft.get("model") == "c/d"
    assert parsed(draft.text).engine == "sglang"
    if "tokenizer" in text:
        assert parsed(draft.text).tokenizer == "a/b"


@pytest.mark.parametrize("text", ["- a", "a: [", "42", "a: b\na: c", "a: \x07"])
def test_what_is_no_mapping_is_refused_in_one_line(text: str):
    with pytest.raises(InputError) as caught:
        drafts.read(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("the YAML:1:") or ":2:" in str(caught.value)


VALUES = SCALARS | st.none() | st.sampled_from([*ODD, "1..2", "64, 128", '{"a": [1, "x, y"]}'])


@example([0, ".."])
@given(VALUES | st.lists(VALUES, min_size=1, max_size=4))
def test_values_in_one_line_read_back(value: Any):
    line = notation.write(value)
    assert "\n" not in line
    assert repr(notation.read(line)) == repr(value)


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_refused_in_one_line(text: str):
    said = ""
    try:
        notation.read(text)
    except notation.NotationError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("256", 256),
        ("64, 128, 256", [64, 128, 256]),
        ("64,", [64]),
        ("true, false", [True, False]),
        ("64..512 log", {"low": 64, "high": 512, "log": True}),
        ("0.80 .. 0.95  step 0.05", {"low": 0.8, "high": 0.95, "step": 0.05}),
        ("32..1024 log points 5", {"low": 32, "high": 1024, "log": True, "points": 5}),
        ('{"level": 3, "sizes": [1, 2]}', '{"level": 3, "sizes": [1, 2]}'),
        ("auto, fp8", ["auto", "fp8"]),
        ("off", "off"),
    ],
)
def test_notation(text: str, value: Any):
    assert repr(notation.read(text)) == repr(value)
    assert repr(notation.read(notation.write(value))) == repr(value)


@pytest.mark.parametrize(
    "text", ["", "64..", "1..2 log 3", "1..5 step", "1..9 fast", "[1, 2", "a: [", "1..2, 3"]
)
def test_what_is_no_value(text: str):
    with pytest.raises(notation.NotationError):
        notation.read(text)


def test_ranges_mean_what_a_task_file_means_by_them():
    draft = drafts.read("model: sim-8b\nengine: simulated\n")
    form = form_of(draft)
    rows = (("max_num_seqs", "8..64 log points 3"), ("noise", "0.1..0.5 step 0.2"))
    draft, problems = applied(draft, Form(form.texts, {**form.rows, "parameters": rows}))
    assert not problems
    assert parsed(draft.text).parameters == {
        "max-num-seqs": Range(8, 64, log=True, points=3),
        "noise": Range(0.1, 0.5, step=0.2, integer=False),
    }


def test_rows_that_cannot_be_read_are_named_and_left_out():
    draft = drafts.read("model: a/b\nengine: vllm\nparameters: {dtype: auto}\n")
    form = form_of(draft)
    rows = (("dtype", "auto"), ("", "8"), ("block-size", ""), ("d", "1.."), ("Dtype", "x"),
            ("dtype", "x"), ("", ""))  # fmt: skip
    changed, problems = applied(draft, Form(form.texts, {**form.rows, "parameters": rows}))
    assert set(problems) == {f"parameters:{index}" for index in (1, 2, 3, 5)}
    assert "there twice" in problems["parameters:5"]
    assert changed.get("parameters") == {"dtype": "auto", "Dtype": "x"}


def test_an_empty_field_is_the_default():
    draft = drafts.read(
        "model: a/b\nengine: vllm\nworkload: {requests: 5, dataset: x.csv}\nbudget: {duration: 4h}"
    )
    form = form_of(draft)
    assert form.texts["workload.requests"] == "5"
    texts = {**form.texts, "workload.requests": "", "budget.duration": "", "deploy": "process"}
    changed, problems = applied(draft, Form(texts, form.rows))
    assert not problems
    assert changed.text == "model: a/b\nengine: vllm\nworkload:\n  dataset: x.csv\n"
    assert remaining(changed) == ("workload.dataset",)


def test_what_the_form_does_not_show_is_named():
    draft = drafts.read(EXAMPLES[-1].read_text())
    assert remaining(draft) == ("rules", "environment")
    assert remaining(draft.put("deploy", "docker")) == ("command", "rules", "environment")


def test_words_with_blanks_and_open_quotes():
    draft = drafts.read("model: a/b\nengine: vllm\n")
    form = form_of(draft)
    changed, _ = applied(draft, Form({**form.texts, "command": "'/a b/vllm' serve 8"}, form.rows))
    assert parsed(changed.text).command == ("/a b/vllm", "serve", "8")
    _, problems = applied(draft, Form({**form.texts, "command": "'/a b"}, form.rows))
    assert problems == {"command": "a quote is opened and not closed"}


def test_problems_find_their_field():
    draft = drafts.read("model: a/b\nengine: vllm\nparameters: {dtype: auto, max_num_seqs: 1}")
    form = form_of(draft)
    for line, field in (
        ("task:1:1: workload.requests: expected a whole number, got x", "workload.requests"),
        ("task:4:9: parameters.max-num-seqs.low: expected a number", "parameters:1"),
        ("task:4:9: parameters.max_num_seqs: expected", "parameters:1"),
        ("parameters.dtype: set by autotuner-tui; remove it", "parameters:0"),
        ("task:1:1: 'model' is required; write model: Qwen/Qwen3-8B", "model"),
        ("task:1:1: workload.scenarios[0]: unknown scenario", "workload.scenarios"),
        ("gpus: the baseline needs 2 GPUs and the task may use 1", "gpus"),
        ("rules: no configuration is left", ""),
        ("no idea", ""),
    ):
        assert placed(line, form)[0] == field, line


def test_values_that_do_not_fit_a_known_flag():
    rows = (("max-num-seqs", "64, many"), ("gpu_memory_utilization", "0.8..1.2"), ("unheard", "x"),
            ("dtype", "auto"), ("async-scheduling", ""))  # fmt: skip
    found = odd_values("vllm", rows)
    assert set(found) == {"parameters:0", "parameters:1"}
    assert "a whole number" in found["parameters:0"]


def test_an_empty_task_begins_with_flags_worth_trying():
    for engine in ("vllm", "sglang", "simulated"):
        draft = drafts.read("").put("model", "a/b").put("engine", engine)
        draft = draft.put("parameters", starter(engine))
        assert 2 <= len(parsed(draft.text).parameters) <= 4
        assert drafts.named(draft).get("name") == "b"
