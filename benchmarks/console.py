"""How quick and how frugal the console is, on a real terminal of 120 by 40.

    .venv/bin/python -m benchmarks.console [--quick] [CASE ...]

Prints a table for the README. Cases: first_paint live long_log idle table. Nothing is left
behind; about 500 MB of disk are needed meanwhile. RichLog, Textual's own log widget, is
measured on the same feed at the same size; where it would take minutes, it gets a tenth of
the log and its figure is multiplied by ten (marked ×10).
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.console_cases import CASES, QUICK, Row, Sizes

_IMPORT_ALL = """
import importlib, pkgutil
import benchmarks.rich_log, core.cli.main, tui.app, tui.console, tui.driver, tui.screens, tui.source
for module in pkgutil.iter_modules(tui.screens.__path__, "tui.screens."):
    importlib.import_module(module.name)
"""
_HEAD = (
    "| | target | measured | of the target | RichLog | RichLog / ours |\n|---|---|---|---|---|---|"
)


def main() -> int:
    names = [case.__name__ for case in CASES]
    parser = argparse.ArgumentParser(prog="benchmarks.console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, for a build machine")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(names))
    chosen = parser.parse_args()
    if unknown := set(chosen.cases) - set(names):
        parser.error(f"no such case: {' '.join(sorted(unknown))}")
    sizes = QUICK if chosen.quick else Sizes()
    wanted = [case for case in CASES if not chosen.cases or case.__name__ in chosen.cases]
    with tempfile.TemporaryDirectory(prefix="console-benchmark-") as folder:
        _keep_bytecode(Path(folder) / "bytecode")
        rows = [row for case in wanted for row in _rows(case, Path(folder), sizes)]
    print(f"Python {platform.python_version()}, {platform.machine()}{_quick(chosen.quick)}\n")
    print(_HEAD)
    for row in rows:
        print(_line(row))
    return 1 if any(row.most is not None and row.measured > row.most for row in rows) else 0


def _rows(case: Callable[[Path, Sizes], list[Row]], folder: Path, sizes: Sizes) -> list[Row]:
    """Those of one case, told as soon as they are there; what it wrote is removed."""
    print(f"{case.__name__} …", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        rows = case(Path(own), sizes)
    print("\n".join(map(_line, rows)), file=sys.stderr)
    return rows


def _keep_bytecode(folder: Path) -> None:
    """As on any but the first start after an installation, whatever is installed here."""
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", _IMPORT_ALL], check=True)


def _line(row: Row) -> str:
    target = "–" if row.most is None else f"< {row.most:g} {row.unit}"
    ratio = "–" if row.most is None else f"{row.measured / row.most:.2f}"
    mark = " (×10)" if row.scaled else ""
    other = "–" if row.beside is None else f"{_short(row.beside)} {row.unit}{mark}"
    factor = f"{row.beside / row.measured:.1f}" if row.beside and row.measured else "–"
    measured = f"{_short(row.measured)} {row.unit}"
    return f"| {row.what} | {target} | {measured} | {ratio} | {other} | {factor} |"


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _quick(quick: bool) -> str:
    return ", small sizes" if quick else ""


if __name__ == "__main__":
    sys.exit(main())
