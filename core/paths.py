"""Where things are kept. Tuning writes nothing outside the home."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from core import mounts
from core.values import InputError

_PROGRAM = "autotuner-tui"


def user_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a person keeps their own keys and themes: `autotuner-tui` in XDG_CONFIG_HOME, else
    in the platform's folder for settings. It need not exist.
    """
    named = Path(environ.get("XDG_CONFIG_HOME", ""))
    # A relative path there is invalid, and to be ignored.
    return named / _PROGRAM if named.is_absolute() else platformdirs.user_config_path(_PROGRAM)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file that only the user can read, whole or not at all, also in a power cut."""
    # mkstemp creates the file with mode 0600: there is no moment in which others can read it.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class Home:
    """One state folder: the journal, the runner's lock, a folder per task."""

    root: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Home:
        """`AUTOTUNER_HOME`, or the platform's state folder."""
        named = environ.get("AUTOTUNER_HOME")
        root = Path(named).expanduser() if named else platformdirs.user_state_path(_PROGRAM)
        return cls(root.absolute())

    def create(self) -> Home:
        """Make the folder, private to the user.

        InputError when it cannot be written, or lies where no journal can be kept.
        """
        if mounts.shared(kind := mounts.kind(self.root)):
            raise InputError(
                f"{self.root}: the state folder lies on {kind}, a file system of several machines, "
                "and the journal needs memory that only programs of one machine share; "
                "set AUTOTUNER_HOME to a folder of a local disk, such as /var/tmp/autotuner-$USER"
            )
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
