"""Dying with the process that started this one, however that one dies."""

from __future__ import annotations

import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent(on: bool) -> None:
    """Be killed by the kernel when the parent dies, or no longer. Raises OSError.

    Whether the parent was there still when this was called is for the caller to see.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if on else 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
