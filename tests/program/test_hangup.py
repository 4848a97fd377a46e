"""A terminal that nobody reads, and that hangs up, is no matter to the work."""

from __future__ import annotations

from pathlib import Path

from tests.neglected import run

GAP = 1.0
"""Seconds that nothing may be in the journal beyond the longest such time of the other run."""

COST = 0.15
"""Of one pair beside other tests; what it is on a quiet machine tells benchmarks/unread.py."""


def test_an_unread_terminal_that_hangs_up_does_not_hold_the_work_up(tmp_path: Path):
    folders = tmp_path / "read", tmp_path / "unread"
    for folder in folders:
        folder.mkdir()
    read, unread = run(folders[0], 3, 0.0), run(folders[1], 3, 15.0)
    assert unread.gap <= read.gap + GAP
    assert unread.seconds <= read.seconds * (1 + COST)
