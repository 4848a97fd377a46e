"""A journal of an earlier version, read while no runner lives to bring it up to date."""

from __future__ import annotations

from core import __version__
from core.paths import Home
from core.store.connection import connect
from core.store.lock import borrowed, runner_status
from core.values import AutotunerError


async def brought_up(home: Home) -> bool:
    """Migrate under the runner's lock. False when a runner of this version is about to.

    AutotunerError when one of another version is at work: it knows only the old journal.
    """
    runner = runner_status(home.lock)
    if not runner.alive:
        with borrowed(home.lock):
            async with connect(home.database, owner=True):
                return True
    if runner.version not in {None, __version__}:
        raise AutotunerError(
            f"a runner of version {runner.version} is at work, this is {__version__}; "
            "run `autotuner-tui runner stop` between experiments, then try again"
        )
    return False
