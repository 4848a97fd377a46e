"""The one value that is started and printed: as a process, in a container."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.boxes import CACHE, HUB, Host
from core.engines.registry import ENGINES, launch
from core.settings import Settings
from core.space import build
from core.task import Task, parse
from core.values import InputError

SETTINGS = Settings({
    "HOME": "/home/me", "HF_TOKEN": "hf_secret_token",
    "HTTPS_PROXY": "http://host.invalid:1",
    "CONTAINER_HTTPS_PROXY": "http://me:geheim@box.invalid:2",
})  # fmt: skip
BOXED = """
model: Qwen/Qwen3-8B
engine: {engine}
deploy: docker
mounts: ["/data/models:/models:ro"]
docker: {{shm_size: 16g, ipc: host}}
parallel: {{tp: [2]}}
environment: {{OMP_NUM_THREADS: 8}}
"""


def made(text: str, tmp_path: Path) -> tuple[Task, Host]:
    host = replace(Host.of(SETTINGS, Path("/state/cache")), driver=True)
    return parse(text, "task.yaml", tmp_path), host


def baseline(task: Task, host: Host, **more):
    return launch(task, build(task, ENGINES[task.engine]).baseline, host, **more)


def test_a_process_is_what_it_was(tmp_path: Path):
    task, host = made("model: m/m\nengine: vllm\ncommand: [/opt/vllm, serve]\n", tmp_path)
    spec = baseline(task, host, port=8123)
    assert spec.container is None
    assert spec.shell() == (
        "/opt/vllm serve m/m --served-model-name m/m --host 127.0.0.1 --port 8123 --seed 0"
    )


def test_vllms_image_is_the_server_and_gets_flags_only(tmp_path: Path):
    task, host = made(BOXED.format(engine="vllm"), tmp_path)
    words = shlex.split(baseline(task, host).shell())
    assert words[:3] == ["docker", "run", "--rm"]
    image = words.index("vllm/vllm-openai:v0.32.0")
    assert words[image + 1] == "Qwen/Qwen3-8B"
    assert words[words.index("--gpus") + 1] == '"device=0,1"'
    assert words[words.index("-p") + 1] == "127.0.0.1:8000:8000"
    assert words[words.index("--host") + 1] == "0.0.0.0"
    assert "--entrypoint" not in words
    mounts = [words[i + 1] for i, word in enumerate(words) if word == "-v"]
    assert f"/home/me/.cache/huggingface:{HUB}" in mounts
    assert "/data/models:/models:ro" in mounts
    assert any(mount.endswith(f":{CACHE}") and "v0.32.0" in mount for mount in mounts)
    given = [words[i + 1] for i, word in enumerate(words) if word == "-e"]
    assert "OMP_NUM_THREADS=8" in given
    assert f"VLLM_CACHE_ROOT={CACHE}/vllm" in given


def test_secrets_and_host_proxies_are_in_no_printed_command(tmp_path: Path):
    task, host = made(BOXED.format(engine="vllm"), tmp_path)
    text = baseline(task, host).shell()
    assert "hf_secret_token" not in text
    assert "geheim" not in text
    assert "host.invalid" not in text
    assert " -e HF_TOKEN " in text
    assert " -e HTTPS_PROXY " in text


def test_an_image_without_a_server_is_told_the_program(tmp_path: Path):
    task, host = made(BOXED.format(engine="sglang"), tmp_path)
    spec = baseline(task, host)
    assert spec.argv[:3] == ("python3", "-m", "sglang.launch_server")
    assert spec.container is not None
    assert spec.container.entrypoint == ()


def test_a_command_of_the_task_replaces_the_entrypoint(tmp_path: Path):
    text = BOXED.format(engine="vllm") + "command: [/usr/bin/vllm, serve]\nimage: mine:1\n"
    task, host = made(text, tmp_path)
    words = shlex.split(baseline(task, host, devices=("GPU-1",), port=9).shell())
    assert words[words.index("--entrypoint") + 1] == "/usr/bin/vllm"
    assert words[words.index("mine:1") + 1 :][:2] == ["serve", "Qwen/Qwen3-8B"]
    assert words[words.index("--gpus") + 1] == '"device=GPU-1"'


def test_the_hosts_network_needs_no_published_port(tmp_path: Path):
    text = BOXED.format(engine="vllm").replace("ipc: host", "network: host")
    task, host = made(text, tmp_path)
    words = shlex.split(baseline(task, host).shell())
    assert "-p" not in words
    assert words[words.index("--host") + 1] == "127.0.0.1"


def test_without_a_driver_no_gpu_is_asked_for(tmp_path: Path):
    task, host = made(BOXED.format(engine="vllm"), tmp_path)
    assert "--gpus" not in baseline(task, replace(host, driver=False)).shell()
    none, host = made(BOXED.format(engine="vllm") + "gpus: 0\n", tmp_path)
    assert "--gpus" not in baseline(none, host).shell()


def test_an_engine_without_an_image_asks_for_one(tmp_path: Path):
    task, host = made("model: m\nengine: simulated\ndeploy: docker\n", tmp_path)
    with pytest.raises(InputError, match="image"):
        baseline(task, host)
