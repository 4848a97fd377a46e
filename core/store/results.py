"""Questions to the results of a task, as SQL: order, filter, window, points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.store.columns import COLUMNS, GPUS, flag_path
from core.store.gpus import GpuCount
from core.store.rows import Row, failure_of, measurement_view
from core.store.views import Condition, Point, ResultQuery, ResultRow
from core.values import ExperimentState

# `chosen` counts an experiment's measurements in the order in which they were made.
_MEASURED = """ LEFT JOIN measurements m ON m.id = (
    SELECT id FROM (
        SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS place FROM measurements
        WHERE task = e.task AND number = e.number
    ) WHERE place = e.chosen)"""
_TEXT = """LOWER(e.state || IIF(e.baseline, ' baseline ', ' ') || COALESCE(
    json_extract(e.failure, '$.kind') || ' ' || json_extract(e.failure, '$.message'), ''))"""
_OPERATORS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LARGEST = 2**63

WINDOW = (
    f"""SELECT e.*, {GPUS} AS gpus FROM experiments e WHERE e.task = :task
    AND e.number IN (SELECT value FROM json_each(:numbers))""",
    """SELECT m.* FROM measurements m WHERE m.task = :task
    AND m.number IN (SELECT value FROM json_each(:numbers)) ORDER BY m.id""",
)
"""The experiments of a window, and everything measured on them."""

TOTAL = "SELECT COUNT(*) AS total FROM experiments WHERE task = :task"

POINTS = f"""SELECT e.number, e.state, e.baseline, e.parameters, e.score, e.feasible,
    e.ended, m.throughput, m.ttft_p95, m.tpot_p95, m.e2e_p95, m.concurrency, e.engine
    FROM experiments e{_MEASURED} WHERE e.task = :task ORDER BY e.number"""
"""What makes a Point, in the order of its fields."""


@dataclass(slots=True)
class Statement:
    """One query with its values. `measured`: it needs the measurement of the score."""

    sql: str = ""
    values: dict[str, object] = field(default_factory=dict)
    measured: bool = False

    def bind(self, value: object) -> str:
        """The mark that stands for a value, which never becomes part of the SQL."""
        name = f"v{len(self.values)}"
        self.values[name] = _bindable(value)
        return f":{name}"

    def expression(self, name: str) -> str:
        """A column's value, or else a flag's; NULL where an experiment has none."""
        column = COLUMNS.get(name)
        if column is None:
            return f"json_extract(e.parameters, {self.bind(flag_path(name))})"
        self.measured |= column.measured
        return column.sql


def order(task: str, query: ResultQuery) -> Statement:
    """The numbers of all experiments that meet the query, in its order."""
    statement = Statement(values={"task": task})
    conditions = [_condition(statement, one) for one in query.conditions]
    conditions += [_word(statement, word) for word in query.words if word]
    key = statement.expression(query.sort)
    where = "".join(f" AND {condition}" for condition in conditions)
    join = _MEASURED if statement.measured else ""
    direction = "DESC" if query.descending else "ASC"
    # A score that misses a limit is no competitor of one that keeps them all.
    missed = "e.feasible IS NOT 1" if query.sort == "score" else "0"
    statement.sql = (
        # Materialized: each key is computed once, however often it is compared.
        f"WITH keyed AS MATERIALIZED (SELECT e.number, {key} AS key, {missed} AS missed"
        f" FROM experiments e{join} WHERE e.task = :task{where}) SELECT number FROM keyed"
        f" ORDER BY key IS NULL, missed, key COLLATE NOCASE {direction}, number DESC"
    )
    return statement


def _condition(statement: Statement, condition: Condition) -> str:
    """SQL that is true or false, never NULL; `!=` holds wherever `=` does not."""
    if condition.operator not in _OPERATORS:
        raise ValueError(f"no operator: {condition.operator}")
    if condition.operator == "!=":
        same = Condition(condition.field, "=", condition.value)
        return f"NOT {_condition(statement, same)}"
    value = condition.value
    mark = statement.bind(_lower(value) if isinstance(value, str) else value)
    if isinstance(value, bool) and condition.field not in COLUMNS:
        path = statement.bind(flag_path(condition.field))
        # Not 1 and 0: a flag that is 1 is not switched on.
        type_is = f"json_type(e.parameters, {path}) = IIF({mark}, 'true', 'false')"
        return f"COALESCE({type_is}, 0)"
    found = statement.expression(condition.field)
    if isinstance(value, str):
        comparison = f"typeof({found}) = 'text' AND LOWER({found}) {condition.operator} {mark}"
    else:
        kinds = "('integer', 'real')"
        comparison = f"typeof({found}) IN {kinds} AND {found} {condition.operator} {mark}"
    return f"COALESCE({comparison}, 0)"


def _word(statement: Statement, word: str) -> str:
    """In the state, the failure or the flags; a flag may be spelled as on a command line."""
    mark = statement.bind(_lower(word))
    flag = statement.bind(_lower(word).removeprefix("--").replace("_", "-"))
    flags = "LOWER(e.parameters)"
    return f"(INSTR({_TEXT}, {mark}) OR INSTR({flags}, {mark}) OR INSTR({flags}, {flag}))"


def _bindable(value: object) -> object:
    """What SQLite takes: numbers of its size, text of whole characters."""
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return float("inf") if value > 0 else float("-inf")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


def _lower(text: str) -> str:
    """As SQLite's LOWER: ASCII letters alone, or others would never be found."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def result_rows(
    numbers: Sequence[int], experiments: list[Row], measured: list[Row]
) -> tuple[ResultRow, ...]:
    """The rows of a window, in the order of `numbers`."""
    own: dict[int, list[Row]] = {}
    for row in measured:
        own.setdefault(row["number"], []).append(row)
    found = {row["number"]: row for row in experiments}
    rows = (found[number] for number in numbers if number in found)
    return tuple(_result_row(row, own.get(row["number"], [])) for row in rows)


def _result_row(row: Row, measured: list[Row]) -> ResultRow:
    chosen = row["chosen"]
    known = chosen is not None and 0 <= chosen < len(measured)
    return ResultRow(
        **_common(row),
        failure=failure_of(row["failure"]),
        reason=row["reason"],
        started=row["started"],
        gpus=row["gpus"],
        measured=measurement_view(measured[chosen]) if known else None,
    )


def points(rows: list[Row], gpus: GpuCount) -> tuple[Point, ...]:
    """Work for a thread: ten thousand rows take a tenth of a second."""
    return tuple([_point(row, gpus) for row in rows])


def _point(row: Row, gpus: GpuCount) -> Point:
    number, state, baseline, text, score, feasible, ended, throughput, *others = row
    flags = json.loads(text)
    return Point(
        number,
        ExperimentState(state),
        bool(baseline),
        flags,
        score,
        None if feasible is None else bool(feasible),
        ended,
        throughput,
        None if throughput is None else throughput / gpus.of(row["engine"], flags),
        *others,
    )


def _common(row: Row) -> dict[str, Any]:
    return {
        "number": row["number"],
        "engine": row["engine"],
        "state": ExperimentState(row["state"]),
        "baseline": bool(row["baseline"]),
        "parameters": json.loads(row["parameters"]),
        "score": row["score"],
        "feasible": None if row["feasible"] is None else bool(row["feasible"]),
        "ended": row["ended"],
    }
