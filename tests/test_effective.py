"""What a program really has in its environment, beside what it was meant to get."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import settings
from core.bench.launched import ENVIRONMENT
from core.cli.environment import environment_text
from core.deploy.process import LABEL
from core.doctor import having
from core.doctor.effective import Child, Effective, Mark, Variable, effective
from core.doctor.having import Having, of_process
from core.engines import environments
from core.engines.simulated import ENGINE
from core.paths import Home
from core.settings import Settings
from core.task import load
from core.values import AutotunerError

TASK = "t1"
FILE = "name: one\nmodel: sim-8b\nengine: simulated\nenvironment: {OMP_NUM_THREADS: 3}\n"
TOKEN = "hf_this_must_not_be_seen"
PASSWORD = "swordfish"
GIVEN = {
    "HF_TOKEN": TOKEN,
    "HTTPS_PROXY": f"http://me:{PASSWORD}@proxy.example:3128",
    "HF_HOME": "/data/hf",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.task(TASK).mkdir(parents=True)
    home.task_file(TASK).write_text(FILE)
    settings.write(Settings(GIVEN), home.settings(TASK))
    return home


def child(*, benchmark: bool = False) -> Child:
    return Child(TASK, 2, 1, benchmark, "simulated")


def meant(home: Home, *, benchmark: bool = False) -> dict[str, str]:
    resolved = settings.read(home.settings(TASK))
    label = {LABEL: child(benchmark=benchmark).label(home)}
    if benchmark:
        return {**environments.of_benchmark(resolved), **ENVIRONMENT, **label}
    return {**environments.of_process(load(home.task_file(TASK)), ENGINE, resolved), **label}


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[int]:
    """A process with exactly this environment, in a session of its own; its pid."""
    words = [sys.executable, "-I", "-c", "print(flush=True); import time; time.sleep(60)"]
    with subprocess.Popen(
        words, env=dict(environment), start_new_session=True, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def marks(seen: Effective) -> dict[str, Mark]:
    return {one.name: one.mark for one in seen.variables if one.mark is not Mark.SAME}


def text(seen: Effective) -> str:
    """All that is ever shown of it."""
    return environment_text("one #2", seen) + json.dumps(seen.document())


def test_a_process_that_has_what_was_meant(home: Home):
    with running(meant(home)) as pid:
        seen = effective(home, child())
    assert seen.running
    assert (seen.source, seen.note) == (f"process {pid}", "")
    assert marks(seen) == {}
    values = {one.name: one.value for one in seen.variables}
    assert values["OMP_NUM_THREADS"] == "3"
    assert values["https_proxy"] == "http://•••@proxy.example:3128"
    assert "all as meant" in environment_text("one #2", seen)
    assert TOKEN not in text(seen)
    assert PASSWORD not in text(seen)


def test_what_is_not_as_meant_is_marked_and_comes_first(home: Home):
    has = {**meant(home), "HF_HOME": "/elsewhere", "MORE": "yes"}
    del has["HTTPS_PROXY"]
    with running(has):
        seen = effective(home, child())
    assert marks(seen) == {
        "HTTPS_PROXY": Mark.MISSING, "HF_HOME": Mark.DIFFERENT, "MORE": Mark.EXTRA,
    }  # fmt: skip
    assert [one.mark for one in seen.variables][:2] == [Mark.MISSING, Mark.DIFFERENT]
    assert seen.variables[-1] == Variable("MORE", Mark.EXTRA, "yes", None)
    said = environment_text("one #2", seen).splitlines()
    assert said[1] == "2 variables are not as meant"
    assert said[2].split() == ["missing", "HTTPS_PROXY", "–", "(meant:",
                               "http://•••@proxy.example:3128)"]  # fmt: skip
    assert said[3].split() == ["different", "HF_HOME", "/elsewhere", "(meant:", "/data/hf)"]


@pytest.mark.parametrize("name", ["HF_TOKEN", "HTTPS_PROXY"])
def test_a_secret_that_differs_says_so_and_shows_neither(home: Home, name: str):
    other = "hf_an_older_one" if name == "HF_TOKEN" else "http://me:other@proxy.example:3128"
    with running({**meant(home), name: other}):
        seen = effective(home, child())
    assert marks(seen) == {name: Mark.DIFFERENT}
    (one,) = (one for one in seen.variables if one.name == name)
    assert one.value == one.intended
    assert "another was meant; it is not shown" in environment_text("one #2", seen)
    for secret in (TOKEN, PASSWORD, "hf_an_older_one", "me:other"):
        assert secret not in text(seen)


def test_a_secret_under_another_name_is_hidden_too(home: Home):
    with running({**meant(home), "COPIED": f"x{TOKEN}y"}):
        seen = effective(home, child())
    assert seen.variables[-1] == Variable("COPIED", Mark.EXTRA, "x•••y", None)


def test_the_benchmark_of_the_task(home: Home):
    has = meant(home, benchmark=True)
    with running({**has, "ENABLE_UI": "true"}) as pid:
        seen = effective(home, child(benchmark=True))
    assert (seen.program, seen.source) == ("benchmark", f"process {pid}")
    assert marks(seen) == {"ENABLE_UI": Mark.DIFFERENT}


def test_what_no_longer_runs_is_told_by_its_manifest(home: Home):
    recorded = settings.masked_environment(meant(home) | {"HF_HOME": "/before"})
    del recorded[LABEL]
    folder = home.start(TASK, 2, 1)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"environment": recorded}))
    seen = effective(home, child())
    assert not seen.running
    assert (seen.source, seen.note) == ("the manifest of start 1", "it runs no more")
    assert marks(seen) == {"HF_HOME": Mark.DIFFERENT}
    with pytest.raises(AutotunerError, match="the benchmark does not run, and nothing is recorded"):
        effective(home, child(benchmark=True))


def test_a_container_that_cannot_be_asked_for_is_told_by_its_manifest(home: Home, tmp_path: Path):
    home.task_file(TASK).write_text(f"{FILE}deploy: docker\nimage: an/image:1\n")
    socket = tmp_path / "no.sock"
    settings.write(Settings({**GIVEN, "DOCKER_HOST": f"unix://{socket}"}), home.settings(TASK))
    with pytest.raises(AutotunerError, match=str(socket)):
        effective(home, child())
    folder = home.start(TASK, 2, 1)
    folder.mkdir(parents=True)
    found = {"container_environment": {"HF_TOKEN": "•••", "FROM_IMAGE": "1"}, "environment": {}}
    (folder / "manifest.json").write_text(json.dumps(found))
    seen = effective(home, child())
    assert str(socket) in seen.note
    assert not seen.running
    assert marks(seen)["FROM_IMAGE"] is Mark.EXTRA
    assert {"OMP_NUM_THREADS", "NO_PROXY"} <= {n for n, m in marks(seen).items() if m == "missing"}
    assert "HF_TOKEN" not in marks(seen)


def test_a_container_is_compared_with_what_containers_get(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    home.task_file(TASK).write_text(f"{FILE}deploy: docker\nimage: an/image:1\n")
    has = {"HF_TOKEN": TOKEN, "OMP_NUM_THREADS": "4", "PATH": "/bin"}
    found = Having("container one", True, has)
    monkeypatch.setattr(having, "of_container", lambda labels, host: found)
    seen = effective(home, child())
    wanted = {LABEL: Mark.MISSING, "OMP_NUM_THREADS": Mark.DIFFERENT, "PATH": Mark.EXTRA}
    assert wanted.items() <= marks(seen).items()
    # Proxies and paths of the host were never meant for it.
    assert not {"HTTPS_PROXY", "HF_TOKEN"} & marks(seen).keys()
    assert TOKEN not in text(seen)


def test_only_the_process_of_exactly_this_label(home: Home):
    label = child().label(home)
    with running({LABEL: f"{label}more/"}), running({LABEL: "another/2/1/"}):
        assert of_process(label) is None
        with running({LABEL: label, "IT": "is"}) as pid:
            found = soon(lambda: of_process(label))
    assert found == Having(f"process {pid}", True, found.environment)
    assert found.environment["IT"] == "is"


def soon(look: Callable[[], Having | None]) -> Having:
    for _ in range(100):
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("never")
