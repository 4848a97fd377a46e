"""Which home a command works on."""

from __future__ import annotations

import os
from pathlib import Path

from core import settings
from core.paths import Home


def find_home() -> Home:
    """The state folder; AUTOTUNER_HOME may stand in `.env` like every other setting.

    InputError when there is an `.env` that cannot be used.
    """
    return Home.find(settings.resolve(Path.cwd(), os.environ, ["AUTOTUNER_HOME"]).values)
