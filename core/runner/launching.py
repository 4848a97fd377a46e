"""Starting a LaunchSpec as its task wants it, and writing down what was started."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from pathlib import Path

from core import __version__, settings
from core.bench.launched import ENVIRONMENT
from core.deploy import docker
from core.deploy.base import Running
from core.deploy.process import LABEL, EngineProcess
from core.engines import boxes
from core.runner.progress import Progress
from core.runner.setup import Setup
from core.store.journal import Journal, StartKey
from core.values import Container, LaunchSpec, Phase


async def start(
    setup: Setup, journal: Journal, key: StartKey, spec: LaunchSpec, devices: tuple[str, ...]
) -> Running:
    """Start as a process or a container. Raises StartError."""
    log = setup.home.start(key.task, key.number, key.attempt) / "engine.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    label = setup.label(key.number, key.attempt)
    if spec.container is None:
        visible = {"CUDA_VISIBLE_DEVICES": ",".join(devices)} if devices else {}
        given = {**setup.engine_environment, **visible}
        return await EngineProcess.start(spec, given, log, label)
    _make_folders(setup, spec.container)
    given = {**setup.container_environment, LABEL: label}
    # One start at a time: what else carries our label was left when no daemon answered.
    await docker.sweep(setup.home.label, daemon=_daemon(setup))
    return await docker.start(
        spec,
        given,
        log,
        _labels(setup, key),
        progress=Progress(journal, key, Phase.PULL),
        pull_limit=setup.task.timeouts.pull,
        daemon=_daemon(setup),
    )


async def find(setup: Setup, key: StartKey, spec: LaunchSpec) -> Running | None:
    """The engine of a start that an earlier runner launched. StartError without its daemon."""
    log = setup.start(key.number, key.attempt) / "engine.log"
    if spec.container is None:
        return await EngineProcess.find(setup.label(key.number, key.attempt), log)
    return await docker.find_start(_labels(setup, key), log, _daemon(setup))


def _labels(setup: Setup, key: StartKey) -> docker.Labels:
    return docker.Labels(setup.home.label, key.task, key.number, key.attempt)


def _daemon(setup: Setup) -> docker.Daemon:
    return docker.Daemon(setup.settings.values.get("DOCKER_HOST"))


def _make_folders(setup: Setup, box: Container) -> None:
    """Docker would make missing mount sources as root."""
    if setup.engine.loads_weights:
        setup.host.hub.mkdir(parents=True, exist_ok=True)
    if setup.engine.caches:
        boxes.caches(setup.engine, box.image, setup.host).mkdir(parents=True, exist_ok=True)


def write_manifest(setup: Setup, key: StartKey, spec: LaunchSpec, running: Running) -> None:
    """What exactly was started, secrets masked."""
    given = setup.container_environment if spec.container else setup.engine_environment
    manifest = {
        "task": key.task,
        "experiment": key.number,
        "attempt": key.attempt,
        "started": time.time(),
        "engine": setup.engine.name,
        "argv": spec.argv,
        "environment": settings.masked_environment(given),
        "benchmark_environment": settings.masked_environment(
            {**setup.bench_environment, **ENVIRONMENT}
        ),
        "genai_bench": importlib.metadata.version("genai-bench"),
        "autotuner_tui": __version__,
        "python": platform.python_version(),
        "host": platform.platform(),
        "seed": setup.task.seed,
        **running.facts,
    }
    folder: Path = setup.home.start(key.task, key.number, key.attempt)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
