"""On which file system a folder lies."""

from __future__ import annotations

import re
from pathlib import Path

TABLE = Path("/proc/self/mountinfo")

_SHARED = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p afs fuse.sshfs fuse.rclone fuse.glusterfs fuse.s3fs".split()
)
# ceph and lustre keep one view of a file for all their machines: a journal works there.

_ESCAPE = re.compile(r"\\([0-7]{3})")


def kind(folder: Path, table: str | None = None) -> str | None:
    """`ext4`, `tmpfs`, `nfs4` …, of a folder that need not exist yet; None: it is not known.

    `table`: the text of proc(5)'s mountinfo, this process's own unless given.
    """
    if table is None:
        try:
            table = TABLE.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    try:
        place = folder.resolve()
    except (OSError, RuntimeError):  # links that lead nowhere, or in a circle
        place = folder.absolute()
    found: tuple[int, str] | None = None
    for line in table.splitlines():
        point, type_ = _read(line)
        depth = len(point.parts)
        # Of two at one place the later one lies on top.
        if place.is_relative_to(point) and (found is None or depth >= found[0]):
            found = depth, type_
    return None if found is None else found[1]


def shared(kind: str | None) -> bool:
    """Whether several machines write there, each with a memory of its own of what is in a file."""
    return kind in _SHARED


def _read(line: str) -> tuple[Path, str]:
    """Mount point and type: the fifth field, and the first after the lone dash."""
    before, _, after = line.partition(" - ")
    fields, types = before.split(" "), after.split(" ")
    if len(fields) < 5:
        return Path("//unknown"), ""
    return Path(_ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[4])), types[0]
