"""Engines as containers, one clean container per start, through the Docker daemon's API.

Only a daemon of this machine can be used: ports are published on its loopback.
"""

from core.deploy.docker.adopt import find_start
from core.deploy.docker.census import snapshot
from core.deploy.docker.create import start
from core.deploy.docker.daemon import Daemon, Unreachable
from core.deploy.docker.image import pull
from core.deploy.docker.labels import Found, Labels
from core.deploy.docker.running import DockerRunning
from core.deploy.docker.sweep import find, stop_ours, sweep

__all__ = [
    "Daemon",
    "DockerRunning",
    "Found",
    "Labels",
    "Unreachable",
    "find",
    "find_start",
    "pull",
    "snapshot",
    "start",
    "stop_ours",
    "sweep",
]
