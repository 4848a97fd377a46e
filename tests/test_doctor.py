"""doctor: each look on its own, all of them together, and the command."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import __version__
from core.doctor import disk, own
from core.doctor.gpus import gpu_checks
from core.doctor.machine import Look, examine_machine, together
from core.doctor.proxies import container_proxies, host_proxies
from core.doctor.report import Verdict, ok
from core.doctor.terminal import terminal_check
from core.gpu.nvml import Nvml
from core.paths import Home
from core.settings import Settings
from core.store.lock import RunnerLock
from tests.e2e import Program
from tests.servers import a_hub, serving

NOBODY = "tcp://127.0.0.1:1"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / "cwd"
    folder.mkdir()
    return Program(tmp_path / "home", folder)


def test_the_command_prints_one_document_without_secrets(program, tmp_path):
    (program.cwd / ".env").write_text("CONTAINER_HTTPS_PROXY=http://boxer:boxsecret@localhost:9\n")
    with serving(a_hub({"hf_secretOfMine": "a-person"})) as hub:
        done = program(
            "doctor",
            "--json",
            HF_ENDPOINT=hub.url,
            HF_TOKEN="hf_secretOfMine",
            HF_HOME=str(tmp_path / "hf"),
            DOCKER_HOST=NOBODY,
            HTTP_PROXY="http://someone:hunter2@proxy.example:3128",
            http_proxy="http://someone:other2@proxy.example:3128",
        )
    document = json.loads(done.stdout)
    checks = {check["id"]: check for check in document["checks"]}
    assert done.returncode == (0 if document["passed"] else 1)
    failed = [check for check in checks.values() if check["verdict"] == "failure"]
    assert document["passed"] is not bool(failed)
    assert {
        "home", "disk", "genai-bench", "vllm", "docker", "gpus", "hub", "hf-cache", "proxies",
        "container-proxies", "terminal", "logind", "runner", "processes",
    } <= set(checks)  # fmt: skip
    assert checks["docker"]["verdict"] in {"warning", "unknown"}  # unknown: too busy a machine
    assert checks["proxies"]["verdict"] == "warning"
    assert "proxy.example:3128" in checks["proxies"]["evidence"]
    assert checks["container-proxies"]["verdict"] == "warning"
    assert "network: host" in checks["container-proxies"]["advice"]
    for secret in ("hf_secretOfMine", "hunter2", "other2", "boxsecret", "boxer", "someone"):
        assert secret not in done.stdout + done.stderr


def test_the_command_says_failures_and_exits_1(program):
    program.home.write_text("a file, not a folder")
    done = program("doctor", DOCKER_HOST=NOBODY, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert any(line.startswith("failure  home") for line in done.stdout.splitlines())
    assert "HF_HUB_OFFLINE" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_unusable_env_file_is_bad_input(program):
    (program.cwd / ".env").write_text("= what\n")
    done = program("doctor", "--json")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_look_that_hangs_or_breaks_holds_up_nothing():
    forever = threading.Event()

    def hangs():
        forever.wait(120)
        return [ok("slow", "")]

    def breaks():
        raise RuntimeError("no\x1b[2J idea")

    began = time.monotonic()
    looks = [Look("slow", hangs), Look("broken", breaks), Look("good", lambda: [ok("good", "x")])]
    found = together(looks, 1.0)
    forever.set()
    assert time.monotonic() - began < 60
    assert [check.verdict for check in found] == [Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.OK]
    assert "longer than 1 s" in found[0].evidence
    assert "RuntimeError" in found[1].evidence


def test_what_others_write_is_shown_on_one_line(tmp_path):
    name = "evil\n\x1b[2J\u202ename"
    with serving(a_hub({"hf_tokenOfSomebody": name})) as hub:
        environ = {
            "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_tokenOfSomebody", "DOCKER_HOST": NOBODY,
            "HOME": str(tmp_path), "PATH": os.environ["PATH"],
        }  # fmt: skip
        report = examine_machine(Home(tmp_path / "home"), tmp_path, environ, limit=60)
    token = next(check for check in report.checks if check.id == "token")
    assert token.evidence.startswith("valid, of evil")
    assert all(text.isprintable() for c in report.checks for text in (c.evidence, c.advice))


@pytest.mark.parametrize(
    ("values", "verdict", "said"),
    [
        ({}, Verdict.OK, "none set"),
        ({"HTTP_PROXY": "http://p:1"}, Verdict.OK, "HTTP_PROXY=http://p:1"),
        ({"https_proxy": "p:3128"}, Verdict.OK, "https_proxy=p:3128"),
        ({"HTTP_PROXY": "http://p:1", "http_proxy": "http://q:1"}, Verdict.WARNING, "disagree"),
        ({"HTTP_PROXY": "ftp://p:1"}, Verdict.FAILURE, "ftp"),
        ({"ALL_PROXY": "http://"}, Verdict.FAILURE, "ALL_PROXY"),
        ({"ALL_PROXY": "http://p:port"}, Verdict.FAILURE, "ALL_PROXY"),
        ({"NO_PROXY": "ftp://x"}, Verdict.OK, "NO_PROXY"),
    ],
)
def test_proxies_of_this_machine(values, verdict, said):
    check = host_proxies(Settings(values))
    assert check.verdict is verdict
    assert said in check.evidence


@pytest.mark.parametrize(
    ("proxy", "loopback"),
    [
        ("http://127.0.0.1:3128", True),
        ("http://localhost:3128", True),
        ("localhost:3128", True),
        ("http://[::1]:3128", True),
        ("http://u:p/w@127.8.8.8:3128", True),
        ("http://10.0.0.1:3128", False),
        ("http://localhost.example.com:3128", False),
        ("http://localhost:pw@10.0.0.1:3128", False),
    ],
)
def test_a_proxy_on_loopback_is_not_there_in_a_container(proxy, loopback):
    check = container_proxies(Settings({"CONTAINER_HTTP_PROXY": proxy}))
    assert (check.verdict is Verdict.WARNING) is loopback
    assert "p/w" not in check.evidence


def test_containers_without_the_proxy_that_the_machine_needs():
    check = container_proxies(Settings({"https_proxy": "http://p:1"}))
    assert check.verdict is Verdict.WARNING
    assert "CONTAINER_HTTPS_PROXY" in check.advice


@given(
    user=st.text("abcXYZ", min_size=4, max_size=8),
    password=st.text("0123456789-_.~!$&*+;=/", min_size=8, max_size=20),
    scheme=st.sampled_from(["http://", "https://", "socks5://", ""]),
)
def test_no_credentials_of_a_proxy_are_ever_shown(user, password, scheme):
    proxy = f"{scheme}{user}:{password}@proxy.example:3128"
    found = Settings({"HTTP_PROXY": proxy, "CONTAINER_ALL_PROXY": proxy})
    for check in (host_proxies(found), container_proxies(found)):
        assert password not in check.evidence
        assert "proxy.example:3128" in check.evidence


def test_disk(tmp_path):
    home = Home(tmp_path / "not" / "yet")
    assert "GB free" in disk.home_disk(home).evidence
    assert disk.room("x", tmp_path, 1e9, "advice").verdict in {Verdict.WARNING, Verdict.FAILURE}
    assert disk.image_disk("/nowhere/at all").verdict is Verdict.UNKNOWN
    values = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    assert str(tmp_path / "hf" / "hub") in disk.cache_disk(values).evidence
    # Nobody may write here, not even root.
    assert disk.cache_disk({"HF_HUB_CACHE": "/proc/1/hub"}).verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("size", "environ", "verdict", "said"),
    [
        ((80, 24), {"TERM": "xterm-256color", "LANG": "C.UTF-8"}, Verdict.OK, "256 colours"),
        ((120, 40), {"TERM": "tmux", "COLORTERM": "truecolor", "TMUX": "x"}, Verdict.OK, "tmux"),
        ((79, 24), {"TERM": "xterm"}, Verdict.WARNING, "79x24"),
        ((80, 24), {"TERM": "dumb"}, Verdict.WARNING, "dumb"),
        ((80, 24), {}, Verdict.WARNING, "not set"),
        ((80, 24), {"TERM": "xterm", "LANG": "C"}, Verdict.WARNING, "no UTF-8"),
        ((80, 24), {"TERM": "xterm", "NO_COLOR": "1"}, Verdict.OK, "no colours"),
    ],
)
def test_terminal(size, environ, verdict, said):
    ours, theirs = os.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        check = terminal_check(environ, (theirs,))
    finally:
        os.close(ours)
        os.close(theirs)
    assert check.verdict is verdict
    assert said in check.evidence
    assert f"{size[0]}x{size[1]}" in check.evidence


def test_no_terminal_is_no_trouble(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        assert terminal_check({"TERM": "xterm"}, (file.fileno(),)).verdict is Verdict.UNKNOWN


def test_runner(tmp_path):
    home = Home(tmp_path)
    assert own.runner_check(home).verdict is Verdict.OK
    with RunnerLock(home.lock, __version__):
        check = own.runner_check(home)
        assert check.verdict is Verdict.OK
        assert str(os.getpid()) in check.evidence
    with RunnerLock(home.lock, "0.0.1"):
        assert own.runner_check(home).verdict is Verdict.WARNING
    note = json.dumps({"pid": 4182, "since": 1.0, "version": __version__})
    home.lock.write_text(note)  # its process is gone, and it did not say good-bye
    assert "4182" in own.runner_check(home).evidence
    assert own.runner_check(home).verdict is Verdict.WARNING


def test_engines_and_genai_bench(tmp_path):
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "python3").symlink_to(sys.executable)
    checks = {c.id: c for c in own.engine_checks({"PATH": str(tmp_path)}, 60)}
    assert str(program) in checks["vllm"].evidence
    assert not checks["vllm"].advice
    assert "on PATH" in checks["sglang"].evidence  # there is a Python, and no SGLang in it
    assert "command:" in checks["sglang"].advice
    assert "simulated" not in checks
    assert own.bench_check().verdict is Verdict.OK


def test_gpus_as_the_driver_of_this_machine_says(tmp_path):
    gpus, note = Nvml().snapshot(lambda pid: None)
    checks = gpu_checks(Home(tmp_path))
    assert checks[0].id == "gpus"
    assert (note or gpus[0].name) in checks[0].evidence
    if note and "no NVIDIA driver" in note:
        assert checks[0].verdict is Verdict.OK
