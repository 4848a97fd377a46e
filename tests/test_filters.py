"""Filters as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store.columns import COLUMNS
from core.store.filters import parse
from core.store.views import Condition
from core.values import FailureKind, InputError, Scalar

FLAGS = (
    "tensor-parallel-size", "kv-cache-dtype", "max-num-seqs", "gpu-memory-utilization",
    "enable-prefix-caching",
)  # fmt: skip


def one(text: str) -> Condition:
    conditions, words = parse(text, FLAGS)
    assert words == ()
    (condition,) = conditions
    return condition


def test_conditions_and_words_stand_side_by_side():
    conditions, words = parse("ttft_p95<0.4 tp=2 fp8 'out of memory'", FLAGS)
    assert conditions == (
        Condition("ttft_p95", "<", 0.4),
        Condition("tensor-parallel-size", "=", 2),
    )
    assert words == ("fp8", "out of memory")
    assert parse("", FLAGS) == parse(" \t ", FLAGS) == ((), ())


@pytest.mark.parametrize(
    ("text", "field", "operator", "value"),
    [
        ("ttft_p95<0.4", "ttft_p95", "<", 0.4),
        ("ttft<=400ms", "ttft_p95", "<=", 0.4),
        ("TPOT-P99 > 30ms", "tpot_p99", ">", 0.03),
        ("e2e<1.5s", "e2e_p95", "<", 1.5),
        ("duration>2m", "duration", ">", 120),
        ("load==8", "concurrency", "=", 8),
        ("error_rate<57%", "error_rate", "<", 0.57),
        ("attainment>=.99", "attainment", ">=", 0.99),
        ("score>1e3", "score", ">", 1000),
        ("gpus=4", "gpus", "=", 4),
        ("#12", "number", "=", 12),
        ("#>12", "number", ">", 12),
        ("state=Failed", "state", "=", "failed"),
        ("failure!=oom-kv", "failure", "!=", "oom_kv"),
        ("slo=missed", "slo", "=", False),
        ("slo=met", "slo", "=", True),
        ("baseline=no", "baseline", "=", False),
        ("max_num_seqs>=128", "max-num-seqs", ">=", 128),
        ("--max-num-seqs>=128", "max-num-seqs", ">=", 128),
        ("seqs!=64", "max-num-seqs", "!=", 64),
        ("gpu-mem>90%", "gpu-memory-utilization", ">", 0.9),
        ("kv=fp8", "kv-cache-dtype", "=", "fp8"),
        ("kv='fp8'", "kv-cache-dtype", "=", "fp8"),
        ('kv="fp8', "kv-cache-dtype", "=", "fp8"),
        ('tp="2"', "tensor-parallel-size", "=", "2"),
        ("prefix=on", "enable-prefix-caching", "=", True),
        ("prefix!=false", "enable-prefix-caching", "!=", False),
        ("quant=awq", "quantization", "=", "awq"),
    ],
)
def test_a_condition_means(text: str, field: str, operator: str, value: Scalar):
    found = one(text)
    assert (found.field, found.operator, found.value) == (field, operator, value)
    assert isinstance(found.value, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ttft_95<1", "ttft_95: unknown column; did you mean ttft_p95?"),
        ("troughput>1", "troughput: unknown column; did you mean throughput?"),
        ("max-num-sequences=3", "max-num-sequences: unknown column; did you mean max-num-seqs?"),
        ("zebra=1", "zebra: unknown column; no column and no flag has this name"),
        ("state=fail", "state: 'fail' is not known; did you mean failed?"),
        ("failure=oom", "failure: 'oom' is not known; "),
        ("ttft=abc", "ttft_p95: 'abc' is not a time such as 0.4, 400ms or 1.5s"),
        ("ttft=5%", "ttft_p95: '5%' is not a time"),
        ("score=5ms", "score: '5ms' is not a number"),
        ("error_rate>1s", "error_rate: '1s' is not a share"),
        ("score>1e999", "score: '1e999' is not a number"),
        ("slo=maybe", "slo: 'maybe' is not met or missed"),
        ("state<failed", "state: cannot be compared with <, only with = or !="),
        ("tp=", "tp: a value is missing after ="),
        ("score>", "score: a value is missing after >"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, said: str):
    with pytest.raises(InputError) as error:
        parse(text, FLAGS)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_the_short_name_of_two_engines_is_the_flag_that_is_there():
    assert parse("tp=2", ("tp-size",))[0][0].field == "tp-size"
    assert parse("tp=2", ("tensor-parallel-size",))[0][0].field == "tensor-parallel-size"


def test_without_a_list_of_flags_only_what_resembles_a_name_is_refused():
    assert parse("rope-scaling=2")[0] == (Condition("rope-scaling", "=", 2),)
    with pytest.raises(InputError, match="did you mean ttft_p95"):
        parse("ttft_95<1")


def test_quoted_conditions_are_words():
    assert parse('"tp=2"', FLAGS) == ((), ("tp=2",))
    assert parse("=2 <x", FLAGS) == ((), ("=2", "<x"))


SPICY = st.text(
    st.one_of(st.sampled_from("=!<>\"' #-_.%0123456789metpfslo\t\n"), st.characters()), max_size=60
)
LIKELY = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from([*COLUMNS, *FLAGS, "tp", "kv", "ttft", "load", "#", "x"]),
        st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">=", " = ", "<>"]),
        st.one_of(SPICY, st.sampled_from(["1", "0.5", "40ms", "1%", "met", *FailureKind])),
    ),
    max_size=4,
).map(" ".join)


@given(st.one_of(SPICY, LIKELY), st.one_of(st.none(), st.lists(SPICY, max_size=3)))
def test_any_text_is_understood_or_refused_in_one_line(text: str, fields: list[str] | None):
    try:
        conditions, words = parse(text, fields)
    except InputError as error:
        refusal = str(error)
        conditions, words = (), ()
    else:
        refusal = ""
    assert len(refusal) < 700
    assert not refusal or refusal.isprintable()
    assert all(words)
    assert all(one.operator in {"=", "!=", "<", "<=", ">", ">="} for one in conditions)
