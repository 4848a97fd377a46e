"""What an exception of the launcher means, read from its chain of causes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from core.values import FailureKind

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NETWORK = ("ConnectError", "ConnectionError", "ConnectTimeout", "ReadTimeout", "gaierror")
_ADVICE = {
    FailureKind.CONFIG: "Install genai-bench into the environment that runs autotuner-tui.",
    FailureKind.OFFLINE: "Unset HF_HUB_OFFLINE, or name a local directory as tokenizer.",
    FailureKind.NETWORK: "Check the connection to the Hub, or use a local tokenizer directory.",
    FailureKind.PROXY: "Check HTTPS_PROXY and NO_PROXY of this task.",
    FailureKind.MODEL_GATED: "Accept the model's terms on the Hub and set HF_TOKEN.",
    FailureKind.DISK: "Make room on the disk that holds the state folder, then resume.",
    FailureKind.PERMISSION: "Give this user the right to read and write the named path.",
    FailureKind.TOKENIZER: "Set tokenizer: to a Hub id or a directory with tokenizer.json.",
}


def kind_of(error: BaseException, otherwise: FailureKind) -> FailureKind:
    """The kind that the chain of causes proves, `otherwise` when it proves none.

    Classes are compared by name: the HTTP clients behind the Hub change, their names do not.
    """
    chain = list(_causes(error))
    names = {parent.__name__ for cause in chain for parent in type(cause).__mro__}
    text = " ".join(str(cause) for cause in chain)
    if isinstance(error, ImportError):
        return FailureKind.CONFIG
    if "OfflineModeIsEnabled" in names or "outgoing traffic has been disabled" in text:
        return FailureKind.OFFLINE
    if "GatedRepoError" in names or "gated repo" in text:
        return FailureKind.MODEL_GATED
    if "ProxyError" in names:
        return FailureKind.PROXY
    if names & set(_NETWORK):
        # With a proxy in force nothing else is ever connected to.
        return FailureKind.PROXY if any(map(os.environ.get, _PROXIES)) else FailureKind.NETWORK
    if no_space(error):
        return FailureKind.DISK
    if "PermissionError" in names:
        return FailureKind.PERMISSION
    return otherwise


def no_space(error: BaseException) -> bool:
    """Whether the chain of causes says that the disk is full."""
    return any(
        isinstance(cause, OSError) and cause.errno == errno.ENOSPC for cause in _causes(error)
    )


def advice_for(kind: FailureKind) -> str:
    return _ADVICE.get(kind, "Read the log that is named here.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
