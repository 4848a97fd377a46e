"""Where things are kept. Nothing is ever written outside the home."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from core.values import InputError


@dataclass(frozen=True, slots=True)
class Home:
    """One state folder: the journal, the runner's lock, a folder per task."""

    root: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Home:
        """`AUTOTUNER_HOME`, or the platform's state folder."""
        named = environ.get("AUTOTUNER_HOME")
        root = Path(named).expanduser() if named else platformdirs.user_state_path("autotuner-tui")
        return cls(root.absolute())

    def create(self) -> Home:
        """Make the folder, private to the user; InputError when it cannot be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.root / f".write-test-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"{self.root}: the state folder is not writable ({error.strerror}); "
                "make it writable or set AUTOTUNER_HOME to another folder"
            ) from None
        return self

    @property
    def label(self) -> str:
        """A hash that marks processes and containers as this home's."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12]

    @property
    def database(self) -> Path:
        return self.root / "state.db"

    @property
    def lock(self) -> Path:
        return self.root / "runner.lock"

    @property
    def runner_log(self) -> Path:
        return self.root / "runner.log"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def task(self, task: str) -> Path:
        return self.root / "tasks" / task

    def settings(self, task: str) -> Path:
        return self.task(task) / "settings.env"

    def task_file(self, task: str) -> Path:
        return self.task(task) / "task.yaml"

    def start(self, task: str, number: int, attempt: int) -> Path:
        """The folder of one start: engine.log, benchmark.log, manifest.json, measurements."""
        return self.task(task) / "experiments" / str(number) / "starts" / str(attempt)
