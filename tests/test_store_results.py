"""Results out of SQL: the same rows, in the same order, as a plain reading would give."""

import asyncio
import operator
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.registry import find
from core.metrics import Measurement
from core.paths import Home
from core.store.columns import COLUMNS
from core.store.filters import parse
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import Condition, ExperimentView, ResultQuery
from core.values import Configuration, ExperimentState, InputError, Scalar
from tests.big_journal import fill

T = TypeVar("T")
COUNT = 120
FLAGS = (
    "enable-prefix-caching", "gpu-memory-utilization", "kv-cache-dtype",
    "max-num-batched-tokens", "max-num-seqs", "tensor-parallel-size",
)  # fmt: skip
NEWEST = ResultQuery()
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str]:
    """A finished task that the tests of this module only read."""
    home = Home(tmp_path_factory.mktemp("results"))
    return home, fill(home, COUNT, running=True)


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home(tmp_path / "own").create()


def read(home: Home, work: Callable[[Reader], Awaitable[T]]) -> T:
    async def reading() -> T:
        async with Reader.open(home) as reader:
            return await work(reader)

    return asyncio.run(reading())


@pytest.fixture(scope="module")
def views(journal: tuple[Home, str]) -> tuple[ExperimentView, ...]:
    """The same task, read as a whole."""
    home, task = journal
    detail = read(home, lambda reader: reader.detail(task))
    assert detail is not None
    return detail.experiments


def measured(view: ExperimentView) -> Measurement | None:
    return None if view.chosen is None else view.measurements[view.chosen].data


def value(view: ExperimentView, name: str) -> Scalar | None:
    """What a column or flag is, from the plain view of an experiment."""
    data, gpus = measured(view), find("vllm").gpus(Configuration.of("vllm", view.parameters))
    plain: dict[str, Scalar | None] = {
        "number": view.number, "engine": view.engine, "state": view.state,
        "baseline": view.baseline,
        "score": view.score, "slo": view.feasible, "started": view.started,
        "ended": view.ended, "failure": view.failure.kind if view.failure else None,
        "gpus": gpus, "per_gpu": data.throughput / gpus if data and data.throughput else None,
    }  # fmt: skip
    if name in plain:
        return plain[name]
    if name not in COLUMNS:
        return view.parameters.get(name)
    if data is None:
        return None
    metric, _, stat = name.partition("_")
    if metric in ("ttft", "tpot", "e2e"):
        found: float | None = getattr(getattr(data, metric), stat)
        return found
    single: float | None = getattr(data, name)
    return single


def in_order(found: tuple[ExperimentView, ...], query: ResultQuery) -> list[int]:
    known = [view for view in found if value(view, query.sort) is not None]
    known.sort(key=lambda view: -view.number)
    known.sort(key=lambda view: value(view, query.sort), reverse=query.descending)  # type: ignore[arg-type, return-value]
    if query.sort == "score":
        known.sort(key=lambda view: view.feasible is not True)
    # Python keeps the order of equals in either direction.
    rest = [view for view in found if value(view, query.sort) is None]
    return [v.number for v in known] + [v.number for v in sorted(rest, key=lambda v: -v.number)]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("name", [*COLUMNS, *FLAGS, "no-such-flag"])
def test_sorting_by_any_column_puts_what_is_missing_last(
    journal: tuple[Home, str], views: tuple[ExperimentView, ...], name: str, descending: bool
):
    home, task = journal
    query = ResultQuery(name, descending)
    page = read(home, lambda reader: reader.results(task, query, 0, COUNT))
    assert [row.number for row in page.rows] == in_order(views, query)
    assert (page.offset, page.matching, page.total) == (0, COUNT, COUNT)


def test_windows_put_together_are_the_table(
    journal: tuple[Home, str], views: tuple[ExperimentView, ...]
):
    home, task = journal
    query = ResultQuery("ttft_p95", False)

    async def windows(reader: Reader) -> list[int]:
        pages = [await reader.results(task, query, at, 50) for at in range(0, COUNT + 50, 50)]
        assert [len(page.rows) for page in pages] == [50, 50, 20, 0]
        assert {(page.matching, page.total) for page in pages} == {(COUNT, COUNT)}
        return [row.number for page in pages for row in page.rows]

    numbers = read(home, windows)
    assert numbers == in_order(views, query)


def test_a_row_says_what_its_experiment_says(
    journal: tuple[Home, str], views: tuple[ExperimentView, ...]
):
    home, task = journal
    page = read(home, lambda reader: reader.results(task, NEWEST, 0, COUNT))
    by_number = {view.number: view for view in views}
    assert {row.state for row in page.rows} >= {
        ExperimentState.SUCCEEDED, ExperimentState.INFEASIBLE, ExperimentState.FAILED,
        ExperimentState.BENCHMARKING,
    }  # fmt: skip
    for row in page.rows:
        view = by_number[row.number]
        shared = ("state", "baseline", "parameters", "score", "feasible", "failure", "reason",
                  "started", "ended")  # fmt: skip
        assert [getattr(row, name) for name in shared] == [getattr(view, n) for n in shared]
        data = measured(view)
        assert (row.measured.data if row.measured else None) == data
        assert row.gpus == view.parameters.get("tensor-parallel-size", 1)


def meets(view: ExperimentView, condition: Condition) -> bool:
    found = value(view, condition.field)
    same_kind = found is not None and isinstance(found, str) == isinstance(condition.value, str)
    if isinstance(condition.value, bool):
        same_kind = isinstance(found, bool)
    if not same_kind:
        return condition.operator == "!="
    wanted = condition.value
    if isinstance(wanted, str):
        found, wanted = str(found).lower(), wanted.lower()
    return OPERATORS[condition.operator](found, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "ttft_p95<0.3",
        "ttft_p95>=300ms tp=2",
        "tp!=2",
        "kv=FP8",
        "kv!=fp8",
        "prefix=on",
        "prefix!=on",
        "prefix=off seqs>=128",
        "gpu-mem>90%",
        "state=failed",
        "failure=oom_kv",
        "failure!=oom_kv",
        "slo=missed",
        "slo!=missed",
        "baseline=yes",
        "gpus=4 per_gpu>100",
        "error_rate>0",
        "#7",
        "kv=2",
        "seqs=many",
        "load=64 score>500 tp<4",
    ],
)
def test_conditions_leave_what_meets_all_of_them(
    journal: tuple[Home, str], views: tuple[ExperimentView, ...], text: str
):
    home, task = journal
    conditions, words = parse(text, FLAGS)
    query = ResultQuery("number", False, conditions, words)
    page = read(home, lambda reader: reader.results(task, query, 0, COUNT))
    found = [v.number for v in views if all(meets(v, one) for one in conditions)]
    assert [row.number for row in page.rows] == found
    assert (page.matching, page.total) == (len(found), COUNT)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("fp8", lambda v: v.parameters.get("kv-cache-dtype") == "fp8"),
        ("FP8 failed", lambda v: v.parameters.get("kv-cache-dtype") == "fp8" and v.failure),
        ("'6.1 free'", lambda v: v.failure and "6.1 free" in v.failure.message),
        ("oom_kv", lambda v: v.failure and v.failure.kind == "oom_kv"),
        ("--max_num_seqs", lambda v: "max-num-seqs" in v.parameters),
        ("baseline", lambda v: v.baseline),
        ("100%", lambda v: False),
        ("_", lambda v: v.failure and "_" in v.failure.kind),
    ],
)
def test_words_are_found_in_flags_state_and_failure(
    journal: tuple[Home, str],
    views: tuple[ExperimentView, ...],
    text: str,
    kept: Callable[[ExperimentView], object],
):
    home, task = journal
    query = ResultQuery("number", False, *parse(text, FLAGS))
    page = read(home, lambda reader: reader.results(task, query, 0, COUNT))
    found = {row.number for row in page.rows}
    expected = {view.number for view in views if kept(view)}
    # An underscore also stands for a dash in flags, which every experiment has.
    assert found == expected if text != "_" else found >= expected


def test_true_is_not_one(own: Home):
    """Neither for the journal nor for what the reader keeps of its last answers."""

    async def written() -> None:
        async with Journal.open(own.database) as journal:
            fill(own, 0)
            values: tuple[Scalar, ...] = (True, 1, "true")
            for number, x in enumerate(values):
                configuration = Configuration.of("vllm", {"x": x, "n": number})
                await journal.add_experiment(
                    "b1600000", number, configuration, baseline=False, reason=""
                )
        async with Reader.open(own) as reader:
            asked: tuple[tuple[Scalar, list[int]], ...] = (
                (1, [0, 1]), (True, [0]), ("TRUE", [2]),
            )  # fmt: skip
            for wanted, numbers in asked:
                query = ResultQuery("number", False, (Condition("x", "=", wanted),))
                page = await reader.results("b1600000", query, 0, 9)
                assert [row.number for row in page.rows] == numbers

    asyncio.run(written())


NAMES = st.one_of(
    st.sampled_from([*COLUMNS, *FLAGS]),
    st.text(max_size=12),
    st.sampled_from(["x\"') OR 1=1 --", "$", "'; DROP TABLE experiments; --", "a\0b", "\\", "#-1"]),
)
VALUES: st.SearchStrategy[Scalar] = st.one_of(
    st.text(st.characters(), max_size=8), st.booleans(), st.integers(), st.floats()
)
CONDITIONS = st.builds(Condition, NAMES, st.sampled_from([*OPERATORS]), VALUES)
QUERIES = st.builds(
    ResultQuery, NAMES, st.booleans(), st.lists(CONDITIONS, max_size=3).map(tuple),
    st.lists(st.text(st.characters(), max_size=6), max_size=2).map(tuple),
)  # fmt: skip


@given(QUERIES, st.integers(-3, 130), st.integers(-3, 130))
def test_any_query_runs_and_its_pages_agree_with_its_places(
    journal: tuple[Home, str], query: ResultQuery, offset: int, limit: int
):
    home, task = journal

    async def asked(reader: Reader) -> None:
        page = await reader.results(task, query, offset, limit)
        assert page.total == COUNT
        assert len(page.rows) == max(0, min(limit, page.matching - page.offset))
        for place, row in list(enumerate(page.rows, page.offset))[:3]:
            assert await reader.place(task, query, row.number) == place

    read(home, asked)


@given(st.lists(st.sampled_from("ttft tp kv = != < 0.4 2 400ms 1% fp8 met slo \"' #3 x".split())))
def test_whatever_parses_runs(journal: tuple[Home, str], parts: list[str]):
    home, task = journal
    try:
        conditions, words = parse("".join(parts))
    except InputError:
        return
    query = ResultQuery("score", True, conditions, words)
    page = read(home, lambda reader: reader.results(task, query, 0, 5))
    assert page.total == COUNT


def test_a_place_is_the_row_or_nothing(journal: tuple[Home, str]):
    home, task = journal
    failed = ResultQuery("number", True, (Condition("state", "=", "failed"),))

    async def places(reader: Reader) -> list[int | None]:
        return [
            await reader.place(task, NEWEST, COUNT - 1),
            await reader.place(task, NEWEST, 0),
            await reader.place(task, NEWEST, COUNT),
            await reader.place(task, failed, 0),
            await reader.place("unknown", NEWEST, 0),
        ]

    assert read(home, places) == [0, COUNT - 1, None, None, None]


def test_an_unknown_operator_is_a_mistake_of_the_program(journal: tuple[Home, str]):
    home, task = journal
    query = ResultQuery(conditions=(Condition("score", "; DROP", 1),))
    with pytest.raises(ValueError, match="no operator"):
        read(home, lambda reader: reader.results(task, query, 0, 1))


def test_points_are_the_experiments_by_number(
    journal: tuple[Home, str], views: tuple[ExperimentView, ...]
):
    home, task = journal
    points = read(home, lambda reader: reader.points(task))
    for point, view in zip(points, views, strict=True):
        for name in ("number", "state", "baseline", "parameters", "score", "feasible", "ended"):
            assert getattr(point, name) == getattr(view, name)
        figures = ("throughput", "ttft_p95", "tpot_p95", "e2e_p95", "concurrency", "per_gpu")
        assert [getattr(point, n) for n in figures] == [value(view, n) for n in figures]


def test_one_experiment_is_the_one_of_the_detail(
    journal: tuple[Home, str], views: tuple[ExperimentView, ...]
):
    home, task = journal
    for number in (0, 1, COUNT - 1):
        found = read(home, lambda reader, n=number: reader.experiment(task, n))  # type: ignore[misc]
        assert found == views[number]
    assert read(home, lambda reader: reader.experiment(task, COUNT)) is None
