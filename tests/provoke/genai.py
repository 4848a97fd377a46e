"""Provokes failures of genai-bench, by its own command and by our launcher, and keeps its logs.

python -m tests.provoke.genai [NAME …]     (ten seconds each; needs root for some)
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.bench.genai import Bench, BenchError, Plan
from core.values import Purpose
from tests.bench_site import environment, make_tokenizer, serving
from tests.provoke.keeping import keep, neutral
from tests.provoke.scene import Scene, ended, running

PROGRAM = str(Path(sys.executable).parent / "genai-bench")
_LIMIT = 120.0
_UNKNOWN = {
    "error": {
        "message": "The model `other` does not exist.",
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }
}
Asked = Callable[[Scene], str]


def said(text: str) -> Asked:
    return lambda _: text


def status(number: int, body: object = None) -> Asked:
    return lambda scene: scene.hub(number, body)


@dataclass(frozen=True)
class Case:
    """One benchmark. `mode` is what `bench_server` does, when `server` gives no other address."""

    name: str
    kind: str
    mode: str = "ok"
    server: Asked | None = None
    tokenizer: Asked | None = None
    variables: Mapping[str, Asked] = field(default_factory=dict)
    before: Sequence[str] = ()
    more: Sequence[str] = ()
    launcher: bool = False


_ID = said("acme/tiny-7b")
_HOME = {"HF_HOME": said("hf")}
_REFUSED = {**_HOME, "HF_ENDPOINT": said("http://127.0.0.1:9")}
_OFFLINE = {**_HOME, "HF_HUB_OFFLINE": said("1")}
_PROXY = {**_HOME, "HTTPS_PROXY": said("http://127.0.0.1:9")}
_LOCKED = (
    "sh", "-c",
    "mkdir -p locked && chmod 700 locked && cd locked && chown 1 . && "
    'exec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all "$0" "$@"',
)  # fmt: skip
_FULL = (
    "unshare", "-m", "sh", "-c",
    'mkdir -p full && mount -t tmpfs -o size=16k none full && cd full && exec "$0" "$@"',
)  # fmt: skip

CASES = (
    Case("offline", "offline", tokenizer=_ID, variables=_OFFLINE),
    Case("hub-refused", "network", tokenizer=_ID, variables=_REFUSED),
    Case("proxy", "proxy", tokenizer=_ID, variables=_PROXY),
    Case("gated", "model_gated", tokenizer=_ID, variables=_HOME | {"HF_ENDPOINT": status(403)}),
    Case("hub-401", "model_gated", tokenizer=_ID, variables=_HOME | {"HF_ENDPOINT": status(401)}),
    Case("locked-folder", "permission", before=_LOCKED),
    Case("disk-full", "disk", before=_FULL),
    Case("no-tokenizer", "tokenizer", tokenizer=said("/models/none")),
    Case("empty-tokenizer", "tokenizer", tokenizer=lambda scene: str(scene.folder / "models")),
    Case("dead-server", "bench_errors", server=said("http://127.0.0.1:9")),
    Case("status-429", "bench_errors", server=status(429, {"error": "too many requests"})),
    Case("status-503", "bench_errors", server=status(503, {"error": "no available server"})),
    Case("status-404", "bench_errors", server=status(404, _UNKNOWN)),
    Case("status-500", "bench_errors", server=status(500, {"error": "Internal Server Error"})),
    Case("zero-tokens", "zero_tokens", mode="empty"),
    Case("not-json", "bench_errors", mode="broken"),
    Case("bad-scenario", "config", more=("--traffic-scenario", "Q(1,2)")),
    Case("bad-option", "config", more=("--max-request", "5")),
    Case("whole", "healthy"),
    Case("launcher-offline", "offline", tokenizer=_ID, variables=_OFFLINE, launcher=True),
    Case("launcher-hub-refused", "network", tokenizer=_ID, variables=_REFUSED, launcher=True),
    Case("launcher-proxy", "proxy", tokenizer=_ID, variables=_PROXY, launcher=True),
    Case("launcher-no-tokenizer", "tokenizer", tokenizer=said("/models/none"), launcher=True),
    Case("launcher-503", "bench_errors", server=status(503, {"error": "busy"}), launcher=True),
    Case("launcher-zero-tokens", "zero_tokens", mode="empty", launcher=True),
    Case("launcher-whole", "healthy", launcher=True),
)


def main() -> None:
    asked = set(sys.argv[1:])
    for case in CASES:
        if not asked or case.name in asked:
            folder = Path(tempfile.mkdtemp(prefix="provoke-"))
            (folder / "models").mkdir()
            tokenizer = make_tokenizer(folder / "models" / "tokenizer")
            with serving() as url:
                _provoke(case, Scene(folder, Path(tokenizer), 0, 0), url)
            shutil.rmtree(folder)
            print(case.name, case.kind, flush=True)


def _provoke(case: Case, scene: Scene, url: str) -> None:
    address = case.server(scene) if case.server else f"{url}/{case.mode}"
    tokenizer = case.tokenizer(scene) if case.tokenizer else str(scene.model)
    variables = {name: value(scene) for name, value in case.variables.items()}
    told = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    log = scene.folder / "benchmark.log"
    if case.launcher:
        asyncio.run(_launched(scene.folder, address, tokenizer, variables, log))
        told.append(f"core.bench.launcher {tokenizer}, {address}")
    else:
        words = [*_words(address, tokenizer), *case.more]
        with running([*case.before, PROGRAM, *words], variables, log) as pid:
            ended(pid, _LIMIT)
        told.append(shlex.join(["genai-bench", *words]))
    source = "healthy" if case.kind == "healthy" else "genai-bench"
    name = f"genai-bench-{case.name}" if source == "healthy" else case.name
    text = neutral(log.read_text(encoding="utf-8", errors="replace"))
    keep(source, name, case.kind, "genai-bench", " ".join(told), text)


def _words(address: str, tokenizer: str) -> list[str]:
    return [
        *("benchmark", "--api-backend", "vllm", "--api-base", address, "--api-key", "EMPTY"),
        *("--api-model-name", "other", "--model", "other", "--model-tokenizer", tokenizer),
        *("--task", "text-to-text", "--traffic-scenario", "D(20,10)", "--num-concurrency", "4"),
        *("--max-time-per-run", "1", "--max-requests-per-run", "40", "--spawn-rate", "4"),
        *("--experiment-base-dir", ".", "--experiment-folder-name", "results"),
    ]


async def _launched(
    folder: Path, address: str, tokenizer: str, variables: Mapping[str, str], log: Path
) -> None:
    plan = Plan(
        address, "other", "vllm", "D(20,10)", 4, 40, 60.0, 30.0, folder / "m", log,
        Purpose.SEARCH, 7,
    )  # fmt: skip
    given = {**environment(HTTPS_PROXY=""), **variables}
    async with Bench(given, tokenizer, log, folder) as bench:
        with suppress(BenchError):
            await bench.measure(plan)


if __name__ == "__main__":
    main()
