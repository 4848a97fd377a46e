"""`python -m core.engines.simserver`: start as vLLM does, serve, end as vLLM does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict

from core.engines.simserver import log
from core.engines.simserver.api import Api
from core.engines.simserver.checks import check
from core.engines.simserver.connection import Connection
from core.engines.simserver.engine import Setup
from core.engines.simserver.errors import EngineCrash, StartError
from core.engines.simserver.flags import Options, parse
from core.engines.simserver.startup import start_lines

_STATS_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop: 0. A start or a step that fails: 1. A bad flag: 2."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    log.say(log.SERVER, "api_utils.py:286", f"non-default args: {_given(options)}")
    try:
        check(options)
        with contextlib.closing(_bind(options)) as listener:
            return asyncio.run(_until_told(options, listener))
    except StartError as error:
        _report(error)
        return 1


async def _until_told(options: Options, listener: socket.socket) -> int:
    """Serve until SIGTERM or SIGINT, or until the engine dies."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    serving = loop.create_task(_serve(options, listener))
    waiting = loop.create_task(told.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        return serving.result()
    log.plain("Shutting down")
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    return 0


async def _serve(options: Options, listener: socket.socket) -> int:
    setup = Setup.of(options)
    for line in start_lines(options, setup.model, setup.memory):
        await asyncio.sleep(line.after * options.start_scale)
        if line.process:
            log.say(line.process, line.place, line.text)
        else:
            log.raw(line.text)
    api = Api(setup)
    server = await _listen(api, listener)
    log.plain("Application startup complete.")
    stats = asyncio.create_task(_stats(api))
    try:
        await api.core.run()
    except EngineCrash as error:
        _died(error)
    finally:
        stats.cancel()
        server.close()
    return 1


def _bind(options: Options) -> socket.socket:
    """Take the port now, listen later: a taken port is known before anything is loaded."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM
        )[0]
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise _no_port(options.host, options.port, error) from None
    return listener


async def _listen(api: Api, listener: socket.socket) -> asyncio.Server:
    host, port = listener.getsockname()[:2]
    loop = asyncio.get_running_loop()
    try:
        # The backlog holds the burst with which a benchmark begins.
        return await loop.create_server(lambda: Connection(api.handle), sock=listener, backlog=1024)
    except OSError as error:
        raise _no_port(host, port, error) from None


def _no_port(host: str, port: int, error: OSError) -> StartError:
    reason = (error.strerror or str(error)).lower()
    return StartError(
        "Traceback (most recent call last):",
        f"OSError: [Errno {error.errno}] error while attempting to bind on address "
        f"('{host}', {port}): {reason}",
    )


async def _stats(api: Api) -> None:
    """What the engine did lately, as long as it does anything."""
    counters = api.core.scheduler.counters
    while True:
        prompt, generated = counters.prompt_tokens, counters.generated_tokens
        await asyncio.sleep(_STATS_SECONDS)
        if (prompt, generated) == (counters.prompt_tokens, counters.generated_tokens):
            continue
        scheduler = api.core.scheduler
        hits = counters.prefix_hits / max(1, counters.prefix_queries)
        log.say(
            log.SERVER,
            "loggers.py:273",
            "Engine 000: Avg prompt throughput: "
            f"{(counters.prompt_tokens - prompt) / _STATS_SECONDS:.1f} tokens/s, "
            "Avg generation throughput: "
            f"{(counters.generated_tokens - generated) / _STATS_SECONDS:.1f} tokens/s, "
            f"Running: {len(scheduler.running)} reqs, Waiting: {len(scheduler.waiting)} reqs, "
            f"GPU KV cache usage: {scheduler.cache_usage:.1%}, "
            f"Prefix cache hit rate: {hits:.1%}",
        )


def _given(options: Options) -> dict[str, object]:
    """The options that differ from their defaults."""
    usual = asdict(Options())
    return {name: value for name, value in asdict(options).items() if value != usual[name]}


def _report(error: StartError) -> None:
    for line in error.lines:
        if error.in_core:
            log.say(log.CORE, "core.py:1510", line, "ERROR")
        else:
            log.raw(line)


def _died(error: EngineCrash) -> None:
    for line in (
        "EngineCore encountered a fatal error.",
        "Traceback (most recent call last):",
        "  in execute_model",
        str(error),
    ):
        log.say(log.CORE, "core.py:1512", line, "ERROR")
    log.say(
        log.SERVER,
        "async_llm.py:704",
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack "
        "trace (above) for the root cause.",
        "ERROR",
    )


if __name__ == "__main__":
    sys.exit(main())
