"""Results as others read them."""

import csv
import io
import json
from dataclasses import replace

from core.cli.words import duration, summary
from core.export.document import document
from core.export.table import csv_text, text_table, varying
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
