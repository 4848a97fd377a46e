"""What every test gets: a state folder of its own, and inputs drawn the same way everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no defect: examples have no deadline. Failures print how to repeat them.
# With CI set the same examples are drawn in every run, elsewhere new ones.
settings.register_profile(
    "autotuner", deadline=None, max_examples=60, print_blob=True, derandomize="CI" in os.environ
)
settings.load_profile("autotuner")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AUTOTUNER_HOME of this test alone, so that nobody's own state is touched."""
    folder = tmp_path / "home"
    monkeypatch.setenv("AUTOTUNER_HOME", str(folder))
    return folder
