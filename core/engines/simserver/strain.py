"""What too many requests do to the engine, where the flags say so."""

from __future__ import annotations

from core.engines.simserver.chat import Refused
from core.engines.simserver.errors import EngineCrash
from core.engines.simserver.flags import Options
from core.engines.simserver.scheduler import Scheduler


def check_queue(options: Options, scheduler: Scheduler) -> None:
    """Raise Refused when more requests wait than may.

    Those for which a place is free wait for the next step only, and are not counted.
    """
    if not options.max_queued_requests:
        return
    places = options.max_num_seqs - len(scheduler.running)
    if len(scheduler.waiting) - places >= options.max_queued_requests:
        kinds = {429: "TooManyRequestsError", 503: "ServiceUnavailableError"}
        kind = kinds[options.reject_status]
        raise Refused(options.reject_status, kind, "The request queue is full.")


def check_running(options: Options, running: int) -> None:
    """Raise EngineCrash when this many running requests end the engine."""
    if options.die_above and running > options.die_above:
        raise EngineCrash(
            "torch.AcceleratorError: CUDA error: an illegal memory access was encountered"
        )


def hangs(options: Options, running: int) -> bool:
    """Whether this many running requests stop the engine for good."""
    return bool(options.hang_above) and running > options.hang_above


def outcome(options: Options, concurrency: int, running: int) -> str:
    """What becomes of a load of which `running` requests run at once: `/truth`'s word for it."""
    if options.die_above and running > options.die_above:
        return "crash"
    if hangs(options, running):
        return "hang"
    queued = options.max_queued_requests
    return "reject" if queued and concurrency > options.max_num_seqs + queued else "serve"
