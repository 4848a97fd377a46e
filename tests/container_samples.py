"""Containers to show: ours in every state, others that hold GPUs, hostile ones, none."""

from __future__ import annotations

from dataclasses import replace

from core.store.views import ContainerView, LiveView
from tests.gpu_samples import GIB, busy, foreign, idle
from tests.tui_sample import CHAT, NOW

NO_DOCKER = "Docker is not running: /var/run/docker.sock: Connection refused"
GPUS = (busy(0), busy(1), foreign(2), idle(3))

ENGINE = ContainerView(
    "1f3d" + "0" * 60,
    f"autotuner-{CHAT.id}-8-1-9f2c",
    "vllm/vllm-openai:v0.32.0@sha256:" + "ab" * 32,
    "running",
    True,
    CHAT.id,
    8,
    NOW - 754,
    ("127.0.0.1:43817 → 43817/tcp",),
    (GPUS[0].uuid, GPUS[1].uuid),
    7.93,
    int(18.24 * GIB),
    (
        ("HF_HOME", "/autotuner/hub"),
        ("HF_TOKEN", "•••"),
        ("HTTPS_PROXY", "http://•••@proxy.example.com:3128"),
        ("NO_PROXY", ".example.com,localhost,127.0.0.1,::1"),
        ("PATH", "/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/bin"),
    ),
)
ENDED = replace(
    ENGINE, id="2e4c" + "0" * 60, name=f"autotuner-{CHAT.id}-7-1-00aa", experiment=7,
    state="exited", started=NOW - 2000, ports=(), cpu=None, memory=None,
)  # fmt: skip
STRANGER = ContainerView(
    "3a5b" + "0" * 60,
    "training-of-a-colleague-with-a-long-name",
    "registry.example.com:5000/ml/trainer:2026.11",
    "running",
    False,
    started=NOW - 200_000,
    ports=("0.0.0.0:6006 → 6006/tcp",),
    gpus=(GPUS[2].uuid,),
    cpu=31.5,
    memory=212 * GIB,
    environment=(("WANDB_API_KEY", "•••"),),
)
HOSTILE = replace(
    ENGINE,
    id="4b6c" + "0" * 60,
    name="[red]x[/tmp/x]\x1b[2J\u202e",
    image="[/]\x1b]52;c;evil\x07",
    state="[blink]odd",
    task="gone[/red]",
    ports=("[b]:1 → 1/tcp",),
    gpus=("[u]",),
    environment=(("[i]", "\x1b[31m[/red]\u202e"),),
)

LIVE = LiveView(NOW - 1, GPUS, containers=(ENGINE, ENDED, STRANGER))
NOTHING = LiveView(NOW - 1, GPUS)
WITHOUT_DOCKER = LiveView(NOW - 1, GPUS, container_note=NO_DOCKER)
