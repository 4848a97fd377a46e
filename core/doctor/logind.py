"""Whether a runner outlives the logout: systemd-logind may end a user's processes with it."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from core.doctor.report import Check, ok, warning

_FOLDERS = ("etc", "run", "usr/local/lib", "usr/lib")  # what is in an earlier one wins
_TRUE = {"1", "yes", "y", "true", "t", "on"}
_SETTING = re.compile(r"\s*(#?)\s*(Kill\w+)\s*=\s*(.*?)\s*")
_ADVICE = (
    "start it with `systemd-run --user --scope autotuner-tui`, and let your processes stay: "
    "`loginctl enable-linger`"
)


def logind_check(root: Path = Path("/"), user: str | None = None) -> Check:
    """`root` is where the system's files lie, `user` who runs this."""
    user = _own_name() if user is None else user
    scope = _scope(root)
    if scope is None:
        return ok("logind", "not in a login session: a logout ends nothing here")
    if (root / "var/lib/systemd/linger" / user).exists():
        return _lingering(root, user, scope)
    if scope.startswith("user@"):
        said = f"all of {scope} ends with the last session of {user}, the runner too"
        return warning("logind", said, "let your processes stay: `loginctl enable-linger`")
    if not _kills(root, user):
        return ok("logind", f"in {scope}, whose processes stay after a logout")
    return warning("logind", _killed(scope), _ADVICE)


def _lingering(root: Path, user: str, scope: str) -> Check:
    """Lingering keeps what runs for the user, and not what is of one session."""
    if scope.startswith("session-") and _kills(root, user):
        return warning("logind", _killed(scope), _ADVICE.partition(",")[0])
    return ok("logind", f"{user} lingers: processes stay after a logout")


def _killed(scope: str) -> str:
    return f"KillUserProcesses=yes: a logout ends all of {scope}, the runner and its engine too"


def _scope(root: Path) -> str | None:
    """The session or user manager this process belongs to, as systemd names it."""
    try:
        text = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    names = [part for line in text.splitlines() for part in line.split("/")]
    ours = (one for one in names if re.fullmatch(r"session-.+\.scope|user@\d+\.service", one))
    return next(ours, None)


def _kills(root: Path, user: str) -> bool:
    found = dict(_settings(root))
    if found.get("KillUserProcesses", "no").lower() not in _TRUE:
        return False
    only = found.get("KillOnlyUsers", "").split()
    if user in found.get("KillExcludeUsers", "root").split():
        return False
    return not only or user in only


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    """What logind's files say, what counts more later. Lines that are commented out in the main
    file show what was built in.
    """
    mains = (root / folder / "systemd/logind.conf" for folder in _FOLDERS)
    lines = next(filter(None, map(_lines, mains)), [])
    yield from ((name, value) for built_in, name, value in lines if built_in)
    yield from ((name, value) for built_in, name, value in lines if not built_in)
    for path in _drop_ins(root):
        yield from ((name, value) for built_in, name, value in _lines(path) if not built_in)


def _drop_ins(root: Path) -> list[Path]:
    """By their names, wherever they lie; of one name the one in the first folder."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in (root / folder / "systemd/logind.conf.d").glob("*.conf"):
            found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def _lines(path: Path) -> list[tuple[bool, str, str]]:
    """Whether it is commented out, its name, its value."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    matches = filter(None, map(_SETTING.fullmatch, text.splitlines()))
    return [(bool(found[1]), found[2], found[3]) for found in matches]


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may have no names for its users
        return str(os.getuid())
