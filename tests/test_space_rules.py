"""Rules: what they may say, and that nothing else gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.space.rules import compile_rule
from core.values import InputError, Scalar

NAMES = {name: name for name in ("a", "b", "a-b", "max-num-seqs", "kv.dtype")} | {
    "tp": "tensor-parallel-size"
}


def allows(text: str, **values: object) -> bool:
    point = {name.replace("_", "-"): value for name, value in values.items()}
    return compile_rule(text, NAMES).allows(point)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 1", True),
        ("a > b", False),
        ("a + b * 2 == 8", True),
        ("b / a == 1.5 and b // a == 1", True),
        ("-a < 0 and +a > 0", True),
        ("b % a == 1", True),
        ("not (a > 1 or b > 1)", False),
        ("1 < a < b <= 3", True),
        ("a in [1, 2] and b not in (1, 2)", True),
        ("a-b == 7", True),
        ("a_b == 7", True),
        ("a - b == -1", True),
        ("max-num-seqs-1 == 63", True),
        ("max_num_seqs == 64", True),
        ("tp == 4", True),
    ],
)
def test_what_a_rule_says(text: str, expected: bool) -> None:
    point = {"a": 2, "b": 3, "a_b": 7, "max-num-seqs": 64, "tensor_parallel_size": 4}
    assert allows(text, **point) is expected


def test_texts_and_booleans() -> None:
    assert allows("a == 'fp8' and b == true", a="fp8", b=True)
    assert not allows("a == 'a-b'", a="fp8")
    assert allows("a == 'a-b'", a="a-b")
    assert allows("not b", b=False)
    assert compile_rule("kv.dtype in ['fp8']", NAMES).allows({"kv.dtype": "fp8"})


def test_a_rule_over_what_is_not_set_does_not_apply() -> None:
    assert allows("a > 5 and b > 5", a=1)
    assert allows("a > 5", a=None)


def test_a_text_where_a_number_is_needed_does_not_apply() -> None:
    assert allows("a > 5", a="auto")
    assert allows("a * 2 == 1", a="auto")


@pytest.mark.parametrize("text", ["a / b > 1", "a // b > 1", "a % b > 1"])
def test_division_by_zero_does_not_hold(text: str) -> None:
    assert not allows(text, a=1, b=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not an expression"),
        ("a >", "not an expression"),
        ("a = 1", "'==' compares"),
        ("a > 1; b > 1", "not an expression"),
        ("max_num_sequences > 1", "did you mean 'max-num-seqs'?"),
        ("max_num_sequs > 1", "did you mean"),
        ("1 < 2", "names no parameter"),
        ("a + b", "a rule compares"),
        ("a ** 9999999999 > 1", "'a ** 9999999999' cannot be used"),
        ("a << 9 > 1", "cannot be used"),
        ("__import__('os').system('x') == a", "cannot be used"),
        ("a.__class__ == 1", "'a.__class__' cannot be used"),
        ("[x for x in a] == 1", "cannot be used"),
        ("(lambda: a)() == 1", "cannot be used"),
        ("a is 1", "write =="),
        ("a in 'text'", "'in' takes a list"),
        ("~a == 1", "'~' cannot be used"),
        ("f'{a}' == 1", "cannot be used"),
        ("a == None", "'None' cannot be used"),
        ("-" * 200 + "a > 1", "nested too deeply"),
        ("(" * 300 + "a", "not an expression"),
        ("a > 1 and " * 200 + "a > 1", "longer than 1000 characters"),
    ],
)
def test_anything_else_is_refused_with_its_text(text: str, expected: str) -> None:
    with pytest.raises(InputError, match=r'^rules: "') as caught:
        compile_rule(text, NAMES)
    assert expected in str(caught.value)
    assert text[:20] in str(caught.value)
    assert "\n" not in str(caught.value)


NAMED = ["a", "b", "a-b", "max_num_seqs", "tp", "_p0"]
CONSTANTS = ["1", "0", "2.5", "1e308", "'x'", "true", "9" * 30]
OPERATORS = ["+", "-", "*", "/", "//", "%", "<", ">=", "==", "!=", "in", "not", "and", "or"]
FOREIGN = ["is", "(", ")", "[", "]", ",", "**", "<<", ".", "if", "else", "lambda", ":", "\n", "#"]
PIECES = st.sampled_from([*NAMED, *CONSTANTS, *OPERATORS, *FOREIGN])
VALUES = st.sampled_from([None, 0, 1, -3, 2.5, 1e308, True, False, "", "x", 2**62])


@given(
    st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=20),
    st.dictionaries(st.sampled_from(sorted(NAMES.values())), VALUES),
)
def test_wild_rules_are_refused_or_answer(text: str, point: dict[str, object]) -> None:
    try:
        rule = compile_rule(text, NAMES)
    except InputError as error:
        problem: str | None = str(error)
    else:
        problem = None
        assert rule.allows(point) in {True, False}  # type: ignore[arg-type]
    assert problem is None or "\n" not in problem


def test_a_rule_over_a_parameter_that_is_not_set_does_not_apply() -> None:
    assert compile_rule("nope > max_num_seqs", NAMES).allows({"max-num-seqs": 1})
    assert compile_rule("max_num_batched_tokens >= a", NAMES).allows({"a": 10**9})


# facts, and rules as conditions


KNOWN = {"gpus": 4, "heads": 32, "context": None, "quantized": False, "tp": 1}


@pytest.mark.parametrize(
    ("text", "allowed", "holds"),
    [
        ("a * gpus <= 8", True, True),
        ("heads % a == 0 and gpus > 4", False, False),
        ("a <= context", True, False),
        ("quantized == 'awq' or a == 2", True, True),
        ("not quantized and gpus == 4", True, True),
        ("b > 1", True, False),
        ("a + kv.dtype > 1", True, False),
        ("a / (b - b) > 1", True, False),
        ("a / 0 > 1", False, False),
    ],
)
def test_rules_and_conditions_over_facts(text: str, allowed: bool, holds: bool) -> None:
    rule = compile_rule(text, NAMES, KNOWN)
    point: dict[str, Scalar | None] = {"a": 2, "kv.dtype": "auto"}
    assert (rule.allows(point), rule.holds(point)) == (allowed, holds)


def test_a_parameter_hides_a_fact_of_its_name_and_a_flag_is_not_cut() -> None:
    named = {"context": "context", "gpu-memory-utilization": "gpu-memory-utilization"}
    known = {"context": 5, "gpu_memory": 80.0}
    assert not compile_rule("context > 1", named, known).allows({"context": 1})
    rule = compile_rule("gpu-memory-utilization > 0.5", named, known)
    assert rule.names == {"gpu-memory-utilization"}
    with pytest.raises(InputError, match="did you mean 'gpu_memory'"):
        compile_rule("gpu_memori > 1", named, known)
    with pytest.raises(InputError, match=r'^parameters.x.when: "context >": not an'):
        compile_rule("context >", named, known, place="parameters.x.when")


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["auto", "2"]))


@given(
    st.sampled_from(["a > b", "a + 1 == heads", "not a", "a in [1, 'auto']", "b / a > gpus"]),
    st.fixed_dictionaries({"a": VALUES, "b": VALUES}),
    st.fixed_dictionaries({"heads": VALUES, "gpus": VALUES}),
)
def test_what_holds_is_allowed(
    text: str, point: dict[str, object], known: dict[str, object]
) -> None:
    rule = compile_rule(text, NAMES, known)  # type: ignore[arg-type]
    assert rule.allows(point) >= rule.holds(point)  # type: ignore[arg-type]
    if all(point[name] is not None for name in "ab") and None not in known.values():
        return
    if any(point.get(name) is None for name in rule.names):
        assert rule.allows(point)  # type: ignore[arg-type]
        assert not rule.holds(point)  # type: ignore[arg-type]
