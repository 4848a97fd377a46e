"""What no engine would start with, refused in vLLM's words."""

from __future__ import annotations

from pathlib import Path

from core.engines.simserver.errors import StartError, invalid_config, invalid_field
from core.engines.simserver.flags import Options
from core.engines.simserver.hardware import DEVICE, MAX_POSITIONS, model_named

_RANGES = {
    "noise": (0, 10),
    "start_scale": (0, 10),
    "start_noise": (0, 1),
    "drift": (-1, 10),
    "burst_every": (0, 3600),
    "burst_factor": (0.1, 100),
    "cliff": (0, 1 << 20),
    "cliff_factor": (0.1, 100),
    "max_queued_requests": (0, 1 << 20),
    "die_above": (0, 1 << 20),
    "hang_above": (0, 1 << 20),
}
"""Lowest and highest value of the flags that no real engine has."""


def check(options: Options) -> None:
    """Raise StartError for values that no engine would start with."""
    _check_model(options.model)
    _check_limits(options)
    _check_scheduler(options)
    _check_simulation(options)
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


def _check_simulation(options: Options) -> None:
    for name, (low, high) in _RANGES.items():
        if not low <= getattr(options, name) <= high:
            flag = name.replace("_", "-")
            raise StartError(f"ValueError: --{flag} must be between {low:g} and {high:g}.")
