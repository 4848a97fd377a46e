"""Provokes the refusals of a real Docker daemon by its command line, and keeps what they say.

python -m tests.provoke.docker     (a second each; needs root, busybox and a Docker daemon)
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.provoke.keeping import keep, neutral

IMAGE = "engine:latest"
_NAME = "--name=autotuner-3-1"
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@dataclass(frozen=True)
class Case:
    """One `docker` command; `{port}` in it is taken."""

    name: str
    kind: str
    words: tuple[str, ...]
    before: tuple[str, ...] = ()


CASES = (
    Case("no-image", "image", ("run", "--rm", "acme/vllm-openai:v0.0.1")),
    Case("pull-fails", "image", ("pull", "registry.invalid/acme/vllm-openai:v0.0.1")),
    Case("bad-image-name", "config", ("run", "--rm", "Acme/VLLM:latest")),
    Case("no-daemon", "docker", ("-H", "unix:///run/none.sock", "run", "--rm", IMAGE)),
    Case("not-permitted", "permission", ("run", "--rm", IMAGE), _NOBODY),
    Case("name-taken", "docker", ("run", _NAME, IMAGE, "true")),
    Case("port-taken", "port", ("run", "--rm", "-p", "127.0.0.1:{port}:8000", IMAGE, "true")),
    Case("no-program", "config", ("run", "--rm", IMAGE, "vllm", "serve", "acme/tiny-7b")),
    Case("no-path", "config", ("run", "--rm", "--entrypoint=/opt/vllm/bin/vllm", IMAGE)),
    Case("no-gpu-runtime", "docker", ("run", "--rm", "--gpus", "all", IMAGE, "true")),
    Case("unknown-runtime", "docker", ("run", "--rm", "--runtime=nvidia", IMAGE, "true")),
    Case(
        "no-mount",
        "config",
        ("run", "--rm", "--mount", "type=bind,src=/data/none,dst=/models", IMAGE, "true"),
    ),
    Case("bad-mount", "config", ("run", "--rm", "-v", "/data:models", IMAGE, "true")),
    Case("no-network", "config", ("run", "--rm", "--network=inference", IMAGE, "true")),
    Case("no-user", "config", ("run", "--rm", "--user=engine", IMAGE, "true")),
    Case("bad-shm", "config", ("run", "--rm", "--shm-size=much", IMAGE, "true")),
)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="provoke-"))
    _image(folder)
    _docker("create", _NAME, IMAGE, "true")
    try:
        with socket.create_server(("127.0.0.1", 0)) as held:
            for case in CASES:
                _provoke(case, held.getsockname()[1])
    finally:
        _docker("rm", "-f", _NAME.partition("=")[2])
        _docker("rmi", "-f", IMAGE)
        shutil.rmtree(folder)


def _image(folder: Path) -> None:
    """An image of nothing but busybox."""
    (folder / "bin").mkdir()
    busybox = folder / "bin" / "busybox"
    shutil.copy(shutil.which("busybox") or "busybox", busybox)
    (folder / "bin" / "true").symlink_to("busybox")
    with subprocess.Popen(["tar", "-C", folder, "-c", "bin"], stdout=subprocess.PIPE) as tar:
        subprocess.run(["docker", "import", "-", IMAGE], stdin=tar.stdout, check=True)


def _docker(*words: str) -> None:
    subprocess.run(["docker", *words], stdout=subprocess.DEVNULL, check=False)


def _provoke(case: Case, port: int) -> None:
    words = ["docker", *(word.replace("{port}", str(port)) for word in case.words)]
    done = subprocess.run([*case.before, *words], capture_output=True, text=True, timeout=120)
    told = shlex.join(words) + (" (as nobody)" if case.before else "")
    keep("docker", case.name, case.kind, "docker", told, _neutral(done.stdout + done.stderr))
    print(case.name, done.returncode, flush=True)


def _neutral(text: str) -> str:
    """Without the addresses of registries and resolvers."""
    text = re.sub(r"\bregistry[\w.-]*\.(?:io|invalid)\b", "registry.example", text)
    return re.sub(r" on [\d.]+:53:", " on 192.0.2.53:53:", neutral(text))


if __name__ == "__main__":
    main()
