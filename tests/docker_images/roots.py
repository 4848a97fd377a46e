"""Root filesystems made of files of this machine, as tar archives: no registry, no network."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
APPLICATION = Path("/opt/autotuner")
"""Where the simulated server's package lies in its image."""

_PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"
_LIBRARY = re.compile(r"(?:=> |^\s*)(/\S+) \(0x")
_NOT_NEEDED = {"site-packages", "dist-packages", "test", "idlelib", "ensurepip", "tkinter"}
_NOT_NEEDED |= {"lib2to3", "turtledemo", "pydoc_data"}


def base() -> bytes:
    """Only what every program expects: a folder for temporary files, a user with a name."""
    return _archive(())


def simulated() -> bytes:
    """The Python that runs this and the simulated server, which needs nothing else."""
    return _archive((*_python(), *_server()))


def python() -> Path:
    """The program behind this virtual environment; it has the same path in the image."""
    found: str = getattr(sys, "_base_executable", sys.executable)
    return Path(found).resolve()


def library_path() -> str:
    """Where the loader finds the shared libraries that Python needs."""
    folders = dict.fromkeys(str(library.parent) for library in _libraries())
    return ":".join(folders)


def _python() -> Iterator[tuple[Path, Path]]:
    standard = Path(sysconfig.get_path("stdlib"))
    for entry in standard.iterdir():
        if entry.name not in _NOT_NEEDED and not entry.name.startswith("config-"):
            yield entry, entry
    for file in (python(), *_libraries()):
        yield file, file


def _server() -> Iterator[tuple[Path, Path]]:
    for name in ("core/__init__.py", "core/engines/__init__.py", "core/engines/simserver"):
        yield REPOSITORY / name, APPLICATION / name


def _libraries() -> list[Path]:
    """Shared libraries of Python and its extension modules, the loader among them."""
    modules = Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("*.so")
    wanted = [m for m in modules if not m.name.startswith(("_tkinter", "_test"))]
    listed = subprocess.run(["ldd", python(), *wanted], capture_output=True, text=True, check=True)
    found = {match[1] for line in listed.stdout.splitlines() if (match := _LIBRARY.search(line))}
    return [Path(name) for name in sorted(found)]


def _archive(files: Iterable[tuple[Path, Path]]) -> bytes:
    """A tar archive of (source, place in the root); folders with all they hold."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", dereference=True) as archive:
        _folder(archive, "tmp", 0o1777)
        _folder(archive, "etc", 0o755)
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size, passwd.mode = len(_PASSWD), 0o644
        archive.addfile(passwd, io.BytesIO(_PASSWD))
        for source, place in files:
            archive.add(source, str(place).lstrip("/"), filter=_readable)
    return written.getvalue()


def _folder(archive: tarfile.TarFile, name: str, mode: int) -> None:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    # A container may run as any user.
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode |= 0o755 if entry.isdir() else 0o644
    return entry
