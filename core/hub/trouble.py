"""What an exception of a download means, read from its chain of causes."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from core.hub.cache import no_space, not_writable
from core.hub.outcome import FetchError, refused
from core.values import Failure, FailureKind, mask_urls, one_line

_TRANSPORT = frozenset({"TransportError", "DecodingError", "TooManyRedirects", "JSONDecodeError"})
_ADDRESS = frozenset({"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})
_KEPT = "What was fetched is kept and continued by the next start."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the model, of which Hub, and whether with a token."""

    model: str
    endpoint: str
    token: bool


def failure_of(error: BaseException, asked: Asked) -> Failure:
    """The failure that the chain of causes proves."""
    chain = tuple(_causes(error))
    found = (cause for cause in chain if isinstance(cause, FetchError))
    judges = (_refusal, _transport, _storage, _name)
    judged = (judge(cause, asked) for judge in judges for cause in chain)
    if told := next(filter(None, itertools.chain(found, judged)), None):
        return told.failure
    message = f"{asked.model} could not be fetched: {_said(error)}"
    return Failure(FailureKind.UNKNOWN, message, "Read the log that is named here.")


def transient(error: BaseException) -> bool:
    """Whether the connection broke, so that going on from where it broke is worth a try."""
    return any({"NetworkError", "RemoteProtocolError"} & _names(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _names(error: BaseException) -> set[str]:
    # By name: the HTTP client behind huggingface_hub changes, the names of its errors do not.
    return {parent.__name__ for parent in type(error).__mro__}


def _said(error: BaseException) -> str:
    return one_line(mask_urls(f"{type(error).__name__}: {error}"), 160)


def _refusal(error: BaseException, asked: Asked) -> FetchError | None:
    """What the Hub's answer means."""
    if not isinstance(error, HfHubHTTPError):
        return None
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return _gated(asked)
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | DisabledRepoError):
        return _missing(asked)
    if status in {401, 403}:
        return _unauthorised(status, error, asked)
    if status == 404:
        return _missing(asked)
    if status == 407:
        return _proxy(asked, "it wants a user and a password")
    said = f"the Hub at {mask_urls(asked.endpoint)} answered {status} for {asked.model}"
    return refused(FailureKind.NETWORK, said, f"Try again later. {_KEPT}")


def _gated(asked: Asked) -> FetchError:
    why = "the account of HF_TOKEN has no access" if asked.token else "no HF_TOKEN is set"
    return refused(
        FailureKind.MODEL_GATED,
        f"{asked.model} is gated, and {why}",
        f"Accept the terms at {mask_urls(asked.endpoint)}/{asked.model} and set HF_TOKEN "
        "to a token of that account.",
    )


def _unauthorised(status: int, error: HfHubHTTPError, asked: Asked) -> FetchError:
    said = one_line(mask_urls(error.server_message or ""), 160) or "no reason given"
    return refused(
        FailureKind.MODEL_GATED,
        f"the Hub refused {asked.model} ({status}): {said}",
        f"Check that HF_TOKEN is valid and may read {asked.model}; for a gated model accept "
        f"the terms at {mask_urls(asked.endpoint)}/{asked.model}.",
    )


def _missing(asked: Asked) -> FetchError:
    return refused(
        FailureKind.MODEL_MISSING,
        f"{asked.model} is not on the Hub at {mask_urls(asked.endpoint)}",
        "Check the spelling; a private repository is found only with the HF_TOKEN of an "
        "account that may read it.",
    )


def _transport(error: BaseException, asked: Asked) -> FetchError | None:
    """What a connection that failed means."""
    names, hub = _names(error), mask_urls(asked.endpoint)
    if names & _ADDRESS:
        message = f"HF_ENDPOINT {hub} is no address of a Hub: {_said(error)}"
        return refused(FailureKind.CONFIG, message, "Correct or unset HF_ENDPOINT and the proxies.")
    if "ProxyError" in names:
        return _proxy(asked, _said(error))
    if not names & _TRANSPORT:
        return None
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        message = f"the certificate of {hub} is not trusted: {_said(error)}"
        advice = "Set SSL_CERT_FILE to the certificates of your network's own authority."
        return refused(FailureKind.NETWORK, message, advice)
    # With a proxy in force nothing else is ever connected to.
    if "ConnectError" in names and _proxied(asked.endpoint):
        return _proxy(asked, _said(error))
    message = f"the connection to the Hub at {hub} failed: {_said(error)}"
    advice = f"Check the network, HTTPS_PROXY and HF_ENDPOINT. {_KEPT}"
    return refused(FailureKind.NETWORK, message, advice)


def _proxied(endpoint: str) -> bool:
    proxies, parts = getproxies(), urlsplit(endpoint)
    used = proxies.get(parts.scheme) or proxies.get("all")
    return bool(used) and not proxy_bypass(parts.netloc.rpartition("@")[2])


def _proxy(asked: Asked, said: str) -> FetchError:
    return refused(
        FailureKind.PROXY,
        f"the proxy on the way to {mask_urls(asked.endpoint)} does not let through: {said}",
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY of this task.",
    )


def _storage(error: BaseException, _: Asked) -> FetchError | None:
    """What an error of the file system means."""
    if not isinstance(error, OSError):
        return None
    place = Path(str(error.filename)) if error.filename else None
    if error.errno in _FULL:
        return no_space(place or Path("the Hub's cache"), str(error.strerror))
    if error.errno in _DENIED and place is not None:
        no_folder = error.errno in {errno.ENOTDIR, errno.EEXIST}
        return not_writable(place, "is not a folder" if no_folder else "is not writable")
    return None


def _name(error: BaseException, asked: Asked) -> FetchError | None:
    if not isinstance(error, HFValidationError):
        return None
    message = f"'{one_line(asked.model, 80)}' is no id of a model on the Hub"
    return refused(FailureKind.CONFIG, message, "Write it like Qwen/Qwen3-8B, or name a folder.")
