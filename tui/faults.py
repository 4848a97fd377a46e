"""How an error of the console's own ends it: one line in the terminal, the rest in a file."""

from __future__ import annotations

import contextlib
import time
import traceback
from pathlib import Path

from core.values import one_line
from tui.glyphs import shown

NAME = "console.log"
_MOST = 1 << 20  # bytes; a file that is longer is begun anew


def ending(error: BaseException, folder: Path) -> str:
    """Writes the traceback into `folder`/console.log and says so in one line."""
    said = one_line(f"{type(error).__name__}: {error}")
    path = folder / NAME
    where = f"what led to it is in {path}; " if _written(error, path) else ""
    text = f"autotuner-tui: the console had to end ({said}); {where}the work goes on without it"
    return shown(text)


def _written(error: BaseException, path: Path) -> bool:
    text = "".join(traceback.format_exception(error))
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError):
        full = path.exists() and path.stat().st_size > _MOST
        with path.open("w" if full else "a", encoding="utf-8", errors="replace") as file:
            file.write(f"{at}\n{text}\n")
        path.chmod(0o600)
        return True
    return False
