"""A disk that is full, a small one of its own: said as such, and measured again with more room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.bench.plan import Plan
from core.values import FailureKind
from tests.bench_site import Place, Runner, place, started

KIB = 1024
SMALL = """
mkdir "$1"
mount -t tmpfs -o size=1m none "$1"
shift
exec "$@"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        yield found


@pytest.fixture
def runner(site: Place) -> Iterator[Runner]:
    """One that has a disk of 1 MiB at `small`, in a namespace of mounts of its own."""
    before = ("unshare", "-Urm", "sh", "-ec", SMALL, "sh", str(site.folder / "small"))
    with started(site, *before) as runner:
        yield runner


async def measured(runner: Runner, plan: Plan) -> dict[str, Any]:
    await runner.ask(plan)
    line = await runner.line()
    if line.strip().isdecimal():  # the measurement's pid: there was room for it to begin
        line = await runner.line()
    found: dict[str, Any] = json.loads(line)
    return found


async def test_a_full_disk_is_what_failed(site: Place, runner: Runner) -> None:
    small = site.folder / "small"
    filler = Path(f"/proc/{runner.process.pid}/root{small}/filler")
    plan = site.plan("ok", folder=small / "one", log=small / "benchmark.log", requests=400)
    counted = []
    for left in (0, 16, 64):
        filler.write_bytes(bytes((1024 - left) * KIB))
        found = await measured(runner, plan)
        assert found["failure"] is not None
        assert found["failure"]["kind"] == FailureKind.DISK
        assert found["failure"]["message"].startswith("the disk is full: ")
        assert not found["failure"]["transient"]
        counted.append(found["requests"])
        for path in (filler, filler.with_name("benchmark.log")):
            path.unlink(missing_ok=True)
        assert not filler.exists()
    # What was measured before is kept.
    assert counted[:2] == [0, 0]
    assert 0 < counted[2] < 400
    found = await measured(runner, plan)
    assert (found["failure"], found["requests"]) == (None, 400)
