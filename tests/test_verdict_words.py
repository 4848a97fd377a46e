"""What is said of a verdict in every text that leaves us."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.export.closest import Closest
from core.export.sentence import sentence
from core.export.verdict import decimals, gain_text, verdict_text
from core.score import Gap
from core.store.views import VerdictView
from tests.samples import TASK

BASELINE, BEST, OTHER = 0, 5, 2


@pytest.mark.parametrize(
    ("text", "best", "view"),
    [
        (
            "winner: #5 is 38.1 % better than the baseline "
            "(95 % interval +35.0 to +41.2 %, 3 repeats each)",
            BEST, VerdictView("winner", 0.381, (0.350, 0.412), 3),
        ),
        (
            "winner: #5 is 38.1 % better than the baseline "
            "(90 % interval +35.0 to +41.2 %, 7 repeats each); "
            "#2 and #7 cannot be told apart from it",
            BEST, VerdictView("winner", 0.381, (0.350, 0.412), 7, 0.9, (2, 7)),
        ),
        (
            "winner: #5 meets the limits, the baseline does not (3 repeats each)",
            BEST, VerdictView("winner", repeats=3),
        ),
        (
            "tie: #2 and #5 cannot be told apart (95 % interval -2 to +3 %, 7 repeats each); "
            "the cheaper is #2",
            OTHER, VerdictView("tie", 0.0049, (-0.018, 0.031), 7, tied=(5,)),
        ),
        (
            "tie: the baseline, #2 and #5 cannot be told apart; the cheapest is the baseline",
            BASELINE, VerdictView("tie", tied=(2, 5)),
        ),
        (
            "tie: the baseline and #5 cannot be told apart (3 repeats each); the cheaper is #5",
            BEST, VerdictView("tie", repeats=3),
        ),
        (
            "not better than the defaults: nothing beats the baseline "
            "(95 % interval -9.0 to -3.0 %, 4 repeats each)",
            BASELINE, VerdictView("not_better", 0.0, (-0.09, -0.03), 4),
        ),
        (
            "unconfirmed: measured once, #5 looks 43 % better than the baseline; "
            "the budget has no room for repeats",
            BEST, VerdictView("unconfirmed", 0.4286, note="the budget has no room for repeats"),
        ),
        (
            "unconfirmed: 2 repeats, #5 looks 4 % better than the baseline; "
            "the budget ended after 2 of 3 repeats",
            BEST,
            VerdictView("unconfirmed", 0.042, repeats=2,
                        note="the budget ended after 2 of 3 repeats"),
        ),
        (
            "unconfirmed: measured once, nothing looks better than the baseline",
            BASELINE, VerdictView("unconfirmed", 0.0),
        ),
        ("unconfirmed: 1 repeat", BEST, VerdictView("unconfirmed", repeats=1)),
        (
            "unconfirmed: measured once, #5 looks 3 % worse than the baseline",
            BEST, VerdictView("unconfirmed", -0.03),
        ),
        ("nothing met the limits", None, VerdictView("none_feasible")),
        ("no verdict yet", BEST, None),
        ("no result", None, None),
    ],
)  # fmt: skip
def test_every_kind_has_its_words(text: str, best: int | None, view: VerdictView | None):
    assert verdict_text(replace(TASK, best=best, verdict=view)) == text


def test_the_closest_is_named_with_each_limit_it_misses():
    gaps = {
        "ttft_p95": Gap(0.69, 0.5, 0.38), "tpot_p95": Gap(0.02, 0.03, -0.3),
        "throughput_min": Gap(80, 100, 0.2), "attainment": Gap(0.9, 0.99, 1 - 0.9 / 0.99),
        "error_rate": Gap(0.0104, 0.01, 0.04),
    }  # fmt: skip
    view = replace(TASK, best=None, verdict=VerdictView("none_feasible"))
    assert verdict_text(view, Closest(3, 0.38, gaps)) == (
        "nothing met the limits; closest: #3 ttft_p95 0.69 s, 38 % over; "
        "throughput_min 80 tok/s, 20 % under; attainment 90 %, 9.1 % under; "
        "error_rate 1.04 %, 4 % over"
    )
    failed = Closest(3, 1.0, {"ttft_p95": Gap(0.4, 0.5, -0.2)}, ("over-saturated",))
    assert verdict_text(view, failed).endswith("closest: #3 over-saturated")


@pytest.mark.parametrize(
    ("interval", "worth"),
    [
        (None, 0),  # measured once: tenths are noise
        ((0.350, 0.412), 1),
        ((0.2, 0.45), 0),  # wide
        ((-0.018, 0.031), 0),  # may be nothing at all
        ((-0.004, 0.005), 1),
        ((0.1, float("inf")), 0),
        ((0.1, 1e307), 0),
    ],
)
def test_no_more_digits_than_the_interval_is_worth(interval, worth):
    assert decimals(VerdictView("winner", 0.1, interval)) == worth


def test_a_difference_of_nothing_has_no_sign():
    assert gain_text(VerdictView("tie", -0.0001, (-0.02, 0.02), 3)) == (
        "+0 % (95 % interval -2 to +2 %, 3 repeats each)"
    )
    assert gain_text(VerdictView("unconfirmed")) == ""


def test_a_sentence_has_the_score_and_the_verdict():
    view = replace(TASK, verdict=VerdictView("winner", 0.381, (0.350, 0.412), 3))
    assert sentence(view) == (
        "demo completed (simulated): best is #1 with 1000.0 tok/s; winner: #1 is 38.1 % better "
        "than the baseline (95 % interval +35.0 to +41.2 %, 3 repeats each)"
    )


ANY = st.none() | st.floats()


@given(
    kind=st.sampled_from(["winner", "tie", "not_better", "unconfirmed", "none_feasible", "odd"]),
    best=st.none() | st.integers(0, 9), delta=ANY,
    interval=st.none() | st.tuples(st.floats(), st.floats()),
    repeats=st.integers(0, 9), tied=st.lists(st.integers(0, 9)), note=st.text(),
)  # fmt: skip
def test_there_are_words_for_anything(kind, best, delta, interval, repeats, tied, note):
    view = VerdictView(kind, delta, interval, repeats, tied=tuple(tied), note=note)
    task = replace(TASK, best=best, verdict=view)
    told = verdict_text(task)
    assert told.startswith(
        "nothing met the limits"
        if best is None or kind == "none_feasible"
        else kind.replace("_", " ")
    )
    assert "inf" not in verdict_text(task).removesuffix(note)
    assert "nan" not in verdict_text(task).removesuffix(note)
    assert sentence(task).isprintable()
