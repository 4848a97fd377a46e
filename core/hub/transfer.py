"""Brings one model into the Hub's cache; what was begun is continued.

huggingface_hub starts a file anew when a download was ended in the middle. Large files are
therefore written here, under the names of its cache and with its own locks and HTTP client,
and it is left to it to do the rest: small files, links, references.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from glob import escape
from pathlib import Path
from typing import BinaryIO, Protocol

from huggingface_hub import HfApi, constants, get_token, hf_hub_url, snapshot_download
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    WeakFileLock,
    build_hf_headers,
    disable_progress_bars,
    validate_repo_id,
)

from core.hub.cache import RemoteFile, Repository, size_of, whole_snapshot
from core.hub.files import wanted
from core.hub.outcome import refused
from core.hub.trouble import Asked, failure_of, transient
from core.values import Failure, FailureKind

_TICK = 0.25
_PAUSE = 0.5
_AT_ONCE = 8
_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Tell(Protocol):
    """Takes an event and its fields."""

    def __call__(self, event: str, **fields: object) -> None: ...


def transfer(model: str, tell: Tell) -> tuple[Path, str]:
    """The complete snapshot of `model` and its revision. Raises what `explain` understands."""
    validate_repo_id(model)
    disable_progress_bars()
    # Progress in small steps, and little lost of what is ended in the middle.
    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK
    root = Path(constants.HF_HUB_CACHE)
    folder = root / repo_folder_name(repo_id=model, repo_type="model")
    if constants.HF_HUB_OFFLINE:
        return _offline(model, folder)
    try:
        revision, files = listed(model)
    except Exception as error:
        return _unreachable(model, folder, error)
    return _brought(model, Repository(root, folder, revision), files, tell)


def explain(error: BaseException, model: str) -> Failure:
    """What an exception of `transfer` means."""
    return failure_of(error, Asked(model, constants.ENDPOINT, get_token() is not None))


def stored_token() -> set[str]:
    """The token that `hf auth login` left, which no environment variable names."""
    token = get_token()
    return {token} if token else set()


def _offline(model: str, folder: Path) -> tuple[Path, str]:
    if snapshot := whole_snapshot(folder):
        return snapshot, snapshot.name
    raise refused(
        FailureKind.OFFLINE,
        f"HF_HUB_OFFLINE is set, and {model} is not complete in the cache {folder.parent}",
        "Unset HF_HUB_OFFLINE to download it, or set HF_HOME to the cache that has it.",
    )


def _unreachable(model: str, folder: Path, error: Exception) -> tuple[Path, str]:
    """The cache serves when the Hub does not; engines do the same."""
    snapshot = whole_snapshot(folder)
    if snapshot is None or explain(error, model).kind != FailureKind.NETWORK:
        raise error
    print(f"the Hub cannot be asked, so the cached {snapshot} is used: {error}", file=sys.stderr)
    return snapshot, snapshot.name


def listed(model: str) -> tuple[str, list[RemoteFile]]:
    """The newest revision, and those of its files that are worth having."""
    api = HfApi()
    revision = api.model_info(model, timeout=constants.HF_HUB_ETAG_TIMEOUT).sha
    assert revision
    entries = api.list_repo_tree(model, recursive=True, revision=revision)
    files = {entry.path: _file(entry) for entry in entries if isinstance(entry, RepoFile)}
    return revision, [files[name] for name in wanted(files)]


def _file(entry: RepoFile) -> RemoteFile:
    if entry.lfs and _SHA256.fullmatch(entry.lfs.sha256):
        # Larger ones are not served to plain HTTP: hf_xet brings them, each time from the start.
        resumable = entry.lfs.size <= constants.MAX_HTTP_DOWNLOAD_SIZE
        return RemoteFile(entry.path, entry.lfs.size, entry.lfs.sha256, resumable)
    return RemoteFile(entry.path, entry.size, entry.blob_id, resumable=False)


def _brought(
    model: str, repository: Repository, files: Sequence[RemoteFile], tell: Tell
) -> tuple[Path, str]:
    total = sum(file.size for file in files)
    missing = repository.missing(files)
    tell("plan", files=len(files), bytes=total, missing=missing)
    absent = repository.absent(files)
    if absent:
        repository.check_writable()
        repository.check_space(missing)
    threading.Thread(target=_watch, args=(repository, files, tell), daemon=True).start()
    _fill(model, repository, [file for file in absent if file.resumable])
    path = snapshot_download(model, allow_patterns=[escape(file.name) for file in files])
    tell("progress", bytes=repository.done(files))
    return Path(path), Path(path).name


def _watch(repository: Repository, files: Sequence[RemoteFile], tell: Tell) -> None:
    """Tell what is on disk, whoever wrote it; the process ends when nobody listens."""
    while True:
        tell("progress", bytes=repository.done(files))
        time.sleep(_TICK)


def _fill(model: str, repository: Repository, files: Sequence[RemoteFile]) -> None:
    """Bring the contents of large files; the first failure ends it."""
    pool = ThreadPoolExecutor(_AT_ONCE)
    tasks = [pool.submit(_content, model, repository, file) for file in files]
    for task in as_completed(tasks):
        task.result()


def _content(model: str, repository: Repository, file: RemoteFile) -> None:
    blob, partial, lock = repository.blob(file), repository.partial(file), repository.lock(file)
    for place in (blob, lock):
        place.parent.mkdir(parents=True, exist_ok=True)
    url = hf_hub_url(model, file.name, revision=repository.revision)
    with WeakFileLock(lock):
        if blob.exists():
            return
        if size_of(partial) and not _continued(url, partial, file):
            partial.unlink()
        _received(url, partial, file.size)
        partial.replace(blob)


def _continued(url: str, partial: Path, file: RemoteFile) -> bool:
    """Receive the rest; whether the whole is what it should be.

    A part that a power cut left may be damaged; its size would not tell.
    """
    if size_of(partial) > file.size:
        return False
    _received(url, partial, file.size)
    with partial.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.blob


def _received(url: str, partial: Path, size: int) -> None:
    """Go on while each connection brings something; huggingface_hub repeats the rest."""
    while True:
        begun = size_of(partial)
        try:
            with partial.open("ab") as stream:
                _get(url, stream, begun, size)
            return
        except Exception as error:
            if not transient(error) or size_of(partial) <= begun:
                raise
            print(f"{partial.name}: going on at {size_of(partial)}: {error}", file=sys.stderr)
            time.sleep(_PAUSE)


def _get(url: str, stream: BinaryIO, begun: int, size: int) -> None:
    # The address is resolved for each try: what it redirects to expires.
    http_get(url, stream, resume_size=begun, headers=build_hf_headers(), expected_size=size)
