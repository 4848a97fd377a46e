"""A container from its first byte to its removal."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import urllib.request
from pathlib import Path

import pytest

from core.deploy.docker import find
from core.values import Container, LaunchSpec
from tests.docker.conftest import Bench, until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_every_byte_is_in_the_log_when_the_exit_code_is_known(bench: Bench):
    lines = 20_000
    running = await bench.sh(f"seq {lines}; echo to stderr >&2; exit 7")
    assert running.exit_code in {None, 7}
    assert await running.wait() == running.exit_code == 7
    assert running.fault is None
    written = bench.log.read_text().splitlines()
    # Two pipes of one container have no order between them.
    assert sorted(written) == sorted([*map(str, range(1, lines + 1)), "to stderr"])
    stopped = await running.stop(10)
    assert not stopped.killed
    assert stopped.left == ()
    assert bench.containers() == []


async def test_the_log_grows_while_the_container_runs(bench: Bench):
    running = await bench.sh("echo first; sleep 600")
    await until(lambda: bench.log.read_text() == "first\n")
    assert running.exit_code is None
    await running.stop(0)


async def test_stop_lets_the_engine_say_goodbye(bench: Bench):
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    running = await bench.sh(script)
    await until(lambda: "up" in bench.log.read_text())
    stopped = await running.stop(30)
    assert (stopped.killed, stopped.left) == (False, ())
    assert running.exit_code == 0
    assert running.fault is None
    assert bench.log.read_text() == "up\nbye\n"
    assert bench.containers() == []


async def test_one_that_ignores_sigterm_is_killed_and_removed_with_its_volumes(bench: Bench):
    before = bench.volumes()
    running = await bench.sh("trap '' TERM; echo up; while :; do sleep 0.1; done")
    await until(lambda: "up" in bench.log.read_text())
    assert bench.volumes() - before  # the image asks for one
    stopped = await running.stop(1)
    assert (stopped.killed, stopped.left) == (True, ())
    assert running.exit_code == -9
    assert running.fault is None
    assert bench.containers() == []
    assert not bench.volumes() - before


async def test_removed_by_hand_is_told_from_a_crash_and_leaves_nothing(bench: Bench):
    before = bench.volumes()
    running = await bench.sh("echo up; sleep 600")
    await until(lambda: "up" in bench.log.read_text())
    bench.daemon.call(lambda client: client.remove_container(running.id, force=True))
    assert await running.wait() == -9
    assert running.fault is not None
    assert running.fault.kind == "docker"
    assert "removed" in running.fault.message
    assert running.fault.transient
    assert running.fault.advice
    assert bench.volumes() - before  # `docker rm -f` leaves them
    assert (await running.stop(5)).left == ()
    assert not bench.volumes() - before


async def test_the_environment_is_what_inspect_shows(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # The docker command would add this user's proxies to every container.
    proxies = {"default": {"httpProxy": "http://of-the-user:1"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    given = {"HTTPS_PROXY": "http://me:secret@proxy:3128", "HF_TOKEN": "hf_abcdef", "TWO": "a\nb=c"}
    running = await bench.sh("sleep 600", given)
    shown = bench.inspect(running.id)["Config"]["Env"]
    added = {"FROM_IMAGE=yes", *(f"{name}={value}" for name, value in given.items())}
    assert {entry for entry in shown if not entry.startswith("PATH=")} == added
    kept = running.facts["container_environment"]
    assert isinstance(kept, dict)
    assert kept["HTTPS_PROXY"] == "http://•••@proxy:3128"
    assert kept["HF_TOKEN"] == "•••"
    assert kept["TWO"] == "a\nb=c"
    assert "secret" not in json.dumps(dict(running.facts))
    await running.stop(0)


async def test_facts_name_the_image_by_what_cannot_change(bench: Bench):
    running = await bench.sh("sleep 600")
    image = bench.daemon.call(lambda client: client.inspect_image(bench.image))["Id"]
    assert running.identity == {"container": running.id}
    assert running.facts["image"] == bench.image
    assert running.facts["image_id"] == running.facts["image_digest"] == image
    await running.stop(0)


async def test_the_port_is_published_on_loopback_only(bench: Bench, tmp_path: Path):
    port = free_port()
    (tmp_path / "page").write_text("hello")
    spec = bench.spec(
        "httpd", "-f", "-p", str(port), "-h", "/www", port=port, mounts=(f"{tmp_path}:/www:ro",)
    )
    running = await bench.start(spec)
    bindings = bench.inspect(running.id)["HostConfig"]["PortBindings"]
    assert bindings == {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        try:
            with opener.open(f"http://127.0.0.1:{port}/page", timeout=5) as page:
                return bool(page.read() == b"hello")
        except OSError:
            return False

    await until(answers)
    await running.stop(0)


async def test_what_the_task_says_of_the_container_holds_in_it(bench: Bench, tmp_path: Path):
    tmp_path.chmod(0o777)
    script = "id -u; df -k /dev/shm | tail -n 1; echo kept > /out/file; touch /in/file || echo ro"
    spec = bench.spec(
        script,
        entrypoint=("/bin/busybox", "sh", "-c"),
        mounts=(f"{tmp_path}:/out", f"{tmp_path}:/in:ro"),
        shm_size="32m",
        ipc="private",
        user="1234:1234",
        network="host",
    )
    running = await bench.start(spec)
    assert await running.wait() == 0
    said = bench.log.read_text()
    assert " 32768 " in said
    assert {"1234", "ro"} <= set(said.splitlines())
    assert (tmp_path / "file").stat().st_uid == 1234
    box = bench.inspect(running.id)["HostConfig"]
    assert (box["NetworkMode"], box["IpcMode"]) == ("host", "private")
    assert box["DeviceRequests"] is None
    await running.stop(0)


async def test_it_is_found_by_its_labels(bench: Bench):
    running = await bench.sh("sleep 600")
    (found,) = await find(bench.labels.home, bench.daemon)
    assert found.id == running.id
    assert found.state == "running"
    assert found.name.startswith("autotuner-1a2b3c4d-2-1-")
    assert (found.task, found.experiment, found.attempt) == ("1a2b3c4d", 2, 1)
    await running.stop(0)
    assert await find(bench.labels.home, bench.daemon) == ()


async def test_a_name_that_is_taken_is_not_insisted_upon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    drawn = iter(["same", "same", "other"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(drawn))
    first = await bench.sh("sleep 600", network="none")
    second = await bench.sh("sleep 600", network="none")
    assert str(first.facts["container_name"]).endswith("-same")
    assert str(second.facts["container_name"]).endswith("-other")
    await asyncio.gather(first.stop(0), second.stop(0))


@pytest.mark.parametrize("seconds", [0, 0.03, 0.1, 0.3])
async def test_a_cancelled_start_leaves_nothing(bench: Bench, seconds: float):
    starting = asyncio.create_task(bench.sh("sleep 600"))
    await asyncio.sleep(seconds)
    if starting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await starting
    else:
        await (await starting).stop(0)
    assert bench.containers() == []


async def test_the_command_a_person_would_paste_starts_the_same(bench: Bench):
    spec = LaunchSpec(
        ("sh", "-c", "echo $0 $WORD", "two words"),
        (("WORD", "a'b"),),
        container=Container(bench.image, free_port()),
    )
    running = await bench.start(spec, dict(spec.environment))
    await running.wait()
    process = await asyncio.create_subprocess_shell(
        spec.shell(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert bench.log.read_bytes() == printed == b"two words a'b\n"
    await running.stop(0)
