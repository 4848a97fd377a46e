"""The house a runner lives in: file systems, logouts, a second runner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import __version__, mounts
from core.cli import running
from core.doctor import own
from core.doctor.logind import logind_check
from core.doctor.report import Check, Verdict
from core.paths import Home
from core.runner import main
from core.store.faults import damaged, full
from core.store.lock import RunnerLock, runner_status
from core.values import InputError
from tests.e2e import until
from tests.small_disk import small_disk

TABLE = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw,vers=4.2
31 30 254:1 /sub /home/me/fast rw,relatime shared:2 master:1 - xfs /dev/vdb rw
32 27 0:41 / /mnt/with\\040space rw - cifs //server/share rw
33 27 0:42 / /over rw - ext4 /dev/vdc rw
34 27 0:43 / /over rw - fuse.sshfs me@there: rw
35 27 0:44 / /homestead rw - ceph mon:/ rw
"""


@pytest.mark.parametrize(
    ("folder", "kind", "shared"),
    [
        ("/nowhere", "ext4", False),
        ("/home", "nfs4", True),
        ("/home/me/state", "nfs4", True),
        ("/home/me/fast/state", "xfs", False),
        ("/home/me/faster", "nfs4", True),
        ("/mnt/with space/x", "cifs", True),
        ("/over/x", "fuse.sshfs", True),
        ("/homestead/x", "ceph", False),
    ],
)
def test_the_nearest_mount_tells_the_file_system(folder, kind, shared):
    assert mounts.kind(Path(folder), TABLE) == kind
    assert mounts.shared(kind) is shared


def test_a_table_that_says_nothing_refuses_nothing():
    for table in ("", "\n", "nonsense\n", "1 2 3\n1 2 3 / - x"):
        assert mounts.kind(Path("/home"), table) is None
    assert not mounts.shared(None)


def test_file_systems_of_this_machine(tmp_path: Path):
    assert mounts.kind(Path("/proc/self")) == "proc"
    root = subprocess.run(["stat", "-f", "-c", "%T", "/"], capture_output=True, text=True).stdout
    kind = mounts.kind(Path("/"))
    assert kind is not None
    assert root.strip().startswith(kind[:3])  # stat says ext2/ext3 of an ext4
    with small_disk(tmp_path / "disk") as disk:
        assert mounts.kind(disk / "not" / "yet") == "tmpfs"
        (tmp_path / "link").symlink_to(disk)
        assert mounts.kind(tmp_path / "link") == "tmpfs"
        check = own.home_check(Home(disk))
    assert check == Check("home", Verdict.OK, f"{disk} is writable (tmpfs)")


def test_a_home_on_a_network_is_refused_with_advice(tmp_path: Path, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_text(
        f"27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 0:40 / {tmp_path} rw - nfs4 s:/ rw"
    )
    monkeypatch.setattr(mounts, "TABLE", table)
    home = Home(tmp_path / "state")
    with pytest.raises(
        InputError, match=r"on nfs4, .* set AUTOTUNER_HOME to a folder of a local disk"
    ):
        home.create()
    assert not home.root.exists()
    assert own.home_check(home).verdict is Verdict.FAILURE


SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
OLD_SESSION = "12:pids:/user.slice\n1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n"
SERVICE = "0::/system.slice/cron.service\n"
MANAGER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n"
KILLS = {"etc/systemd/logind.conf": "[Login]\nKillUserProcesses=yes\n"}


def logind(root: Path, cgroup: str, files: dict[str, str], user: str = "me") -> Check:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return logind_check(root, user)


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        ({}, False),
        (KILLS, True),
        ({"usr/lib/systemd/logind.conf": "#KillUserProcesses=yes"}, True),  # what was built in
        ({"usr/lib/systemd/logind.conf": "#KillUserProcesses=no"}, False),
        (KILLS | {"usr/lib/systemd/logind.conf": "KillUserProcesses=no"}, True),
        (KILLS | {"etc/systemd/logind.conf.d/9.conf": " KillUserProcesses = no "}, False),
        (
            {
                "usr/lib/systemd/logind.conf.d/50.conf": "KillUserProcesses=yes",
                "run/systemd/logind.conf.d/50.conf": "KillUserProcesses=no",
            },
            False,
        ),
        (
            {
                "etc/systemd/logind.conf.d/10.conf": "KillUserProcesses=no",
                "usr/lib/systemd/logind.conf.d/50.conf": "KillUserProcesses=1",
            },
            True,
        ),
        (KILLS | {"etc/systemd/logind.conf.d/1.conf": "KillExcludeUsers=you me"}, False),
        (KILLS | {"etc/systemd/logind.conf.d/1.conf": "KillOnlyUsers=you"}, False),
        (KILLS | {"etc/systemd/logind.conf.d/1.conf": "KillOnlyUsers=you me"}, True),
    ],
)
@pytest.mark.parametrize("cgroup", [SESSION, OLD_SESSION])
def test_a_logout_that_ends_everything_is_told(tmp_path: Path, cgroup, files, ends):
    check = logind(tmp_path, cgroup, files)
    assert check.verdict is (Verdict.WARNING if ends else Verdict.OK)
    assert ("systemd-run --user --scope autotuner-tui" in check.advice) is ends
    assert ("KillUserProcesses=yes" in check.evidence) is ends


def test_root_is_spared_and_so_is_what_is_of_no_session(tmp_path: Path):
    assert logind(tmp_path, SESSION, KILLS, "root").verdict is Verdict.OK
    assert logind(tmp_path, SERVICE, KILLS).verdict is Verdict.OK
    assert logind_check(tmp_path / "no system at all", "me").verdict is Verdict.OK
    assert logind_check().id == "logind"


def test_lingering_keeps_what_runs_for_the_user_and_not_the_session(tmp_path: Path):
    check = logind(tmp_path, MANAGER, {})
    assert check.verdict is Verdict.WARNING
    assert "loginctl enable-linger" in check.advice
    linger = {"var/lib/systemd/linger/me": ""}
    assert logind(tmp_path, MANAGER, linger).verdict is Verdict.OK
    assert logind(tmp_path, SESSION, linger).verdict is Verdict.OK
    check = logind(tmp_path, SESSION, KILLS)
    assert check.verdict is Verdict.WARNING
    assert check.advice == "start it with `systemd-run --user --scope autotuner-tui`"


def test_whoever_starts_a_runner_is_warned_of_the_logout_once(tmp_path, monkeypatch, capsys):
    home = Home(tmp_path / "own").create()
    check = logind(tmp_path, SESSION, KILLS)
    monkeypatch.setattr(running, "logind_check", lambda: check)
    running.warn_of_logout(home)
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "systemd-run --user --scope autotuner-tui" in said.err
    with RunnerLock(home.lock, __version__):
        running.warn_of_logout(home)
    monkeypatch.setattr(running, "logind_check", lambda: logind(tmp_path, SERVICE, KILLS))
    running.warn_of_logout(home)
    assert capsys.readouterr().err == ""


def run_runner(home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "core.runner"],
        env={**os.environ, "AUTOTUNER_HOME": str(home)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def living(home: Home) -> int | None:
    view = runner_status(home.lock)
    return view.pid if view.alive and home.database.exists() else None


@contextmanager
def a_runner(home: Home) -> Iterator[subprocess.Popen[str]]:
    """With its parent, until it leaves; its log is its errors."""
    with (
        home.runner_log.open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "core.runner"],
            env={**os.environ, "AUTOTUNER_HOME": str(home.root)}, stderr=log, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            until(lambda: living(home))
            yield process
        finally:
            process.terminate()


def test_a_hang_up_changes_nothing_and_a_runner_that_is_asked_to_leaves(tmp_path: Path):
    home = Home(tmp_path / "own").create()
    with a_runner(home) as process:
        pid = living(home)
        assert pid is not None
        for one in (process.pid, pid):
            os.kill(one, signal.SIGHUP)
        time.sleep(0.5)
        assert living(home) == pid
        assert process.poll() is None
        process.terminate()
        assert process.wait(20) == 0
    view = runner_status(home.lock)
    assert (view.alive, view.pid) == (False, None)  # it said good-bye
    assert "leaving" in home.runner_log.read_text()
    assert "Traceback" not in home.runner_log.read_text()


def test_a_runner_that_finds_its_journal_damaged_goes_on_with_a_new_one(tmp_path: Path):
    home = Home(tmp_path / "own").create()
    home.database.write_bytes(b"no database" * 1000)
    with a_runner(home):
        until(lambda: list(home.root.glob("state.db.damaged-*")))
    (kept,) = home.root.glob("state.db.damaged-*")
    assert kept.read_bytes() == b"no database" * 1000
    said = home.runner_log.read_text()
    assert f"{home.database}: the journal is damaged: file is not a database" in said
    assert f"it is kept as {kept}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (damaged(Path("/x/state.db"), "malformed"), "/x/state.db: the journal is damaged"),
        (full(Path("/")), "the disk of / is full"),
    ],
)
def test_a_runner_that_meets_such_a_fault_at_work_ends_with_a_plain_line(
    tmp_path: Path, monkeypatch, caplog, error, said
):
    async def fails(_: Home, since: float) -> None:
        raise ExceptionGroup("unhandled errors in a TaskGroup", [error])

    monkeypatch.setattr(main, "_run", fails)
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "own"))
    assert main.main() == main.DIED
    (record,) = caplog.records
    assert record.getMessage().startswith(said)
    assert record.exc_info is None


def test_a_second_runner_leaves_with_a_plain_line(tmp_path: Path):
    home = Home(tmp_path / "own").create()
    with RunnerLock(home.lock, __version__):
        done = run_runner(home.root)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("ERROR another runner holds this home's lock; it stays in charge")
    assert not home.database.exists()


def test_a_runner_whose_folder_cannot_be_written_leaves_with_a_plain_line(tmp_path: Path):
    place = tmp_path / "file"
    place.write_text("no folder")
    done = run_runner(place)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "the state folder is not writable" in line
    assert "set AUTOTUNER_HOME to another folder" in line
