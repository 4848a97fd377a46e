"""What is done to an engine once it was started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil

from tests.provoke.scene import Scene, ask, healthy


def _wait(scene: Scene, pid: int) -> None:
    """It ends by itself."""


def _killed_loading(scene: Scene, pid: int) -> None:
    _core(pid)
    time.sleep(4)
    os.killpg(pid, signal.SIGKILL)


def _core_killed_loading(scene: Scene, pid: int) -> None:
    core = _core(pid)
    time.sleep(4)
    os.kill(core, signal.SIGKILL)


def _terminated_loading(scene: Scene, pid: int) -> None:
    _core(pid)
    time.sleep(4)
    os.kill(pid, signal.SIGTERM)


def _core_killed_under_load(scene: Scene, pid: int) -> None:
    assert healthy(scene.port, pid)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(_talk, scene, 1500)
        time.sleep(3)
        os.kill(_core(pid), signal.SIGKILL)


def _served(end: int) -> Callable[[Scene, int], None]:
    """Answers requests, refuses some, and is stopped by this signal."""

    def act(scene: Scene, pid: int) -> None:
        assert healthy(scene.port, pid)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: _talk(scene, 40), range(16)))
        for path in ("/v1/models", "/metrics", "/nowhere"):
            ask(scene.port, "GET", path)
        ask(scene.port, "POST", "/reset_prefix_cache")
        ask(scene.port, "POST", "/v1/completions", {"model": "other", "prompt": "x"})
        ask(scene.port, "POST", "/v1/completions", {"prompt": "x", "max_tokens": 99999})
        ask(scene.port, "POST", "/v1/completions", {"prompt": ["error: failed"], "max_tokens": -1})
        time.sleep(11)
        os.kill(pid, end)

    return act


def _stopped_under_load(scene: Scene, pid: int) -> None:
    assert healthy(scene.port, pid)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(_talk, scene, 1500)
        time.sleep(3)
        os.kill(pid, signal.SIGTERM)


def _talk(scene: Scene, tokens: int) -> None:
    body = {"prompt": "to be or not to be " * 8, "max_tokens": tokens, "ignore_eos": True}
    with suppress(OSError, Exception):
        ask(scene.port, "POST", "/v1/completions", body, 120)


def _core(pid: int) -> int:
    """The process that holds the model, as soon as there is one."""
    while True:
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "EngineCore" in child.name() or "EngineCore" in " ".join(child.cmdline()):
                    return child.pid
        time.sleep(0.2)


ACTS: dict[str, Callable[[Scene, int], None]] = {
    "wait": _wait,
    "SIGKILL to all while loading": _killed_loading,
    "SIGKILL to EngineCore while loading": _core_killed_loading,
    "SIGTERM while loading": _terminated_loading,
    "SIGKILL to EngineCore under load": _core_killed_under_load,
    "served, then SIGTERM": _served(signal.SIGTERM),
    "served, then SIGINT": _served(signal.SIGINT),
    "SIGTERM under load": _stopped_under_load,
}
