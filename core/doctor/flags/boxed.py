"""Asking an image for its engine's help, in a container that is removed at once."""

from __future__ import annotations

import dataclasses
import re

from docker.errors import APIError, NotFound

from core import settings
from core.deploy.base import StartError
from core.deploy.docker import Daemon
from core.deploy.docker.faults import said
from core.deploy.docker.once import Printed, printed
from core.doctor.flags.asked import (
    Asked,
    Progress,
    Unasked,
    Waiting,
    asking,
    help_words,
    key_of,
    last_line,
)
from core.engines import registry
from core.engines.boxes import CACHE, Host
from core.settings import Settings
from core.task import Task
from core.values import Configuration, InputError

_SECONDS = 5.0  # that the daemon may take to say whether it has the image
_VERSION = re.compile(r"v?(\d+\.\d+[\w.]*)")


def find(task: Task, resolved: Settings, host: Host) -> Asked:
    """The image that will run. Unasked without a daemon, or when the image is not here."""
    engine = registry.find(task.engine)
    spec = registry.launch(task, Configuration(task.engine), host)
    assert spec.container is not None
    try:
        given = settings.expand(task.environment, resolved)
    except InputError as error:
        raise Unasked(str(error)) from None
    environment = {**dict(spec.environment), **host.environment, **engine.environment, **given}
    # What the start itself mounts are models and caches, which a help does without.
    box = dataclasses.replace(spec.container, mounts=task.mounts)
    argv = () if task.command else engine.image_program
    image = _image(resolved, box.image)
    key = key_of(environment, image, box.entrypoint, argv, box.mounts, box.devices)
    return Asked(box.image, argv, environment, key, tagged(box.image), box)


def answer(
    task: Task, asked: Asked, resolved: Settings, home: str, limit: float, progress: Progress
) -> str:
    """What it prints. Unasked when it fails or takes too long. `home` labels the container."""
    waiting = Waiting(asked.name, limit, progress)
    waiting()
    ended: Printed | None = None
    for words in help_words(task.engine):
        ended = _ended(asked, (*asked.argv, *words), resolved, home, waiting)
        if ended.status is None:
            raise Unasked(f"{asked.name} did not print its help in time")
        if ended.status == 0:
            return ended.text
    assert ended is not None
    told = last_line(ended.errors) or last_line(ended.text)
    raise Unasked(f"{asked.name} ended with status {ended.status} when asked for its help: {told}")


def tagged(image: str) -> str:
    """The version that an image's tag names; empty when it names none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    match = _VERSION.match(tag)
    return match[1] if match else ""


def _ended(
    asked: Asked, argv: tuple[str, ...], resolved: Settings, home: str, waiting: Waiting
) -> Printed:
    assert asked.box is not None
    try:
        return printed(
            Daemon(resolved.values.get("DOCKER_HOST")),
            asked.box,
            argv,
            asking(asked.environment),
            home=home,
            limit=waiting.left,
            writable=(CACHE,),
            waiting=waiting,
        )
    except StartError as error:
        raise Unasked(error.failure.message) from None
    except APIError as error:
        raise Unasked(f"{asked.name}: {said(error)}") from None


def _image(resolved: Settings, image: str) -> str:
    """Its digest on this machine."""
    daemon = Daemon(resolved.values.get("DOCKER_HOST"), timeout=_SECONDS)
    try:
        return str(daemon.call(lambda client: client.inspect_image(image))["Id"])
    except NotFound:
        raise Unasked(f"{image} is not here yet") from None
    except StartError as error:
        raise Unasked(error.failure.message) from None
    except APIError as error:
        raise Unasked(f"{image}: {said(error)}") from None
