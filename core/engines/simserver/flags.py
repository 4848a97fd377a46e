"""The command line: vLLM's flags that matter to the simulation, and how it is to misbehave."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields

KV_DTYPES = ("auto", "fp8", "fp8_e4m3", "fp8_e5m2")


@dataclass(frozen=True, slots=True)
class Options:
    """The flags as values. `start_scale` is wall-clock seconds per simulated second of the start.

    `noise`, `start_noise`, `drift` and the bursts are those of `pace`, the limits of requests
    those of `strain`. A limit of 0 is none.
    """

    model: str = "sim-8b"
    served_model_name: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    seed: int = 0
    noise: float = 0.02
    start_scale: float = 0.02
    max_num_seqs: int = 16
    max_num_batched_tokens: int = 2048
    max_model_len: int = 4096
    gpu_memory_utilization: float = 0.9
    tensor_parallel_size: int = 1
    kv_cache_dtype: str = "auto"
    quantization: str | None = None
    enable_prefix_caching: bool = True
    enforce_eager: bool = False
    enable_chunked_prefill: bool = True
    start_noise: float = 0.0
    start_seed: int | None = None
    drift: float = 0.0
    burst_every: float = 0.0
    burst_factor: float = 2.0
    cliff: int = 0
    cliff_factor: float = 2.0
    max_queued_requests: int = 0
    reject_status: int = 503
    die_above: int = 0
    hang_above: int = 0

    @property
    def name(self) -> str:
        """What clients call the model."""
        return self.served_model_name or self.model


_HELP = {
    "noise": "relative spread of each step's duration",
    "start_scale": "wall-clock seconds per simulated second of the start",
    "max_num_seqs": "requests that run at once",
    "max_num_batched_tokens": "tokens computed in one step",
    "gpu_memory_utilization": "share of the GPU's memory that the engine may plan with",
    "start_noise": "relative spread of the speed of one whole start",
    "start_seed": "draws the speed of this start; without it every start is another",
    "drift": "relative slow-down of every step per minute of serving",
    "burst_every": "mean seconds between two slow spells of a second; 0: none",
    "burst_factor": "how many times as long a step takes in a slow spell",
    "cliff": "running requests above which a step takes longer; 0: no such number",
    "cliff_factor": "how many times as long a step takes above the cliff",
    "max_queued_requests": "waiting requests above which a new one is refused; 0: no limit",
    "reject_status": "HTTP status of a refused request",
    "die_above": "running requests above which the engine crashes; 0: never",
    "hang_above": "running requests above which nothing moves any more; 0: never",
}
_CHOICES: dict[str, tuple[str | int, ...]] = {
    "kv_cache_dtype": KV_DTYPES,
    "quantization": ("fp8",),
    "reject_status": (429, 503),
}
_KINDS: dict[str, type] = {"start_seed": int, "quantization": str}


def parse(arguments: Sequence[str]) -> Options:
    """The options. Ends the program with argparse's message and status 2 on a bad flag."""
    parser = argparse.ArgumentParser(
        prog="simserver",
        description="A simulated LLM inference server that looks like vLLM to its clients.",
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for field in fields(Options):
        flag = "--" + field.name.replace("_", "-")
        described = _HELP.get(field.name, " ")
        if isinstance(field.default, bool):
            action = argparse.BooleanOptionalAction
            parser.add_argument(flag, action=action, default=field.default, help=described)
        else:
            kind = _KINDS.get(field.name, type(field.default))
            choices = _CHOICES.get(field.name)
            parser.add_argument(
                flag, type=kind, default=field.default, choices=choices, help=described
            )
    return Options(**vars(parser.parse_args(arguments)))
