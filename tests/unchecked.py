"""`run` without the checks before it, as a program."""

from __future__ import annotations

import sys
from pathlib import Path

from core.cli.running import submit_and_follow
from core.engines import registry
from core.task import load

if __name__ == "__main__":
    sys.exit(submit_and_follow(load(Path(sys.argv[1]), registry.ENGINES), as_json=False))
