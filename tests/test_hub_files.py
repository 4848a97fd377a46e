"""Which files are worth fetching, what the cache has of them, and what errors mean."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import pytest
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]
from hypothesis import given
from hypothesis import strategies as st

from core.hub.cache import RemoteFile, Repository, whole_snapshot
from core.hub.files import wanted, weights
from core.hub.secrecy import GuardedStream, secrets_of
from core.hub.trouble import Asked, failure_of, transient
from core.values import FailureKind, size_text

ASKED = Asked("org/tiny", "https://hub.invalid", token=True)
SMALL = ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"]


@pytest.mark.parametrize(
    ("extra", "kept"),
    [
        (["model.safetensors", "pytorch_model.bin", "model.pt"], ["model.safetensors"]),
        (["pytorch_model.bin", "consolidated.00.pth"], ["pytorch_model.bin"]),
        (["consolidated.00.pth"], ["consolidated.00.pth"]),
        (["model.safetensors", "original/consolidated.00.pth"], ["model.safetensors"]),
        (["model.safetensors", "onnx/model.onnx", "tf_model.h5"], ["model.safetensors"]),
        (["model.Q4_K_M.gguf"], []),
        (["pytorch_model.bin", "training_args.bin", "optimizer.pt"], ["pytorch_model.bin"]),
        (["model.safetensors", "checkpoint-500/model.safetensors"], ["model.safetensors"]),
        (
            ["model.safetensors", "2_Dense/pytorch_model.bin"],
            ["2_Dense/pytorch_model.bin", "model.safetensors"],
        ),
        (
            ["model-00001-of-00001.safetensors", "consolidated.safetensors"],
            ["consolidated.safetensors", "model-00001-of-00001.safetensors"],
        ),
        ([".gitattributes", "picture.PNG"], []),
        (["tokenizer.model", "merges.txt", "modeling.py"],) * 2,
    ],
)
def test_the_files_an_engine_loads(extra: list[str], kept: list[str]):
    assert wanted([*SMALL, *extra]) == sorted([*SMALL, *kept])


@given(st.sets(st.from_regex(r"([a-c]/)?[a-c]\.(safetensors|bin|pt|json)", fullmatch=True)))
def test_no_folder_has_two_kinds_of_weights_and_no_folder_loses_all(names: set[str]):
    kept = wanted(names)
    assert set(kept) <= names
    for folder in {Path(name).parent for name in weights(names)}:
        kinds = {Path(n).suffix for n in weights(kept) if Path(n).parent == folder}
        assert len(kinds) == 1
    assert {n for n in names if n.endswith(".json")} <= set(kept)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (15_320_000_000, "15.3 GB"), (10**18, "1000000.0 TB")],
)
def test_sizes_are_written_as_the_hub_writes_them(count: int, text: str):
    assert size_text(count) == text


def cached(folder: Path, *names: str, index: tuple[str, ...] = ()) -> Path:
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    for name in names:
        (snapshot / name).touch()
    if index:
        text = json.dumps({"weight_map": {f"layer.{name}": name for name in index}})
        (snapshot / "model.safetensors.index.json").write_text(text)
    return snapshot


@pytest.mark.parametrize(
    ("names", "index", "whole"),
    [
        (("config.json", "model.safetensors"), (), True),
        (("params.json", "consolidated.safetensors"), (), True),
        (("config.json",), (), False),
        (("model.safetensors",), (), False),
        (("config.json", "a.safetensors", "b.safetensors"), ("a", "b"), True),
        (("config.json", "a.safetensors"), ("a", "b"), False),
    ],
)
def test_a_cached_model_is_used_only_when_it_is_whole(
    tmp_path: Path, names: tuple[str, ...], index: tuple[str, ...], whole: bool
):
    shards = tuple(f"{name}.safetensors" for name in index)
    snapshot = cached(tmp_path, *names, index=shards)
    assert whole_snapshot(tmp_path) == (snapshot if whole else None)


def test_a_cache_that_was_never_written_has_no_model(tmp_path: Path):
    assert whole_snapshot(tmp_path / "nothing") is None


def test_only_parts_that_will_be_continued_count(tmp_path: Path):
    repository = Repository(tmp_path, tmp_path / "models--org--tiny", "abc")
    whole, part, dead, huge = files = [
        RemoteFile(name, 10, name * 8, resumable=name != "huge")
        for name in ("whole", "part", "dead", "huge")
    ]
    blobs = repository.folder / "blobs"
    blobs.mkdir(parents=True)
    repository.blob(whole).write_bytes(b"x" * 10)
    repository.partial(part).write_bytes(b"x" * 4)
    for file in (dead, huge):  # as huggingface_hub names them
        (blobs / f"{file.blob}.1234abcd.incomplete").write_bytes(b"x" * 3)
    assert repository.missing(files) == 0 + 6 + 10 + 10
    assert repository.done(files) == 10 + 4 + 0 + 3
    assert repository.absent(files) == files


CHECK = """
import os, sys
from pathlib import Path
from core.hub.cache import Repository
from core.hub.outcome import FetchError
if os.getuid() == 0:
    os.setuid(65534)
root = Path(sys.argv[1])
try:
    Repository(root, root / "models--org--tiny", "abc").check_writable()
except FetchError as error:
    print(error.failure.kind, error.failure.message, error.failure.advice)
"""


def test_what_another_user_left_in_the_cache_is_named():
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        blobs = place / "hub" / "models--org--tiny" / "blobs"
        blobs.mkdir(parents=True)
        for folder in (place, *reversed(blobs.parents[:2]), blobs):
            folder.chmod(0o777)
        blobs.chmod(0o555)
        words = [sys.executable, "-c", CHECK, str(place / "hub")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        said = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
        assert said.stdout.startswith(f"permission the Hub's cache: {blobs} is not writable")
        assert "HF_HOME" in said.stdout
        assert os.getuid() != 0 or "belongs to root Run: sudo chown -R" in said.stdout
    finally:
        shutil.rmtree(place)


def test_what_is_printed_shows_no_secret():
    secrets = secrets_of({
        "HF_TOKEN": "hf_abcdef",
        "HTTPS_PROXY": "http://me:p4ssw0rd@proxy:3128",
        "http_proxy": "you:s3cret@proxy:3128",
        "HF_HOME": "/data/hf",
    })  # fmt: skip
    printed = io.StringIO()
    stream = GuardedStream(printed, secrets)
    stream.write("hf_abcdef at http://other:word@proxy, p4ssw0rd and s3cret in /data/hf\n")
    assert printed.getvalue() == "••• at http://•••@proxy, ••• and ••• in /data/hf\n"
    secrets.add("hf_stored_later")
    stream.write("hf_stored_later")
    assert printed.getvalue().endswith("\n•••")


def answered(status: int, **headers: str) -> Exception:
    """The error that huggingface_hub makes of an answer."""
    request = httpx2.Request("GET", "https://hub.invalid/api/models/org/tiny")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        hf_raise_for_status(httpx2.Response(status, request=request, headers=named, json={}))
    except Exception as error:
        return error
    raise AssertionError("no error")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answered(404, X_Error_Code="RepoNotFound"), "model_missing", "HF_TOKEN"),
        (answered(401), "model_missing", "HF_TOKEN"),  # the Hub's word for: not there, or private
        (answered(401, X_Error_Message="Invalid credentials in Authorization header"),
         "model_gated", "Invalid credentials"),
        (answered(403, X_Error_Code="GatedRepo"), "model_gated", "https://hub.invalid/org/tiny"),
        (answered(403, X_Error_Message="token has no right"), "model_gated", "token has no right"),
        (answered(407), "proxy", "NO_PROXY"),
        (answered(503), "network", "503"),
        (answered(429), "network", "429"),
        (httpx2.ProxyError("407 Proxy Authentication Required"), "proxy", "407"),
        (httpx2.ReadTimeout("timed out"), "network", "timed out"),
        (httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), "network", "SSL_CERT_FILE"),
        (httpx2.UnsupportedProtocol("no scheme"), "config", "HF_ENDPOINT"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "disk", "/data/x"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/data/blobs/x"), "disk", "quota"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/blobs/x"),
         "permission", "/data/blobs/x"),
        (FileExistsError(errno.EEXIST, "File exists", "/data/hub"), "permission", "not a folder"),
        (ValueError("something new"), "unknown", "something new"),
    ],
)  # fmt: skip
def test_what_an_error_means(error: Exception, kind: str, words: str):
    failure = failure_of(error, ASKED)
    assert failure.kind == FailureKind(kind)
    assert words in f"{failure.message} {failure.advice}"
    assert failure.message
    assert failure.advice


def test_the_cause_behind_an_error_counts():
    error = FileNotFoundError("not in the cache")
    error.__cause__ = httpx2.ConnectError("refused")
    assert failure_of(error, ASKED).kind == FailureKind.NETWORK


def test_only_a_connection_that_broke_is_worth_another_try():
    assert transient(httpx2.ReadError("reset"))
    assert transient(httpx2.RemoteProtocolError("peer closed"))
    assert not transient(answered(403, X_Error_Code="GatedRepo"))
    assert not transient(OSError(errno.ENOSPC, "No space left on device"))
