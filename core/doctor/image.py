"""The image of a task: whether the daemon answers, and has it or can have it."""

from __future__ import annotations

from docker import APIClient
from docker.errors import APIError, NotFound

from core.deploy.base import StartError
from core.deploy.docker import Daemon
from core.deploy.docker.faults import said
from core.doctor.daemon import gives_gpus
from core.doctor.report import Check, failure, ok, unknown, warning
from core.engines import registry
from core.settings import Settings
from core.space import Space
from core.task import Task


def image_checks(
    task: Task, space: Space, resolved: Settings, limit: float, *, driver: bool
) -> list[Check]:
    """`docker`, `image`, and `docker-gpus` where GPUs are wanted and this machine has a `driver`.

    Each question to the daemon takes at most `limit` seconds.
    """
    daemon = Daemon(resolved.values.get("DOCKER_HOST"), timeout=limit)
    try:
        info = daemon.call(lambda client: client.info())
    except StartError as error:
        known = error.failure
        evidence = f"{known.message} ({known.text})" if known.text else known.message
        return [failure("docker", evidence, f"{known.advice}; or use deploy: process")]
    except APIError as error:
        return [failure("docker", said(error), "see the daemon's log: `journalctl -u docker`")]
    checks = [ok("docker", f"{info.get('ServerVersion')} answers"), _image(task, daemon)]
    engine = space.engine
    if driver and engine.wanted_gpus(task, space.baseline) and not gives_gpus(info):
        runtimes = ", ".join(sorted(info.get("Runtimes") or {}))
        advice = (
            "install nvidia-container-toolkit: sudo nvidia-ctk runtime configure "
            "--runtime=docker; or set `gpus: 0` for an engine on the CPU"
        )
        checks.append(warning("docker-gpus", f"no runtime of {runtimes} gives GPUs", advice))
    return checks


def _image(task: Task, daemon: Daemon) -> Check:
    image = task.image or registry.find(task.engine).image or ""

    def look(client: APIClient) -> str:
        return str(client.inspect_image(image)["Id"])

    try:
        return ok("image", f"{image} is {daemon.call(look)[:19]}")
    except NotFound:
        return _pullable(image, daemon)
    except StartError as error:
        return failure("image", error.failure.message, error.failure.advice)
    except APIError as error:
        return failure("image", f"{image}: {said(error)}", "correct `image:`")


def _pullable(image: str, daemon: Daemon) -> Check:
    """The daemon asks the registry for it: its proxies and its credentials are what count."""

    def ask(client: APIClient) -> str:
        return str(client.inspect_distribution(image)["Descriptor"]["digest"])

    advice = f"correct `image:`, or bring it here: docker pull {image}"
    try:
        digest = daemon.call(ask)
    except NotFound:
        return failure("image", f"{image} is neither here nor in its registry", advice)
    except StartError as error:
        return unknown("image", f"{image} is not here: {error.failure.message}", advice)
    except APIError as error:
        return unknown("image", f"{image} is not here, and its registry: {said(error)}", advice)
    return ok("image", f"{image} is not here; its registry has {digest[:19]}, it is pulled first")
