"""Results as others read them."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.words import summary
from core.export.document import document
from core.export.figures import duration, excess, met
from core.export.files import file_name, text, write
from core.export.spreadsheet import csv_text
from core.export.table import text_table, varying
from core.paths import Home
from core.store.views import VerdictView
from core.values import AutotunerError, ExperimentState, Failure, FailureKind
from tests.control_desk import TASK, office
from tests.samples import ASKED, CONFIRMED, DETAIL, SLOW, confirmed, hopeless, judged


def test_the_document_is_json_and_keeps_the_contract():
    shown = json.loads(json.dumps(document(DETAIL, ASKED)))
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
    assert shown["task"]["closest"] == []
    assert shown["experiments"][1]["confirmed"] is None


def test_the_document_has_the_verdict_and_what_was_confirmed():
    shown = json.loads(json.dumps(document(CONFIRMED, ASKED)))
    assert shown["task"]["verdict"] == {
        "kind": "winner", "delta": 0.38, "interval": [0.35, 0.412], "repeats": 3,
        "confidence": 0.95, "tied": [], "note": "",
    }  # fmt: skip
    best = shown["experiments"][1]
    assert best["score"] == 1005.0  # of the search; the mean of the repeats is beside it
    assert best["confirmed"]["score"] == pytest.approx(966.0)
    assert best["confirmed"]["values"] == [960.0, 970.0, 968.0]
    pooled = best["confirmed"]["measurements"][0]
    assert set(pooled) == set(best["measurements"][0])
    assert (pooled["purpose"], pooled["requests"], pooled["low_statistics"]) == (
        "confirm",
        1200,
        [],
    )
    by_load = {(m["concurrency"], m["turn"], m["purpose"]): m for m in best["measurements"]}
    second = by_load[32, 2, "search"]
    assert (second["client_lag"], second["short"], second["cache_reset"]) == (0.0123, 3, None)
    assert by_load[8, 1, "search"]["low_statistics"] == ["p99"]
    assert by_load[256, 1, "search"]["saturated"] is True
    assert by_load[16, 1, "search"]["stopped"] == "no steady window"
    assert by_load[512, 1, "search"]["low_statistics"] == ["p90", "p95", "p99"]


def test_an_interval_without_an_end_is_no_json():
    endless = judged(DETAIL, "unconfirmed", delta=0.1, interval=(-1.0, float("inf")))
    shown = document(endless, ASKED)["task"]["verdict"]
    assert (shown["delta"], shown["interval"]) == (0.1, None)


def test_the_document_says_what_comes_closest_with_each_gap():
    shown = document(hopeless(DETAIL), ASKED)["task"]["closest"]
    assert [one["number"] for one in shown] == [0, 1, 2]
    assert shown[0]["violation"] == pytest.approx(0.38)
    assert shown[0]["gaps"]["ttft_p95"] == pytest.approx(
        {"value": 0.69, "limit": 0.5, "excess": 0.38}
    )
    assert shown[0]["gaps"]["error_rate"]["excess"] == -1.0
    assert document(hopeless(DETAIL), None)["task"]["closest"] == []


def test_repeats_decide_what_comes_closest():
    found = hopeless(DETAIL)
    missed = confirmed(8, 900.0, ttft=replace(SLOW, p95=0.51))
    missed = replace(missed, feasible=False, measurements=(
        replace(missed.measurements[0], feasible=False, breaches=("ttft_p95 0.51 s > 0.5 s",)),
    ))  # fmt: skip
    experiments = list(found.experiments)
    experiments[2] = replace(DETAIL.experiments[2], confirmed=missed)
    shown = document(replace(found, experiments=tuple(experiments)), ASKED)["task"]["closest"]
    assert shown[0]["number"] == 2
    assert shown[0]["violation"] == pytest.approx(0.02)


def test_csv_has_a_row_for_each_measurement_and_each_failure():
    rows = list(csv.DictReader(io.StringIO(csv_text(DETAIL))))
    assert [row["experiment"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["best"] for row in rows] == ["False", "True", "False", "False"]
    assert rows[3]["failure"] == "oom_kv"
    assert rows[3]["throughput"] == ""
    assert {row["simulated"] for row in rows} == {"True"}
    assert rows[1]["max-num-seqs"] == "32"
    assert {row["verdict"] for row in rows} == {"unconfirmed"}
    assert {row["verdict_low"] for row in rows} == {""}


def test_each_row_of_a_csv_has_the_verdict_with_its_interval():
    rows = list(csv.DictReader(io.StringIO(csv_text(CONFIRMED))))
    told = {
        (row["verdict"], row["verdict_delta"], row["verdict_low"], row["verdict_high"],
         row["verdict_repeats"])
        for row in rows
    }  # fmt: skip
    assert told == {("winner", "0.38", "0.35", "0.412", "3")}
    own = [row for row in rows if row["experiment"] == "1"]
    assert len(own) == len(CONFIRMED.experiments[1].measurements)
    assert {row["confirmed_score"] for row in own} == {"966.0"}
    assert {row["repeats"] for row in own} == {"3"}
    assert own[0]["low_statistics"] == "p99"
    assert own[2]["saturated"] == "True"
    assert own[3]["measurement_failure"] == "bench_errors"


def test_only_flags_that_vary_have_a_column():
    assert varying(DETAIL.experiments) == ("max-num-seqs",)


def test_the_table_lines_up_and_marks_what_matters():
    lines = text_table(DETAIL, ASKED).splitlines()
    head = lines[0]
    assert "score tok/s" in head
    ends = {line.index(text) + len(text) for line, text in zip(
        lines[1:4], ["700.0", "1000.0", "1100.0"], strict=True)}  # fmt: skip
    assert ends == {head.index("score tok/s") + len("score tok/s")}
    assert "baseline" in lines[1]
    assert "best" in lines[2]
    assert "ttft_p95" in lines[3]
    assert "oom_kv" in lines[4]
    assert "repeats" not in head
    assert len(lines) == 5  # nothing rests on too few requests


def test_the_table_shows_repeats_and_the_share_that_met_every_limit():
    head, baseline, best, *_ = text_table(judged(CONFIRMED, "tie", tied=(0,)), ASKED).splitlines()
    assert "repeats" in head
    assert "SLO met" in head
    assert "tied with the best · baseline" in baseline
    assert best.split() == ["1", "32", "966.0", "3", "966.0", "400.0", "25.0", "–", "32", "best"]
    assert "SLO met" not in text_table(CONFIRMED, None)


def test_percentiles_of_too_few_requests_are_marked():
    few = replace(DETAIL.experiments[1].measurements[0].data, requests=39, attainment=0.9996)
    view = replace(DETAIL.experiments[1].measurements[0], data=few)
    detail = replace(DETAIL, experiments=(
        DETAIL.experiments[0], replace(DETAIL.experiments[1], measurements=(view,)),
    ))  # fmt: skip
    lines = text_table(detail, ASKED).splitlines()
    assert "400.0* " in lines[2]
    assert "99.9 %" in lines[2]  # not all of them
    assert "*" not in lines[1]
    assert lines[1].index("400.0") == lines[2].index("400.0")
    assert lines[-1] == "* low n: fewer than 40 requests stand behind this p95"


def test_the_summary_labels_simulated_numbers():
    said = summary(DETAIL, ASKED)
    assert "unconfirmed: measured once, #1 looks 43 % better than the baseline" in said
    assert "best: #1 with 1000.0 tok/s (simulated)" in said
    assert "966.0 tok/s (simulated), the mean of 3 repeats" in summary(CONFIRMED, ASKED)
    assert summary(hopeless(DETAIL), ASKED).splitlines() == [
        "nothing met the limits; closest: #0 ttft_p95 0.69 s, 38 % over",
        "  then #1 ttft_p95 1.69 s, 238 % over",
        "  then #2 ttft_p95 2.69 s, 438 % over",
    ]


def test_shares_are_not_rounded_up_to_all():
    assert [met(one) for one in (1.0, 0.9996, 0.29, None)] == ["100.0 %", "99.9 %", "29.0 %", "–"]
    assert [excess(one) for one in (0.38, 0.004, 0.1, 0.0951)] == ["38 %", "0.4 %", "10 %", "9.5 %"]


def test_durations():
    assert [duration(s) for s in (0.84, 41, 192, 6600)] == ["0.8s", "41s", "3m12s", "1h50m"]


# files


def test_a_file_is_named_after_its_task():
    assert file_name(DETAIL.task, "csv") == "demo.csv"
    assert file_name(DETAIL.task, "json") == "demo.json"
    assert file_name(DETAIL.task, "command") == "demo-command.sh"
    with pytest.raises(AutotunerError, match="'exe' is not one of command, csv, json, md"):
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
            for kind in ("command", "csv", "json", "csv", "csv", "md")
        ]
        assert [path.name for path in made] == [
            "two-words-command.sh", "two-words.csv", "two-words.json", "two-words-2.csv",
            "two-words-3.csv", "two-words.md",
        ]  # fmt: skip
        for path in made:
            assert path.stat().st_mode & 0o777 == 0o600
            assert secret not in path.read_text()
        script = made[0].read_text().splitlines()
        assert script[0] == "#!/bin/sh"
        assert "simulated" in script[1]
        assert all(line.startswith("# ") for line in script[1:-1])
        assert "--max-model-len 2048" in script[-1]
        shown = json.loads(made[2].read_text())
        assert shown["experiments"][1]["failure"]["text"] == "token ••• was refused"
        assert made[1].read_text() == made[3].read_text()
        report = made[5].read_text()
        assert "token ••• was refused" in report
        assert f"```sh\n{script[-1]}\n```" in report
        assert "  max-num-seqs:\n  - 4\n" in report


async def test_the_command_says_how_sure_it_is(tmp_path: Path):
    async with office(Home(tmp_path / "home"), PATH="/bin") as desk:
        await desk.tried(0)
        await desk.tried(1, {"max-num-seqs": 8})
        await desk.journal.set_best("t1", 1, VerdictView("winner", 0.38, (0.35, 0.41), 3))
        lines = text(desk.home, await desk.detail(), "command").splitlines()
        assert lines[1] == "# demo queued (simulated): best is #1 with 101.0 tok/s"
        assert lines[2] == (
            "# winner: #1 is 38.0 % better than the baseline "
            "(95 % interval +35.0 to +41.0 %, 3 repeats each)"
        )
        assert "--max-num-seqs 8" in lines[3]
        assert len(lines) == 4


async def test_a_report_outlives_the_folder_of_its_task(tmp_path: Path):
    async with office(Home(tmp_path / "home"), PATH="/bin") as desk:
        await desk.tried(0)
        await desk.journal.set_best("t1", 0, None)
        desk.home.task_file("t1").unlink()
        report = text(desk.home, await desk.detail(), "md")
        assert "The task's file is gone." in report
        assert "cannot be given any more" in report
        assert json.loads(text(desk.home, await desk.detail(), "json"))["task"]["best"] == 0


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


def test_the_engine_is_told_where_several_were_tried():
    first, *rest = DETAIL.experiments
    other = replace(first, engine="vllm")
    mixed = replace(DETAIL, experiments=(other, *rest))
    assert "engine" not in text_table(DETAIL, ASKED)
    head, baseline, best, *_ = (line.split() for line in text_table(mixed, ASKED).splitlines())
    assert (head[1], baseline[1], best[1]) == ("engine", "vllm", "simulated")
    rows = list(csv.DictReader(io.StringIO(csv_text(mixed))))
    assert [row["engine"] for row in rows][:2] == ["vllm", "simulated"]
    shown = document(mixed, ASKED)["experiments"]
    assert [one["engine"] for one in shown][:2] == ["vllm", "simulated"]


def test_only_what_was_simulated_is_called_so():
    first, *rest = DETAIL.experiments
    task = replace(DETAIL.task, engine="vllm, simulated")
    mixed = replace(DETAIL, task=task, experiments=(replace(first, engine="vllm"), *rest))
    assert "(simulated)" in summary(mixed, ASKED)
    of_vllm = replace(mixed, task=replace(task, best=first.number))
    assert "(simulated)" not in summary(of_vllm, ASKED)
    rows = list(csv.DictReader(io.StringIO(csv_text(mixed))))
    assert [row["simulated"] for row in rows][:2] == ["False", "True"]
