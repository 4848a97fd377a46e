"""A model's weights, fetched once for a task before its first engine is started."""

from __future__ import annotations

from core import settings
from core.deploy.process import LABEL
from core.hub.fetch import FetchError, fetch
from core.runner.progress import Progress
from core.runner.ready import EngineFailed
from core.runner.setup import Setup
from core.store.journal import Journal, StartKey
from core.values import Phase


class Weights:
    """Remembers that they are there."""

    def __init__(self) -> None:
        self._there = False

    async def ensure(self, setup: Setup, journal: Journal, key: StartKey) -> None:
        """Raises EngineFailed with why they cannot be had."""
        if self._there or not setup.engine.loads_weights:
            return
        given = {**settings.host_environment(setup.settings), LABEL: setup.label("hub")}
        log = setup.folder / "download.log"
        try:
            shown = Progress(journal, key, Phase.DOWNLOAD)
            await fetch(setup.task.model, given, log, shown, setup.task.timeouts.download)
        except FetchError as error:
            raise EngineFailed(error.failure) from None
        self._there = True
