"""Asking programs for their flags: real ones, that answer, fail, hang and change."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.doctor.flags import flag_checks, read_catalogue
from core.doctor.report import Verdict
from core.engines import registry
from core.engines.simserver.flags import Options
from core.paths import Home
from core.settings import Settings
from core.space import build
from core.task import Fixed, Task

# A server as vLLM is asked: only `--help=all` prints its flags. Each time it notes that it ran.
_SERVER = """#!{python}
import os, sys, time
open({log!r}, "a").write(os.environ.get("VLLM_PLUGIN", "-") + "\\n")
{before}
if sys.argv[1:] == ["--help=all"]:
    print("usage: serve [options]\\n\\noptions:")
    for name in {names}:
        print(f"  --{{name}} VALUE\\n                        Text. (default: 1)")
"""
NAMES = ("max-num-seqs", *(f"flag-{index}" for index in range(12)))


class Bench:
    """A program that may be changed, and a state folder."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.settings = Settings({"PATH": os.environ["PATH"], "VLLM_PLUGIN": "a"})
        self.program = folder / "serve"
        self.log = folder / "log"
        self.write()

    def write(self, before: str = "", names: tuple[str, ...] = NAMES) -> None:
        text = _SERVER.format(
            python=sys.executable, log=str(self.log), before=before, names=list(names)
        )
        self.program.write_text(text)
        self.program.chmod(0o755)

    @property
    def task(self) -> Task:
        return Task("m", "vllm", command=(str(self.program),), environment={"OWN": "${PATH}"})

    def read(self, limit: float = 30, **settings: str):
        resolved = Settings({**self.settings.values, **settings})
        return read_catalogue(self.task, resolved, self.home, limit)

    @property
    def runs(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    @property
    def kept(self) -> list[Path]:
        return list((self.home.cache / "flags").iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_program_is_asked_once_in_the_environment_that_it_will_have(bench: Bench):
    read = bench.read()
    assert (read.source, read.exact, read.reason) == ("help", True, "")
    assert [flag.name for flag in read.flags] == list(NAMES)
    # What the help does not tell is known of flags that have it in the list that comes along.
    assert read.find("max-num-seqs").kind == "int"
    assert bench.read() == read
    assert bench.runs == ["a"]


def test_another_program_or_environment_is_asked_anew(bench: Bench):
    bench.read()
    assert bench.read(VLLM_PLUGIN="b").source == "help"
    assert bench.read(HF_TOKEN="secret").source == "help"
    assert bench.runs == ["a", "b"]
    bench.write(names=(*NAMES, "new"))
    assert bench.read().find("new") is not None
    assert bench.runs == ["a", "b", "a"]


def test_a_new_version_of_the_package_is_asked_anew(bench: Bench):
    record = bench.program.parent / "lib/python3.11/site-packages/vllm-0.40.1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Name: vllm")
    program = bench.program.rename(bench.program.parent / "bin-serve")
    (bench.program.parent / "bin").mkdir()
    bench.program = program.rename(bench.program.parent / "bin" / "serve")
    assert bench.read().version == "0.40.1"
    assert bench.read().version == "0.40.1"
    record.rename(record.with_name("vllm-0.41.0.dist-info"))
    assert bench.read().version == "0.41.0"
    assert len(bench.runs) == 2


@pytest.mark.parametrize(
    "damage", [lambda text: text[: len(text) // 2], lambda _: "", lambda _: "[]"]
)
def test_a_damaged_file_is_not_used(bench: Bench, damage):
    read = bench.read()
    (file,) = bench.kept
    file.write_text(damage(file.read_text()))
    assert bench.read() == read
    assert len(bench.runs) == 2
    assert bench.read() == read
    assert len(bench.runs) == 2


def test_one_that_fails_gives_way_to_the_list_with_the_reason_and_no_secret(bench: Bench):
    bench.write('print("no such thing: hunter22", file=sys.stderr); sys.exit(3)')
    read = bench.read(HF_TOKEN="hunter22")
    assert (read.source, read.exact, read.version) == ("shipped", False, "0.32.0")
    assert "status 3" in read.reason
    assert "no such thing" in read.reason
    assert "hunter22" not in read.reason
    assert read.find("max-num-seqs") is not None
    bench.write()
    assert bench.read().source == "help"  # a failure is not kept


@pytest.mark.parametrize(
    ("before", "said"),
    [("sys.exit(0)", "no list of flags"), ("os.kill(os.getpid(), 9)", "status -9")],
)
def test_an_answer_that_is_none(bench: Bench, before: str, said: str):
    bench.write(before)
    assert said in bench.read().reason


def test_one_that_hangs_is_ended_with_its_children(bench: Bench):
    bench.write("import subprocess; subprocess.Popen(['sleep', '987']); time.sleep(600)")
    told: list[str] = []
    begun = time.monotonic()
    read = read_catalogue(bench.task, bench.settings, bench.home, 1, told.append)
    assert time.monotonic() - begun < 60  # it would last ten times as long
    assert "in time" in read.reason
    assert told and "serve" in told[0]
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "987"]
    ]


def test_a_program_that_is_not_there(bench: Bench):
    bench.program.unlink()
    assert "is not there" in bench.read().reason
    bench.program.write_text("no program")
    bench.program.chmod(0o755)
    assert "cannot be run" in bench.read().reason
    task = Task("m", "vllm", command=(str(bench.program),), environment={"X": "${UNSET_NAME}"})
    assert "UNSET_NAME" in read_catalogue(task, bench.settings, bench.home).reason


def test_old_versions_are_asked_their_way(bench: Bench):
    text = bench.program.read_text().replace('["--help=all"]', '["--help"]')
    bench.program.write_text(text)
    assert bench.read().reason  # `--help=all` ended well and printed nothing
    refuse = 'if sys.argv[1:] == ["--help=all"]:\n    sys.exit("ignored explicit argument")\n'
    bench.program.write_text(text.replace("if sys.argv", refuse + "if sys.argv"))
    assert bench.read().source == "help"


def test_a_home_that_cannot_be_written_hinders_nothing(bench: Bench, tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    home = Home(blocked / "home")
    assert read_catalogue(bench.task, bench.settings, home).source == "help"


def test_the_simulated_engine_is_asked_too(bench: Bench):
    task = Task("m", "simulated", parameters={"max-num-seq": Fixed(8), "drift": Fixed("fast")})
    begun = time.monotonic()
    read = read_catalogue(task, bench.settings, bench.home)
    assert time.monotonic() - begun < 30  # 1 s where nothing else runs
    assert read.source == "help"
    ours = {name.replace("_", "-") for name in Options.__dataclass_fields__}
    assert {flag.name for flag in read.flags} == {*ours, "help"}
    space = build(task, registry.find("simulated"))
    checks = {check.id: check for check in flag_checks(task, space, read)}
    assert checks["flag:max-num-seq"].verdict is Verdict.FAILURE
    assert "max-num-seqs" in checks["flag:max-num-seq"].advice
    assert checks["flag:drift"].verdict is Verdict.FAILURE


def test_an_image_that_is_not_here_and_no_daemon(bench: Bench):
    given = {"DOCKER_HOST": f"unix://{bench.home.root}/no.sock"}
    task = Task("m", "vllm", deploy="docker")
    read = read_catalogue(task, Settings(given), bench.home)
    # Its tag names the version of the list.
    assert (read.source, read.exact) == ("shipped", True)
    assert "no.sock" in read.reason
    other = Task("m", "vllm", deploy="docker", image="me/vllm:v0.31.1")
    assert not read_catalogue(other, Settings(given), bench.home).exact
