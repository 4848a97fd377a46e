"""The command line: vLLM's flags that matter to the simulation, checked as vLLM checks them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from core.engines.simserver.errors import StartError, invalid_config, invalid_field
from core.engines.simserver.hardware import DEVICE, MAX_POSITIONS, model_named

KV_DTYPES = ("auto", "fp8", "fp8_e4m3", "fp8_e5m2")


@dataclass(frozen=True, slots=True)
class Options:
    """The flags as values. `noise` is the relative spread of a step's duration;
    `start_scale` is wall-clock seconds per simulated second of the start.
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
}
_CHOICES: dict[str, tuple[str, ...]] = {"kv_cache_dtype": KV_DTYPES, "quantization": ("fp8",)}


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
            kind = type(field.default) if field.default is not None else str
            choices = _CHOICES.get(field.name)
            parser.add_argument(
                flag, type=kind, default=field.default, choices=choices, help=described
            )
    return Options(**vars(parser.parse_args(arguments)))


def check(options: Options) -> None:
    """Raise StartError for values that no engine would start with."""
    _check_model(options.model)
    _check_limits(options)
    _check_scheduler(options)
    tensor_parallel = options.tensor_parallel_size
    if tensor_parallel > DEVICE.count:
        raise invalid_config(
            "ParallelConfig",
            f"World size ({tensor_parallel}) is larger than the number of available GPUs "
            f"({DEVICE.count}) in this node.",
        )
    heads = model_named(options.model).heads
    if heads % tensor_parallel:
        raise invalid_config(
            "VllmConfig",
            f"Total number of attention heads ({heads}) must be divisible by tensor parallel "
            f"size ({tensor_parallel}).",
        )


def _check_model(model: str) -> None:
    """Only a folder can be missing; any other name stands for a model of that size."""
    if model.startswith(("/", ".", "~")) and not Path(model).is_dir():
        raise StartError(
            "Traceback (most recent call last):",
            "OSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': "
            f"'{model}'. Use `repo_type` argument if needed.",
        )


def _check_limits(options: Options) -> None:
    at_least_one = "Input should be greater than or equal to 1 [type=greater_than_equal"
    for config, name in (
        ("SchedulerConfig", "max_num_seqs"),
        ("SchedulerConfig", "max_num_batched_tokens"),
        ("ModelConfig", "max_model_len"),
        ("ParallelConfig", "tensor_parallel_size"),
    ):
        if getattr(options, name) < 1:
            raise invalid_field(config, name, at_least_one, getattr(options, name))
    share = options.gpu_memory_utilization
    if not share > 0:
        problem = "Input should be greater than 0 [type=greater_than"
        raise invalid_field("CacheConfig", "gpu_memory_utilization", problem, share)
    if share > 1:
        problem = "Input should be less than or equal to 1 [type=less_than_equal"
        raise invalid_field("CacheConfig", "gpu_memory_utilization", problem, share)
    for name in ("noise", "start_scale"):
        if not 0 <= getattr(options, name) < 10:
            raise StartError(f"ValueError: --{name.replace('_', '-')} must be between 0 and 10.")
    if not 0 <= options.port < 65536:
        raise StartError(f"ValueError: --port must be between 0 and 65535, got {options.port}.")


def _check_scheduler(options: Options) -> None:
    batched, length = options.max_num_batched_tokens, options.max_model_len
    if length > MAX_POSITIONS:
        raise invalid_config(
            "ModelConfig",
            f"User-specified max_model_len ({length}) is greater than the derived max_model_len "
            f"(max_position_embeddings={MAX_POSITIONS}).",
        )
    if batched < length and not options.enable_chunked_prefill:
        raise invalid_config(
            "SchedulerConfig",
            f"max_num_batched_tokens ({batched}) is smaller than max_model_len ({length}).",
        )
    if batched < options.max_num_seqs:
        raise invalid_config(
            "SchedulerConfig",
            f"max_num_batched_tokens ({batched}) must be greater than or equal to max_num_seqs "
            f"({options.max_num_seqs}).",
        )
