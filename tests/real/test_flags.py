"""vLLM's flags out of its own help, against the parser that reads its command line."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from core.doctor.flags import flag_checks, read_catalogue
from core.doctor.report import Verdict
from core.engines.flags import Catalogue, Flag
from core.engines.flags.files import parsed, shipped
from core.engines.vllm import ENGINE
from core.paths import Home
from core.settings import Settings
from core.space import build
from core.task import Fixed, Parameter, Task
from core.values import Configuration, Scalar
from tests.real.conftest import VLLM_ENVIRONMENT as ENVIRONMENT

ROOT = Path(__file__).parents[2]
# Values by flag: what our check says of each must be what vLLM's own parser does with it. Only
# those that argparse looks at: later checks of vLLM need a model.
TRIED: dict[str, tuple[Scalar, ...]] = {
    "max-num-seqs": (8, "8k", 8.0, "many", True, False),
    "max-num-batched-tokens": (8, "8k", "2.5k", "8Q", True),
    "max-model-len": (-1, "auto", "8k", "8kk", 8.5),
    "gpu-memory-utilization": (0.9, 1, "most", True, False),
    "kv-cache-dtype": ("auto", "fp8", "fp9"),
    "dtype": ("auto", "half", "fp17"),
    "enforce-eager": (True, False, "true", 1),
    "no-enforce-eager": (True, "yes"),
    "headless": (True, False, "x"),
    "model-impl": ("vllm", "auto"),
    "scheduling-policy": ("fcfs", "fcsf"),
    "compilation-config": ('{"mode": 0}', "{mode: 0}"),
    "compilation-config.mode": (0, 3),
    "speculative-config": ('{"method": "ngram"}', "[1,"),
    "cpu-offload-gb": (0, 1.5, "x"),
    "tensor-parallel-size": (2, 2.5, "two"),
    "hf-overrides": ('{"a": 1}',),
    "block-size": (16, "16k"),
    "kv-cache-memory-bytes": (1, "1G", "1X"),
    "max-seqs": (8,),
    "mem-fraction-static": (0.9,),
    "tp": (2,),
}
_PARSE = """
import contextlib, io, json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
taken = []
for words in json.load(sys.stdin):
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            parser.parse_args(["m", *words])
    except (SystemExit, ValueError):
        taken.append(False)
    else:
        taken.append(True)
print(json.dumps(taken))
"""


def task(vllm: Path, **parameters: Parameter) -> Task:
    given = {name.replace("_", "-"): one for name, one in parameters.items()}
    return Task("m", "vllm", command=(str(vllm), "serve"), parameters=given)


def python(vllm: Path, *words: str, given: str = "") -> str:
    """What vLLM's Python prints."""
    done = subprocess.run(
        [vllm.parent / "python", *words],
        env={**os.environ, **ENVIRONMENT, **ENGINE.environment, "PYTHONPATH": str(ROOT)},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def read(vllm: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    home = Home(tmp_path_factory.mktemp("home"))
    settings = Settings({"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **ENVIRONMENT})
    told: list[str] = []
    found = read_catalogue(task(vllm), settings, home, progress=told.append)
    assert told
    told.clear()
    assert read_catalogue(task(vllm), settings, home, progress=told.append) == found
    assert told == [], "the second time it is known"
    return found


@pytest.fixture(scope="module")
def truth(vllm: Path) -> Catalogue:
    """Out of the parser itself."""
    module = "vllm.entrypoints.cli.main"
    words = ("-m", "core.engines.flags", "vllm", module, "serve", "--help=all")
    return parsed("{" + python(vllm, *words).partition("{")[2])


def plain(flag: Flag) -> Flag:
    """Without what a help has in other words: the types, and objects as defaults."""
    return replace(flag, kind="unknown", units=False, words=(), default=None)


def test_every_flag_its_spellings_choices_and_no_forms(read: Catalogue, truth: Catalogue):
    assert read.source == "help"
    assert read.version == truth.version
    assert len(read.flags) > 250
    mine, theirs = ({f.name: plain(f) for f in one.flags} for one in (read, truth))
    assert mine == theirs


def test_every_default(read: Catalogue, truth: Catalogue):
    told = {flag.name: flag.default for flag in read.flags if flag.default is not None}
    known = {flag.name: flag.default for flag in truth.flags if flag.default is not None}
    assert {name: told[name] for name in known if name in told} == {
        name: default for name, default in known.items() if name in told
    }
    assert len(known.keys() & told.keys()) > 250
    # Only those that vLLM hides are not in its help.
    assert len(known.keys() - told.keys()) < 5


def test_the_list_that_comes_along_is_this_version(truth: Catalogue):
    listed = shipped("vllm")
    assert listed is not None
    if listed.version == truth.version:
        assert listed == truth


def test_what_is_said_of_a_value_is_what_vllm_does_with_it(vllm: Path, read: Catalogue):
    pairs = [(name, value) for name, values in TRIED.items() for value in values]
    words = [ENGINE.flag_words(Configuration.of("vllm", {name: value})) for name, value in pairs]
    # Beginnings of flags are taken by argparse: here only whole ones are.
    taken = json.loads(python(vllm, "-c", _PARSE, given=json.dumps(words)).splitlines()[-1])
    for (name, value), takes in zip(pairs, taken, strict=True):
        wanted = task(vllm, **{name: Fixed(value)})
        checks = flag_checks(wanted, build(wanted, ENGINE), read)
        refused = any(check.verdict is Verdict.FAILURE for check in checks)
        assert refused is not takes, (name, value, checks)
