"""What a container really is, as its daemon says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker import APIClient
from docker.errors import NotFound

from core import settings


def known(client: APIClient, container: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Its facts, and the volumes that Docker made for it alone, because its image wants them."""
    found = client.inspect_container(container)
    asked = {one["Source"] for one in found["HostConfig"].get("Mounts") or ()}
    names = (one.get("Name") for one in found.get("Mounts") or ())
    return _facts(client, found), tuple(name for name in names if name and name not in asked)


def _facts(client: APIClient, box: Mapping[str, Any]) -> dict[str, Any]:
    """For the manifest: what was really started, secrets masked."""
    pairs = (entry.partition("=") for entry in box["Config"]["Env"] or ())
    effective = {name: value for name, _, value in pairs}
    return {
        "container": box["Id"],
        "container_name": box["Name"].removeprefix("/"),
        "image": box["Config"]["Image"],
        "image_digest": _digest(client, box),
        "image_id": box["Image"],
        "container_environment": settings.masked_environment(effective),
    }


def _digest(client: APIClient, box: Mapping[str, Any]) -> str:
    """REPOSITORY@sha256:… by which it can be pulled again; an image made here has only an id."""
    name, own = box["Config"]["Image"], str(box["Image"])
    try:
        digests: list[str] = client.inspect_image(own).get("RepoDigests") or []
    except NotFound:  # removed from under a container that has ended
        return own
    same = [one for one in digests if name.startswith(one.partition("@")[0])]
    return next(iter([*same, *digests]), own)
