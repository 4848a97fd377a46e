"""The report in Markdown: what it says of each outcome, and that nothing in it becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.export.evidence import Evidence
from core.export.markdown import block, bullets, line, table
from core.export.plot import Dot, plot
from core.export.report import report
from core.store.views import ExperimentView, TaskDetail
from core.task import Slo, Task, dump
from core.values import ExperimentState, Failure, FailureKind, one_line
from tests.samples import ASKED, CONFIRMED, DETAIL, confirmed, hopeless, judged, measured

COMMANDS = {0: "simserver --max-num-seqs 16", 1: "simserver --max-num-seqs 32"}
MANIFEST = {
    "experiment": 1, "argv": ["x"], "environment": {"HF_TOKEN": "•••"}, "pid": 7,
    "genai_bench": "0.0.5", "image_digest": "a/b@sha256:1", "seed": 7, "gone": None,
}  # fmt: skip
NOTE = "the budget ended after 1 of 3 repeats"


def of(detail: TaskDetail, asked: Task | None = ASKED) -> str:
    file = dump(asked) if asked else ""
    return report(Evidence(detail, asked, file, COMMANDS, MANIFEST))


def part(text: str, title: str) -> str:
    """What stands under a heading."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def row(text: str, *first: str) -> list[str]:
    """The cells of the first row that begins with these cells, as they are read."""
    for one in text.splitlines():
        cells = [cell.strip() for cell in one.strip("|").split(" | ")]
        if tuple(cells[: len(first)]) == first:
            return cells
    raise AssertionError(first)


WHOLE = of(CONFIRMED)


def test_the_title_names_the_task_and_says_that_it_is_simulated():
    assert WHOLE.startswith("# demo: tuning report (simulated)\n")
    assert row(WHOLE, "model") == ["model", "sim-8b"]
    assert row(WHOLE, "experiments")[1] == "4: 2 within the limits, 1 beyond, 1 failed"
    assert "**Every figure here is simulated**" in WHOLE
    real = replace(CONFIRMED, task=replace(CONFIRMED.task, simulated=False, engine="vllm"))
    assert "simulated" not in of(real).split("## How to reproduce")[0]


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (CONFIRMED, "Winner: #1 is 38.0 % better than the baseline "
         "(95 % interval +35.0 to +41.2 %, 3 repeats each)."),
        (judged(CONFIRMED, "tie", delta=0.002, interval=(-0.012, 0.016), repeats=7, tied=(0, 2)),
         "Tie: the baseline, #1 and #2 cannot be told apart "
         "(95 % interval -1 to +2 %, 7 repeats each); the cheapest is #1."),
        (judged(CONFIRMED, "not_better", best=0, delta=0.0, repeats=3),
         "Not better than the defaults: nothing beats the baseline (3 repeats each)."),
        (judged(DETAIL, "unconfirmed", delta=0.4286, note=NOTE),
         f"Unconfirmed: measured once, #1 looks 43 % better than the baseline; {NOTE}."),
        (hopeless(DETAIL), "Nothing met the limits; closest: #0 ttft_p95 0.69 s, 38 % over."),
    ],
)  # fmt: skip
def test_the_verdict_is_one_paragraph(detail: TaskDetail, words: str):
    assert part(of(detail), "Verdict").strip().splitlines()[0].startswith(words)


def test_the_paragraph_says_where_the_scores_come_from():
    said = part(WHOLE, "Verdict")
    assert "The best, #1, has 966.0 tok/s, the mean of 3 repeats (960.0, 970.0, 968.0)." in said
    assert "The baseline has 700.0 tok/s, the mean of 3 repeats (698.0, 702.0, 700.0)." in said
    once = part(of(DETAIL), "Verdict")
    assert "The best, #1, has 1000.0 tok/s in the search, not repeated." in once


def test_the_baseline_stands_against_the_best_with_confirmed_figures():
    said = part(WHOLE, "Baseline against best")
    assert row(said, "figures are from")[1:] == ["confirmation, pooled"] * 2
    assert row(said, "score tok/s")[1:] == ["966.0", "700.0"]
    assert row(said, "TTFT p99 ms")[1:] == ["450.0", "450.0"]
    assert row(said, "load (concurrent requests)")[1:] == ["32", "8"]
    assert row(said, "GPUs")[1:] == ["1", "1"]
    searched = part(of(DETAIL), "Baseline against best")
    assert row(searched, "figures are from")[1:] == ["search, measured once"] * 2
    assert row(searched, "score tok/s")[1:] == ["1000.0", "700.0"]


def test_of_a_best_baseline_there_is_one_column():
    alone = of(judged(CONFIRMED, "not_better", best=0, delta=0.0, repeats=3))
    said = part(alone, "Baseline against best")
    assert "The best is the baseline itself." in said
    assert row(said, "score tok/s") == ["score tok/s", "700.0"]


def test_the_commands_are_there_exactly():
    said = part(WHOLE, "Commands")
    assert said.index(COMMANDS[1]) < said.index(COMMANDS[0])
    assert f"Best #1:\n\n```sh\n{COMMANDS[1]}\n```" in said


def test_the_curve_has_a_row_for_each_load_and_says_what_is_wrong_with_it():
    said = part(WHOLE, "Curves over the load")
    best, baseline = said.split("Baseline #0:")
    loads = re.findall(r"^\| (\d+) \|", best, re.MULTILINE)
    assert loads == ["8", "16", "32", "64", "256", "512"]
    assert row(best, "8")[6:] == ["100.0 %", "meets the limits"]
    assert row(best, "16")[-1] == "meets the limits; prefix cache not reset; no steady window"
    # The pooled repeats stand for the load that was confirmed, not the search's two looks.
    assert row(best, "32")[1] == "966.0"
    assert row(best, "32")[-1] == "meets the limits; pooled over its repeats"
    assert row(best, "64")[6:] == ["50.0 %", "misses ttft_p95 0.69 s > 0.5 s (38 % over)"]
    assert row(best, "256")[-1].startswith("over-saturated: TTFT went from 0.4 s")
    refused = row(best, "512")
    assert refused[2:6] == ["400.0 (low n)", "25.0 (low n)", "1.400 (low n)", "96.0 %"]
    assert refused[-1].startswith("bench_errors: 503 from 96 of 100 requests (benchmark.log:7: ")
    assert re.findall(r"^\| (\d+) \|", baseline, re.MULTILINE) == ["8"]
    assert "b where it misses a limit" in best


def test_without_repeats_the_second_look_stands_for_its_load():
    bare = replace(CONFIRMED.experiments[1], confirmed=None)
    searched = replace(CONFIRMED, experiments=(CONFIRMED.experiments[0], bare))
    said = part(of(searched), "Curves over the load")
    assert row(said, "32")[1] == "1005.0"
    assert row(said, "32")[-1] == (
        "meets the limits; client-bound (lag 12.3 ms); answers shorter than asked for (3)"
    )


def test_every_configuration_says_what_came_of_it():
    said = part(WHOLE, "Every configuration")
    assert row(said, "0", "16")[2:] == ["700.0", "3", "8", "baseline: meets the limits"]
    assert row(said, "1", "32")[2:] == ["966.0", "3", "32", "best: meets the limits"]
    assert row(said, "2", "64")[-1] == "misses ttft_p95 0.7 s > 0.5 s"
    assert row(said, "3", "128")[2:] == [
        "–", "–", "–",
        "failed, oom_kv: the KV cache needs 9.3 GiB, 6.1 are free "
        "(engine.log:212: ValueError: To serve at least one request …)",
    ]  # fmt: skip
    tie = part(of(judged(CONFIRMED, "tie", tied=(0,))), "Every configuration")
    assert row(tie, "0", "16")[-1] == "baseline, tied with the best: meets the limits"
    running = replace(DETAIL.experiments[3], state=ExperimentState.STARTING, failure=None)
    now = replace(DETAIL, experiments=(*DETAIL.experiments[:3], running))
    assert row(part(of(now), "Every configuration"), "3", "128")[-1] == "starting"


def test_repeats_that_miss_a_limit_decide():
    slow = confirmed(32, 900.0, 910.0, 905.0, ttft=measured(1, 1.0).data.ttft)
    slow = replace(slow, feasible=False, measurements=(
        replace(slow.measurements[0], feasible=False, breaches=("e2e_p95 1.4 s > 1 s",)),
    ))  # fmt: skip
    detail = replace(
        CONFIRMED,
        experiments=(CONFIRMED.experiments[0], replace(CONFIRMED.experiments[1], confirmed=slow)),
    )
    asked = replace(ASKED, slo=Slo({"e2e_p95": 1.0}))
    said = row(part(of(detail, asked), "Every configuration"), "1", "32")
    assert said[2] == "905.0"
    assert said[-1] == "best: misses e2e_p95 1.4 s > 1 s (40 % over)"


def test_when_nothing_is_feasible_each_gap_is_told():
    text = of(hopeless(DETAIL))
    said = part(text, "Verdict")
    assert row(said, "#0") == ["#0", "38 % beyond", "0 % (met)", "0.69 s (38 % over)"]
    assert row(said, "#2")[1] == "438 % beyond"
    assert "Baseline against best" not in text
    assert "Nothing was confirmed, as nothing met the limits." in text
    other = hopeless(DETAIL)
    worse = replace(other.experiments[0], measurements=other.experiments[2].measurements)
    nearest = of(replace(other, experiments=(worse, *other.experiments[1:])))
    assert "Closest #1:" in part(nearest, "Curves over the load")


def test_several_scenarios_have_a_table_and_a_curve_each():
    def both(number: int, *loads: int) -> ExperimentView:
        one = CONFIRMED.experiments[number]
        long = tuple(measured(load, 10.0 * load, scenario="D(4000,9)") for load in loads)
        short = tuple(measured(load, 1.0 * load) for load in loads)
        return replace(one, confirmed=None, measurements=(*short, *long), chosen=0)

    detail = replace(CONFIRMED, experiments=(both(0, 2, 4), both(1, 8, 16)))
    work = replace(ASKED.workload, scenarios=("D(100,50)", "D(4000,9)"), weights=(3.0, 1.0))
    text = of(detail, replace(ASKED, workload=work))
    said = part(text, "Baseline against best")
    assert "**D(100,50)**" in said and "**D(4000,9)**" in said
    assert "score over all scenarios tok/s" in said
    short, long = said.split("**D(4000,9)**")
    assert row(short, "output tok/s")[1:] == ["16.0", "4.0"]
    assert row(long, "output tok/s")[1:] == ["160.0", "40.0"]
    curves = part(text, "Curves over the load")
    assert curves.index("### D(100,50)") < curves.index("### D(4000,9)")
    assert "D(100,50) weighs 3, D(4000,9) weighs 1" in text
    assert "worst scenario" in of(detail, replace(ASKED, workload=replace(work, weights=())))


def test_the_doubts_are_named_with_their_places():
    said = part(WHOLE, "How far to trust it")
    assert "started again 3 times in turn" in said
    assert "- client-bound: #1 D(100,50) at 32 (lag 12.3 ms)\n" in said
    assert "- prefix cache not reset: #1 D(100,50) at 16\n" in said
    assert "- answers shorter than asked for: #1 D(100,50) at 32 (3)\n" in said
    assert "200 behind a p99" in said
    once = part(of(judged(DETAIL, "unconfirmed", repeats=1)), "How far to trust it")
    assert "rests on 1 of at least 3 repeats" in once


def test_it_can_be_run_again():
    said = part(WHOLE, "How to reproduce it")
    assert f"```yaml\n{dump(ASKED)}```" in said
    assert "autotuner-tui export demo --format md" in said
    assert row(said, "genai bench") == ["genai bench", "0.0.5"]
    assert row(said, "image digest")[1] == "a/b\\@sha256:1"
    for own in ("pid", "gone", "argv", "HF_TOKEN"):
        assert own not in said


def test_a_task_that_has_just_begun_has_a_report():
    text = of(replace(DETAIL, task=replace(DETAIL.task, best=None, verdict=None), experiments=()))
    assert "No result." in text
    failed = replace(
        DETAIL.task, best=None, verdict=None, failure=Failure(FailureKind.IMAGE, "no image")
    )
    assert "The task ended with image: no image." in of(replace(DETAIL, task=failed))


# whatever runs, writes or is called

PARSER = MarkdownIt("gfm-like")
WILD = st.text(
    st.sampled_from("a1 _*`|\\[]()<>#+-.=~!&$@:/\n\r\t\x1b") | st.characters(), max_size=60
)


def inline(text: str) -> list[str]:
    """The types of all inline tokens but plain text, and the texts of those."""
    tokens = [child for token in PARSER.parse(text) for child in token.children or ()]
    return [token.type for token in tokens if token.type not in {"text", "text_special"}]


def read(text: str) -> str:
    children = [child for token in PARSER.parse(text) for child in token.children or ()]
    return "".join(child.content for child in children)


@given(st.lists(st.tuples(WILD, WILD), min_size=1, max_size=4))
def test_any_text_stays_in_its_cell(cells: list[tuple[str, str]]):
    text = table(("left", "right"), cells, "lr")
    tokens = PARSER.parse(text)
    assert sum(token.type == "td_open" for token in tokens) == 2 * len(cells)
    assert tokens[0].type == "table_open" and tokens[-1].type == "table_close"
    assert inline(text) == []
    inside = [after for before, after in pairwise(tokens) if before.type == "td_open"]
    wanted = [one_line(cell, 400) for pair in cells for cell in pair]
    assert ["".join(c.content for c in one.children or ()) for one in inside] == wanted


@given(WILD)
def test_any_text_is_a_line_of_a_list(text: str):
    tokens = [token.type for token in PARSER.parse(bullets([text, "end"]))]
    assert tokens.count("bullet_list_open") == 1
    assert tokens.count("list_item_open") == 2
    assert not {"heading_open", "ordered_list_open", "blockquote_open", "hr", "fence"} & set(tokens)


@given(WILD.filter(lambda text: one_line(text)))
def test_any_text_is_a_paragraph(text: str):
    made = line(text)
    assert [token.type for token in PARSER.parse(made)] == [
        "paragraph_open", "inline", "paragraph_close",
    ]  # fmt: skip
    assert inline(made) == []
    assert read(made) == one_line(text, 400)


@given(st.text(st.sampled_from("`~ a\n") | st.characters(exclude_characters="\r"), max_size=80))
def test_any_code_stays_in_its_block(text: str):
    tokens = PARSER.parse(block(text, "sh") + "\n\nend")
    assert [token.type for token in tokens] == [
        "fence", "paragraph_open", "inline", "paragraph_close",
    ]  # fmt: skip


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_hostile_engine_leaves_the_reports_shape(name: str, words: str):
    evil = Failure(
        FailureKind.CRASH, f"| {words}\n# boo", log="engine.log", line=3, text=f"`{name}|"
    )
    wild = replace(
        DETAIL, task=replace(DETAIL.task, name=name or "x", model=words),
        experiments=(*DETAIL.experiments[:3], replace(DETAIL.experiments[3], failure=evil)),
    )  # fmt: skip
    shapes = [
        [token.type for token in PARSER.parse(of(one)) if token.type != "inline"]
        for one in (wild, DETAIL)
    ]
    assert shapes[0] == shapes[1]


# the plot


def test_a_plot_has_its_dots_where_they_belong():
    lines = plot([Dot(1, 50.0, "B"), Dot(4, 100.0, "B"), Dot(16, 50.0, "d")]).splitlines()
    assert lines[0].startswith("100 |")
    top, middle = lines[0], lines[6]
    assert top.index("B") - len("100 |") == 30
    assert [middle.index(mark) - len("100 |") for mark in "Bd"] == [0, 60]
    assert lines[-1].split() == ["1", "4", "16", "load"]
    assert "*" in plot([Dot(4, 100.0, "B"), Dot(4, 100.0, "D")])
    assert plot([]) == ""


@given(
    st.lists(
        st.builds(Dot, st.integers(1, 100_000), st.floats(), st.sampled_from("BbDd")), max_size=20
    )
)
def test_any_curve_can_be_drawn(dots: list[Dot]):
    lines = plot(dots).splitlines()
    assert len(lines) in (0, 15)
    assert all(len(one) < 110 for one in lines)
