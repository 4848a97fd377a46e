"""The benchmark of strategies: any table by its mapping, the product's own strategies."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.search_run import SCENARIO, Play
from benchmarks.search_table import mapping, world
from core.search.simple import Grid
from core.values import InputError

ROOT = Path(__file__).resolve().parents[1]
MAPPING = """
parameters: {engine_kind: categorical, seqs: ordered}
load: users
status: {column: state, ok: [fine]}
metrics: {throughput: tok, ttft_mean: {column: ttft, unit: ms}}
cost: {start: 3m, measurement: 60s, crash: 90s}
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["engine_kind", "seqs", "users", "state", "tok", "ttft"])
        for kind in ("a", "b"):
            for seqs in (8, 64, 128):
                for users in (1, 4, 16, 64):
                    speed = math.log2(seqs) * (1.5 if kind == "b" else 1)
                    broken = kind == "b" and seqs == 128
                    write.writerow([kind, seqs, users, "oom" if broken else "fine",
                                    speed * users**0.8, 20 * users / speed])  # fmt: skip
    (tmp_path / "map.yaml").write_text(MAPPING)
    return path


def test_a_table_is_a_world(table: Path) -> None:
    found = world(table, mapping(table.parent / "map.yaml"), {"ttft_mean": 0.1})
    assert found.space.size == 6
    assert found.space.baseline.parameters == {"engine-kind": "a", "seqs": 8}
    assert found.optimum == pytest.approx(6 * 1.5 * 16**0.8)
    broken = found.space.configuration({"engine-kind": "b", "seqs": 128})
    assert not found.starts(broken)


def test_time_goes_by_what_things_cost(table: Path) -> None:
    found = world(table, mapping(table.parent / "map.yaml"), {"ttft_mean": 0.1})
    run = Play(found, Grid(found.space), 0.0, 0).run()
    assert len(run.trials) == 6
    assert (run.crashes, run.repeats) == (1, 0)
    first = run.trials[0].levels[SCENARIO]
    assert run.moments[0].at >= 180 + 60
    assert run.best(240 * 60) == pytest.approx(found.optimum)
    assert len(first) >= 2
    assert run.best(60) == 0.0


def test_the_command_prints_one_document(table: Path) -> None:
    command = [
        sys.executable, str(ROOT / "benchmarks" / "search.py"), str(table),
        str(table.parent / "map.yaml"), "--slo", "ttft_mean=100ms", "--strategy", "auto,tpe,random",
        "--seeds", "2", "--noise", "0.03", "--prior", str(table), "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=table.parent)
    shown = json.loads(done.stdout)
    assert set(shown) == {"auto", "tpe", "random"}
    assert shown["auto"]["at_240"]["median"] == pytest.approx(1.0)
    assert shown["auto"]["repeats"] == 0
    assert shown["auto"]["minutes_to_95"] < 240


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seqs: ordered", "seqs: sorted", "categorical or ordered"),
        ("load: users", "load: user", "no column user"),
        ("90s", "90", "no duration"),
        ("unit: ms", "unit: hours", "hours"),
    ],
)
def test_a_wrong_mapping_is_refused(table: Path, old: str, new: str, said: str) -> None:
    path = table.parent / "map.yaml"
    path.write_text(MAPPING.replace(old, new))
    with pytest.raises(InputError, match=said):
        world(table, mapping(path), {"ttft_mean": 0.1})
