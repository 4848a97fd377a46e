"""Which flags decide what is compiled, held against vLLM's own key of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from core.engines import registry
from tests.real.conftest import VLLM_ENVIRONMENT

pytestmark = pytest.mark.real

LIMIT = 180


def test_just_the_flags_that_change_the_key_are_named(vllm: Path, model: Path):
    asking = [vllm.parent / "python", Path(__file__).with_name("compile_keys.py"), model]
    done = subprocess.run(
        asking, env={**os.environ, **VLLM_ENVIRONMENT}, capture_output=True, text=True,
        check=True, timeout=LIMIT,
    )  # fmt: skip
    keys: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    usual = keys.pop("")
    changing = {flag for flag, key in keys.items() if key != usual}
    assert changing == set(keys) & registry.find("vllm").compiles
