"""The Hub's cache on disk: what of a repository is there, and whether the rest may come."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.hub.files import weights
from core.hub.outcome import FetchError, refused
from core.values import FailureKind, size_text

_PARTIAL = ".incomplete"
_CONFIGS = ("config.json", "params.json")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository. `blob` names its content; resumable: its part can be continued."""

    name: str
    size: int
    blob: str
    resumable: bool


@dataclass(frozen=True, slots=True)
class Repository:
    """One revision of a repository in the cache `root`, laid out as huggingface_hub does."""

    root: Path
    folder: Path
    revision: str

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshots" / self.revision

    def blob(self, file: RemoteFile) -> Path:
        return self.folder / "blobs" / file.blob

    def partial(self, file: RemoteFile) -> Path:
        """Where a part of the file waits to be continued; the same name after every start."""
        return self.folder / "blobs" / f"{file.blob}{_PARTIAL}"

    def lock(self, file: RemoteFile) -> Path:
        """huggingface_hub's own lock of the file, so that engines downloading it wait as well."""
        return self.root / ".locks" / self.folder.name / f"{file.blob}.lock"

    def absent(self, files: Iterable[RemoteFile]) -> list[RemoteFile]:
        return [file for file in files if not (self.snapshot / file.name).exists()]

    def missing(self, files: Sequence[RemoteFile]) -> int:
        """Bytes of `files` that have to come yet."""
        return sum(file.size - self._present(file, {}) for file in files)

    def done(self, files: Sequence[RemoteFile]) -> int:
        """Bytes of `files` that are on disk, unfinished ones included."""
        parts = _partial_sizes(self.folder / "blobs")
        return sum(self._present(file, parts) for file in files)

    def _present(self, file: RemoteFile, parts: Mapping[str, int]) -> int:
        if (self.snapshot / file.name).exists() or self.blob(file).exists():
            return file.size
        # Parts under other names are dead ones, unless only huggingface_hub can bring the file.
        size = size_of(self.partial(file)) if file.resumable else parts.get(file.blob, 0)
        return min(size, file.size)

    def check_writable(self) -> None:
        """FetchError, naming the place and its owner, when the cache cannot be written."""
        names = ("", "blobs", "snapshots", "refs", f"snapshots/{self.revision}")
        locks = self.root / ".locks"
        inside = [*(self.folder / name for name in names), locks, locks / self.folder.name]
        for place in (nearest(self.root), *inside):
            if not _found(place):
                continue
            if not place.is_dir():
                raise not_writable(place, "is not a folder")
            if not os.access(place, os.W_OK | os.X_OK):
                raise not_writable(place)

    def check_space(self, missing: int) -> None:
        """FetchError when `missing` bytes do not fit where the cache lies."""
        place = nearest(self.root)
        free = shutil.disk_usage(place).free
        if missing > free:
            raise no_space(place, f"{size_text(missing)} are needed and {size_text(free)} are free")


def _partial_sizes(blobs: Path) -> dict[str, int]:
    """Content name → size of its largest unfinished file."""
    sizes: dict[str, int] = {}
    for entry in _entries(blobs):
        if entry.name.endswith(_PARTIAL):
            blob = entry.name.partition(".")[0]
            sizes[blob] = max(sizes.get(blob, 0), size_of(Path(entry.path)))
    return sizes


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError:
        return


def size_of(path: Path) -> int:
    """Bytes of a file, 0 when it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def nearest(path: Path) -> Path:
    """`path`, or its closest parent that is there."""
    return next((place for place in (path, *path.parents) if _found(place)), Path("/"))


def _found(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:  # a parent that may not be entered is then what is named
        return False
    return True


def not_writable(place: Path, what: str = "is not writable") -> FetchError:
    """What to tell about a file or folder that this user may not write."""
    owner = _owner(place)
    own = owner in {None, _user()}
    belongs = "" if own else f" and belongs to {owner}"
    mend = "Make it writable" if own else f'Run: sudo chown -R "$(id -un)" {place}'
    return refused(
        FailureKind.PERMISSION,
        f"the Hub's cache: {place} {what}{belongs}",
        f"{mend} — or set HF_HOME to a folder of your own.",
    )


def no_space(place: Path, numbers: str) -> FetchError:
    return refused(
        FailureKind.DISK,
        f"no room for the model at {place}: {numbers}",
        "Free space there, or set HF_HOME to a folder on a larger disk; "
        "what was fetched is kept and continued.",
    )


def _owner(place: Path) -> str | None:
    try:
        return place.owner()
    except KeyError:
        return f"uid {place.stat().st_uid}"
    except OSError:
        return None


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def whole_snapshot(folder: Path) -> Path | None:
    """The snapshot of branch `main` in a repository's cache, when an engine can load it.

    Judged without the Hub: a configuration is there, and one set of weights is whole.
    """
    try:
        revision = (folder / "refs" / "main").read_text().strip()
    except OSError:
        return None
    snapshot = folder / "snapshots" / revision
    configured = any((snapshot / name).exists() for name in _CONFIGS)
    return snapshot if revision and configured and _weights_whole(snapshot) else None


def _weights_whole(snapshot: Path) -> bool:
    indexes = sorted(snapshot.glob("*.index.json"))
    if indexes:
        return any(_index_whole(index) for index in indexes)
    return bool(weights(path.name for path in snapshot.iterdir() if path.exists()))


def _index_whole(index: Path) -> bool:
    try:
        named = set(json.loads(index.read_text())["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(named) and all((index.parent / str(name)).exists() for name in named)
