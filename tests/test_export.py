"""Results as others read them."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.words import duration, summary
from core.export.document import document
from core.export.files import file_name, write
from core.export.table import csv_text, text_table, varying
from core.paths import Home
from core.values import AutotunerError, ExperimentState, Failure, FailureKind
from tests.control_desk import TASK, office
from tests.samples import DETAIL


def test_the_document_is_json_and_keeps_the_contract():
    shown = json.loads(json.dumps(document(DETAIL)))
    assert shown["task"]["best"] == 1
    assert shown["task"]["verdict"]["kind"] == "unconfirmed"
    failed = shown["experiments"][3]
    assert failed["score"] is None
    assert failed["failure"]["kind"] == "oom_kv"
    assert {"kind", "message", "line", "advice"} <= set(failed["failure"])
    measured = shown["experiments"][2]["measurements"][0]
    assert measured["breaches"] == ["ttft_p95 0.7 s > 0.5 s"]
    assert {
        "start", "purpose", "scenario", "concurrency", "throughput", "total_throughput",
        "requests", "errors", "error_rate", "input_tokens", "output_tokens", "duration",
        "feasible", "breaches", "low_n", "client_bound", "failure", "ttft", "tpot", "e2e",
    } <= set(measured)  # fmt: skip


def test_csv_has_a_row_for_each_measurement_and_each_failure():
    rows = list(csv.DictReader(io.StringIO(csv_text(DETAIL))))
    assert [row["experiment"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["best"] for row in rows] == ["False", "True", "False", "False"]
    assert rows[3]["failure"] == "oom_kv"
    assert rows[3]["throughput"] == ""
    assert {row["simulated"] for row in rows} == {"True"}
    assert rows[1]["max-num-seqs"] == "32"


def test_only_flags_that_vary_have_a_column():
    assert varying(DETAIL.experiments) == ("max-num-seqs",)


def test_the_table_lines_up_and_marks_what_matters():
    lines = text_table(DETAIL).splitlines()
    head = lines[0]
    assert "score tok/s" in head
    ends = {line.index(text) + len(text) for line, text in zip(
        lines[1:4], ["700.0", "1000.0", "1100.0"], strict=True)}  # fmt: skip
    assert ends == {head.index("score tok/s") + len("score tok/s")}
    assert "baseline" in lines[1]
    assert "best" in lines[2]
    assert "ttft_p95" in lines[3]
    assert "oom_kv" in lines[4]


def test_the_summary_labels_simulated_numbers():
    said = summary(DETAIL)
    assert "simulated" in said
    assert "+42.9%" in said
    assert "unconfirmed" in said
    none = replace(DETAIL, task=replace(DETAIL.task, best=None))
    assert "no configuration met the limits" in summary(none)


def test_durations():
    assert [duration(s) for s in (0.84, 41, 192, 6600)] == ["0.8s", "41s", "3m12s", "1h50m"]


# files


def test_a_file_is_named_after_its_task():
    assert file_name(DETAIL.task, "csv") == "demo.csv"
    assert file_name(DETAIL.task, "json") == "demo.json"
    assert file_name(DETAIL.task, "command") == "demo-command.sh"
    with pytest.raises(AutotunerError, match="'exe' is not one of command, csv, json"):
        file_name(DETAIL.task, "exe")


@given(st.text(max_size=120))
def test_any_name_makes_a_plain_file_name(name: str):
    made = file_name(replace(DETAIL.task, name=name), "csv")
    assert made.endswith(".csv")
    assert not made.startswith((".", "-"))
    assert "/" not in made
    assert made.isprintable()
    assert len(made.encode()) <= 200


async def test_files_are_private_and_never_overwritten(tmp_path: Path):
    text = TASK.replace("name: demo", "name: 'two words'")
    secret = "hf_verysecret"
    async with office(Home(tmp_path / "home"), text, HF_TOKEN=secret, PATH="/bin") as desk:
        await desk.tried(0)
        await desk.tried(1, {"max-num-seqs": 8}, failed=True)
        leak = Failure(FailureKind.CRASH, "crashed", text=f"token {secret} was refused")
        await desk.journal.set_experiment("t1", 1, ExperimentState.FAILED, failure=leak)
        await desk.journal.set_best("t1", 0, None)
        folder = tmp_path / "exports"
        made = [
            await write(desk.home, desk.reader, "t1", kind, folder)
            for kind in ("command", "csv", "json", "csv", "csv")
        ]
        assert [path.name for path in made] == [
            "two-words-command.sh", "two-words.csv", "two-words.json", "two-words-2.csv",
            "two-words-3.csv",
        ]  # fmt: skip
        for path in made:
            assert path.stat().st_mode & 0o777 == 0o600
            assert secret not in path.read_text()
        script = made[0].read_text().splitlines()
        assert script[0] == "#!/bin/sh"
        assert "simulated" in script[1]
        assert "--max-model-len 2048" in script[2]
        shown = json.loads(made[2].read_text())
        assert shown["experiments"][1]["failure"]["text"] == "token ••• was refused"
        assert made[1].read_text() == made[3].read_text()


async def test_what_cannot_be_exported_is_said(tmp_path: Path):
    async with office(Home(tmp_path / "home")) as desk:
        with pytest.raises(AutotunerError, match="no task 'x'"):
            await write(desk.home, desk.reader, "x", "csv", tmp_path)
        with pytest.raises(AutotunerError, match="no configuration met the limits"):
            await write(desk.home, desk.reader, "t1", "command", tmp_path)
        (tmp_path / "file").write_text("")
        with pytest.raises(AutotunerError, match="cannot be written"):
            await write(desk.home, desk.reader, "t1", "csv", tmp_path / "file")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home"]
