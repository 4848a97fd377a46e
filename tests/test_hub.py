"""Fetching from a Hub on loopback: huggingface_hub, HTTP and processes are the real ones."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.hub.fetch import Fetched, FetchError, fetch
from core.values import Failure, FailureKind
from tests.hub_server import REVISION, Hub, Repo, serving

MIB = 1 << 20
WEIGHTS = random.Random(7).randbytes(6 * MIB)
TOKEN = "hf_never_in_a_log"
SMALL = {"config.json": b'{"model_type": "llama"}', "tokenizer.json": b"{}"}
NOWHERE = "http://127.0.0.1:9"  # the port of discard: nobody listens


class Download:
    """One fetch with its folder, log and what it showed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.label = f"test-hub/{folder}/"
        self.home = folder / "hf"
        self.log = folder / "start" / "download.log"
        self.shown: list[tuple[int, int | None]] = []
        kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}
        ours = {"HF_HOME": str(self.home), "HF_TOKEN": TOKEN, "AUTOTUNER_LABEL": self.label}
        self.environment = {**kept, **ours, **environment}

    async def run(self, model: str = "org/tiny", limit: float = 120) -> Fetched:
        return await fetch(model, self.environment, self.log, self._show, limit)

    async def fails(self, model: str = "org/tiny", limit: float = 120) -> Failure:
        with pytest.raises(FetchError) as caught:
            await self.run(model, limit)
        failure = caught.value.failure
        assert failure.log == self.log.name
        assert TOKEN not in f"{failure} {self.log.read_text()}"
        assert self.processes() == []
        return failure

    async def _show(self, done: int, total: int | None) -> None:
        self.shown.append((done, total))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)

    def processes(self) -> list[psutil.Process]:
        return [p for p in psutil.process_iter() if self._mine(p)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("AUTOTUNER_LABEL") == self.label
        except psutil.Error:
            return False

    def done(self) -> int:
        return self.shown[-1][0] if self.shown else 0

    def parts(self) -> list[Path]:
        return sorted(self.home.rglob("*.incomplete"))


@pytest.fixture
def hub() -> Iterator[Hub]:
    tiny = Repo({**SMALL, "model.safetensors": WEIGHTS, "pytorch_model.bin": WEIGHTS})
    with serving(tiny=tiny) as hub:
        yield hub


@pytest.fixture
def download(tmp_path: Path, hub: Hub) -> Download:
    return Download(tmp_path, HF_ENDPOINT=hub.url)


async def test_a_model_is_fetched_once_and_then_found(download: Download, hub: Hub):
    hub.pause = 0.01
    fetched = await download.run()
    assert fetched.revision == REVISION
    assert (fetched.path / "model.safetensors").read_bytes() == WEIGHTS
    names = sorted(path.name for path in fetched.path.iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json"]
    assert hub.sent == {"model.safetensors": len(WEIGHTS)}

    total = len(WEIGHTS) + sum(map(len, SMALL.values()))
    seen = [done for done, _ in download.shown]
    assert {whole for _, whole in download.shown} == {total}
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, total)
    assert any(0 < done < total for done in seen)

    # The token goes to the Hub and to nobody it redirects to.
    assert {token for host, _, token in hub.asked if host == "localhost"} == {None}
    assert f"Bearer {TOKEN}" in {token for _, _, token in hub.asked}
    assert TOKEN not in download.log.read_text()

    hub.sent.clear()
    assert await download.run() == fetched
    assert hub.sent == {}

    for without in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": NOWHERE}):
        hub.asked.clear()
        download.environment |= without
        assert await download.run() == fetched
        assert hub.asked == []


async def test_cancelled_it_leaves_no_process_and_goes_on_later(download: Download, hub: Hub):
    hub.stop_at = 4 * MIB
    task = asyncio.create_task(download.run())
    await download.until(lambda: download.done() >= 3 * MIB)
    (process,) = download.processes()
    assert process.environ() == download.environment
    assert os.getsid(process.pid) == process.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert download.processes() == []
    (part,) = download.parts()
    kept = part.stat().st_size
    assert kept >= 3 * MIB

    hub.stop_at = None
    hub.starts.clear()
    download.shown.clear()
    fetched = await download.run()
    assert hub.starts == [("model.safetensors", kept)]
    assert download.shown[0][0] == kept
    assert (fetched.path / "model.safetensors").read_bytes() == WEIGHTS
    assert download.parts() == []


async def test_a_damaged_part_is_not_built_upon(download: Download, hub: Hub):
    blobs = download.home / "hub" / "models--org--tiny" / "blobs"
    blobs.mkdir(parents=True)
    blob = hub.repos["org/tiny"].blob("model.safetensors")
    (blobs / f"{blob}.incomplete").write_bytes(bytes(MIB))
    fetched = await download.run()
    assert (fetched.path / "model.safetensors").read_bytes() == WEIGHTS


async def test_a_connection_that_breaks_is_continued(download: Download, hub: Hub):
    hub.break_after = 4 * MIB
    fetched = await download.run()
    assert (fetched.path / "model.safetensors").read_bytes() == WEIGHTS
    assert [start > 0 for _, start in hub.starts] == [False, True]
    assert "going on at" in download.log.read_text()


async def test_the_limit_names_itself(download: Download, hub: Hub):
    hub.stop_at = MIB
    failure = await download.fails(limit=1.0)
    assert failure.kind == FailureKind.NETWORK
    assert "timeouts.download (1 s)" in failure.message
    assert "timeouts.download" in failure.advice


async def test_a_download_that_is_killed_is_a_crash(download: Download, hub: Hub):
    hub.stop_at = MIB
    task = asyncio.create_task(download.fails())
    await download.until(lambda: bool(download.shown))
    download.processes()[0].kill()
    failure = await task
    assert failure.kind == FailureKind.CRASH
    assert "status -9" in failure.message


async def test_a_download_ends_when_nobody_listens(download: Download, hub: Hub):
    hub.stop_at = MIB
    words = (sys.executable, "-P", "-m", "core.hub.download", "org/tiny")
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=download.environment) as process:
        assert process.stdout
        assert b'"plan"' in process.stdout.readline()
        process.stdout.close()
        assert await asyncio.to_thread(process.wait, 60) == 1


async def test_a_gated_model_says_where_to_accept_its_terms(download: Download, hub: Hub):
    hub.repos["org/tiny"].gated = True
    failure = await download.fails()
    assert failure.kind == FailureKind.MODEL_GATED
    assert f"{hub.url}/org/tiny" in failure.advice
    assert "HF_TOKEN" in failure.advice


async def test_a_missing_model_may_be_a_private_one(download: Download):
    failure = await download.fails("org/none")
    assert failure.kind == FailureKind.MODEL_MISSING
    assert "org/none" in failure.message
    assert "private" in failure.advice
    assert "HF_TOKEN" in failure.advice


async def test_what_does_not_fit_is_refused_before_it_begins(download: Download, hub: Hub):
    hub.repos["org/huge"] = Repo(dict(SMALL), declared={"model.safetensors": 10**18})
    failure = await download.fails("org/huge")
    assert failure.kind == FailureKind.DISK
    assert "1000000.0 TB are needed and " in failure.message
    assert "HF_HOME" in failure.advice
    assert not download.home.exists()


@pytest.mark.parametrize(
    ("environment", "kind", "words"),
    [
        ({"HF_ENDPOINT": NOWHERE}, FailureKind.NETWORK, NOWHERE),
        ({"HF_ENDPOINT": "hub.invalid"}, FailureKind.CONFIG, "HF_ENDPOINT"),
        ({"HF_HUB_OFFLINE": "1"}, FailureKind.OFFLINE, "HF_HUB_OFFLINE"),
        (
            {"HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": f"http://me:{TOKEN}@127.0.0.1:9"},
            FailureKind.PROXY,
            "HTTP_PROXY",
        ),
    ],
)
async def test_no_way_to_the_hub(
    download: Download, hub: Hub, environment: dict[str, str], kind: FailureKind, words: str
):
    download.environment |= environment
    failure = await download.fails()
    assert failure.kind == kind
    assert words in f"{failure.message} {failure.advice}"
    assert hub.asked == []


async def test_a_cache_that_cannot_be_made_is_named(download: Download):
    download.home.write_text("a file where the folder should be")
    failure = await download.fails()
    assert failure.kind == FailureKind.PERMISSION
    assert str(download.home) in failure.message
    assert "HF_HOME" in failure.advice


async def test_what_is_no_id_of_a_model_is_refused(download: Download, hub: Hub):
    failure = await download.fails("a/b/c")
    assert failure.kind == FailureKind.CONFIG
    assert "a/b/c" in failure.message
    assert hub.asked == []


async def test_a_local_folder_needs_no_network(download: Download, hub: Hub, tmp_path: Path):
    assert await download.run(str(tmp_path)) == Fetched(tmp_path)
    with pytest.raises(FetchError) as caught:
        await download.run(str(tmp_path / "gone"))
    assert caught.value.failure.kind == FailureKind.MODEL_MISSING
    assert hub.asked == []
    assert not download.log.exists()
