"""A disk that is soon full: a small file system in memory, mounted for a test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
_BLOCK = bytes(4096)


@contextmanager
def small_disk(folder: Path, megabytes: int = 16) -> Iterator[Path]:
    """`folder` as a disk of its own. Mounting needs root, or sudo without a password."""
    folder.mkdir(parents=True)
    options = f"size={megabytes}m,mode=0700,uid={os.geteuid()}"
    _mount("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        # Lazily: a program under test may still hold a file open.
        _mount("umount", "-l", str(folder))


def remount(folder: Path, how: str) -> None:
    """`ro` or `rw`."""
    _mount("mount", "-o", f"remount,{how}", str(folder))


def fill(folder: Path) -> Path:
    """To the last block; remove what is returned to make room again."""
    path = folder / "filling"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        with suppress(OSError):
            while True:
                os.write(file, _BLOCK)
    finally:
        os.close(file)
    return path


def _mount(*command: str) -> None:
    done = subprocess.run([*_ROOT, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()} (needs root or sudo)"
