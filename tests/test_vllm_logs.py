"""Lines of real vLLM logs and what they mean."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from core.doctor.diagnose import diagnose
from core.engines.base import Signature
from core.engines.vllm import ENGINE
from core.values import FailureKind, Phase

OUT = (
    "(EngineCore pid=77) ERROR 11-23 14:03:12 [core.py:1510] torch.OutOfMemoryError: CUDA out of "
    "memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of 23.53 GiB of which "
    "33.94 MiB is free. Including non-PyTorch memory, this process has 23.48 GiB memory in use."
)
LOADED = "INFO 11-23 14:02:58 [gpu_model_runner.py:5150] Model loading took 14.96 GiB memory"
SERVING = "(APIServer pid=7) INFO:     Application startup complete."

LINES = [
    ([OUT], FailureKind.OOM_WEIGHTS, "224.00 MiB more were needed, 33.94 MiB"),
    ([LOADED, OUT], FailureKind.OOM_COMPILE, "33.94 MiB were free"),
    ([LOADED, SERVING, OUT], FailureKind.OOM_LOAD, "under load"),
    (
        [
            LOADED,
            "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy "
            "requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization`",
        ],
        FailureKind.OOM_COMPILE,
        "sampler with 1024",
    ),
    (
        [
            "ValueError: To serve at least one request with the models's max seq len (40960), "
            "(5.62 GiB KV cache is needed, which is larger than the available KV cache memory "
            "(2.10 GiB). Based on the available memory, the estimated maximum model length is "
            "15296. Try increasing `gpu_memory_utilization`"
        ],
        FailureKind.OOM_KV,
        "2.10 GiB",
    ),
    (
        ["ValueError: To serve at least one request with the model's max seq len (9), (1 MiB"],
        FailureKind.OOM_KV,
        "too small",
    ),
    (
        [
            "vllm serve: error: argument --kv-cache-dtype: invalid choice: 'fp9' "
            "(choose from 'auto', 'fp8')"
        ],
        FailureKind.BAD_VALUE,
        "'fp9'",
    ),
    (
        ["  Input should be less than or equal to 1 [type=less_than_equal, input_value=1.5, i]"],
        FailureKind.BAD_VALUE,
        "1.5 should be less than or equal to 1",
    ),
    (
        [
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig",
            "  Value error, Total number of attention heads (4) must be divisible by tensor "
            "parallel size (3). [type=value_error, input_value=ArgsKwargs((), {})]",
        ],
        FailureKind.PARALLELISM,
        "4 attention heads",
    ),
    (
        ["  Value error, something new is wrong [type=value_error, input_value=ArgsKwargs(())]"],
        FailureKind.BAD_VALUE,
        "something new is wrong",
    ),
    (
        ["OSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/no/model'."],
        FailureKind.MODEL_MISSING,
        "/no/model",
    ),
    (
        ["OSError: org/none is not a local folder and is not a valid model identifier listed"],
        FailureKind.MODEL_MISSING,
        "org/none",
    ),
    (["OSError: You are trying to access a gated repo."], FailureKind.MODEL_GATED, "gated"),
    (
        ["LocalEntryNotFoundError: Cannot find a folder and outgoing traffic has been disabled."],
        FailureKind.OFFLINE,
        "HF_HUB_OFFLINE",
    ),
    (["OSError: Can't load tokenizer for 'a/b'. If you"], FailureKind.TOKENIZER, "a/b"),
    (["OSError: [Errno 98] Address already in use"], FailureKind.PORT, "taken"),
    (
        ["RuntimeError: unable to write to file </torch_12_0>: No space left on device (28)"],
        FailureKind.SHM,
        "/dev/shm",
    ),
    (["OSError: [Errno 28] No space left on device"], FailureKind.DISK, "full"),
    (
        ["PermissionError: [Errno 13] Permission denied: '/models/x'"],
        FailureKind.PERMISSION,
        "/models/x",
    ),
    (["torch.distributed.DistBackendError: NCCL error in: x.cpp:1"], FailureKind.NCCL, "NCCL"),
    (
        ["requests.exceptions.ProxyError: Unable to connect to proxy"],
        FailureKind.PROXY,
        "proxy",
    ),
    (
        ["ValueError: Model architectures ['FooLM'] are not supported for now."],
        FailureKind.UNSUPPORTED,
        "'FooLM'",
    ),
    (["ERROR [core.py:1512] EngineCore encountered a fatal error."], FailureKind.ENGINE_DIED, ""),
]


@pytest.mark.parametrize(("lines", "kind", "says"), LINES)
def test_a_failure_is_recognised(
    tmp_path: Path, lines: list[str], kind: FailureKind, says: str
) -> None:
    log = tmp_path / "engine.log"
    log.write_text("\n".join(["INFO 11-23 14:02:00 [core.py:1] Hello", *lines]) + "\n")

    found = diagnose(log, ENGINE.signatures)

    assert found is not None
    assert found.kind is kind
    assert says in found.message
    assert "?" not in found.message + found.advice


OTHERS = [
    (["RuntimeError: CUDA error: out of memory"], FailureKind.OOM_WEIGHTS),
    ([LOADED, "RuntimeError: Triton Error [CUDA]: out of memory"], FailureKind.OOM_COMPILE),
    (
        [LOADED, '  File "w.py", line 9, in initialize_kv_cache_tensors', "    torch.zeros(", OUT],
        FailureKind.OOM_KV,
    ),
    (['  File "c.py", line 9, in run_busy_loop', "    step()", OUT], FailureKind.OOM_LOAD),
    (
        [
            "torch.cuda.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB (GPU 0; "
            "63.98 GiB total capacity; 62.1 GiB already allocated; 1.1 GiB free; 62.3 GiB reserved"
        ],
        FailureKind.OOM_WEIGHTS,
    ),
    (
        ["AssertionError: Error in memory profiling. Initial free memory 22.7 GiB, current free"],
        FailureKind.OOM_WEIGHTS,
    ),
    (
        [
            "RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 9126805504 bytes."
        ],
        FailureKind.OOM_WEIGHTS,
    ),
    (["api_server.py: error: unrecognized arguments: --swapspace 4"], FailureKind.BAD_FLAG),
    (
        ["api_server.py: error: argument --dtype: invalid choice: 'fp16' (choose from 'auto')"],
        FailureKind.BAD_VALUE,
    ),
    (
        ["ValueError: Unknown quantization method: fp4. Must be one of ['awq', 'gptq']."],
        FailureKind.BAD_VALUE,
    ),
    (
        ["  Unexpected keyword argument [type=unexpected_keyword_argument, input_value=3, inpu"],
        FailureKind.BAD_VALUE,
    ),
    (
        ["ValueError: `block_size` must be a multiple of 16, got 7."],
        FailureKind.BAD_VALUE,
    ),
    (
        [
            "ValueError: The number of required GPUs exceeds the total number of available GPUs in "
            "the placement group."
        ],
        FailureKind.PARALLELISM,
    ),
    (["AssertionError: 151937 is not divisible by 4"], FailureKind.PARALLELISM),
    (["RuntimeError: CUDA error: invalid device ordinal"], FailureKind.PARALLELISM),
    (
        [
            "ValueError: The output_size of gate's and up's weight = 688 is not divisible by "
            "weight quantization block_n = 128."
        ],
        FailureKind.PARALLELISM,
    ),
    (
        [
            "ValueError: torch.bfloat16 is not supported for quantization method awq. Supported "
            "dtypes: [torch.float16]"
        ],
        FailureKind.UNSUPPORTED,
    ),
    (["ValueError: FP8 KV cache is not supported with this head size."], FailureKind.UNSUPPORTED),
    (
        ["RuntimeError: FlashAttention only supports Ampere GPUs or newer."],
        FailureKind.UNSUPPORTED,
    ),
    (
        ["triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 180224"],
        FailureKind.UNSUPPORTED,
    ),
    (
        ["ptxas fatal   : Value 'sm_121a' is not defined for option 'gpu-name'"],
        FailureKind.UNSUPPORTED,
    ),
    (["RuntimeError: No CUDA GPUs are available"], FailureKind.UNSUPPORTED),
    (
        [
            "ValueError: The checkpoint you are trying to load has model type `dream` but "
            "Transformers does not recognize this architecture."
        ],
        FailureKind.UNSUPPORTED,
    ),
    (
        ["RuntimeError: Failed to find C compiler. Please specify via CC environment variable."],
        FailureKind.CONFIG,
    ),
    (
        ["safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge"],
        FailureKind.MODEL_MISSING,
    ),
    (
        ["RuntimeError: Data processing error: CAS service error : Reqwest Error: HTTP status"],
        FailureKind.NETWORK,
    ),
    (
        ["Exception ('Connection aborted.') https://huggingface.co/a: Connection reset by peer"],
        FailureKind.NETWORK,
    ),
    (
        ["'[Errno 111] Connection refused' thrown while requesting HEAD https://huggingface.co/a"],
        FailureKind.PROXY,
    ),
    (["mkdir: cannot create directory '/models/x': Permission denied"], FailureKind.PERMISSION),
    (["RuntimeError: NCCL communicator was aborted on rank 1."], FailureKind.NCCL),
    (
        ["torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients."],
        FailureKind.NCCL,
    ),
    (["TimeoutError: RPC call to execute_model timed out."], FailureKind.HANG),
    (
        ["Did not receive response from front-end process within 5 minutes"],
        FailureKind.START_TIMEOUT,
    ),
    (["RuntimeError: CUDA error: misaligned address"], FailureKind.CRASH),
    (["NVRM: Xid (PCI:0000:65:00): 79, pid=1, GPU has fallen off the bus."], FailureKind.CRASH),
    (
        [
            SERVING,
            "ERROR 07-11 10:09:44 [core_client.py:517] Engine core proc EngineCore_0 died "
            "unexpectedly, shutting down client.",
        ],
        FailureKind.ENGINE_DIED,
    ),
    (["RuntimeError: Engine process failed to start. See stack trace"], FailureKind.CRASH),
    (["vllm: command not found"], FailureKind.CONFIG),
]


@pytest.mark.parametrize(("lines", "kind"), OTHERS)
def test_the_words_of_other_versions_and_machines_are_known(
    tmp_path: Path, lines: list[str], kind: FailureKind
) -> None:
    log = tmp_path / "engine.log"
    log.write_text("\n".join(lines) + "\n")

    found = diagnose(log, ENGINE.signatures)

    assert found is not None
    assert found.kind is kind, found


@pytest.mark.parametrize(
    ("line", "phase", "progress"),
    [
        ("Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:07", Phase.LOAD, 0.75),
        ("model-00001-of-00004.safetensors:  43%|████", Phase.DOWNLOAD, 0.43),
        (
            "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):   3%|▎ | 2/67"
            "\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE):  68%|██ | 45/67",
            Phase.CAPTURE,
            0.68,
        ),
        ("INFO [backends.py:1167] Dynamo bytecode transform time: 6.70 s", Phase.COMPILE, None),
        ("INFO [core.py:403] init engine (profile, create kv cache, warm", Phase.WARMUP, None),
    ],
)
def test_a_phase_is_recognised(line: str, phase: Phase, progress: float | None) -> None:
    mark = ENGINE.phase(line)

    assert mark is not None
    assert mark.phase is phase
    assert mark.progress == progress


@pytest.mark.parametrize(
    "line",
    [
        'INFO:     127.0.0.1:5 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
        "INFO 11-24 20:51:29 [model.py:2152] Using max model len 1024",
        "INFO 11-24 20:51:29 [arg_utils.py:1] HF_HUB_OFFLINE is True, replace model_id [a/b]",
        "WARNING 11-24 20:51:29 [system_utils.py:255] Found ulimit of 20000 and failed to "
        "automatically increase with error current limit exceeds maximum limit. This can cause "
        "fd limit errors like `OSError: [Errno 24] Too many open files`.",
    ],
)
def test_a_healthy_line_means_nothing(tmp_path: Path, line: str) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"{line}\n")

    assert diagnose(log, ENGINE.signatures) is None
    assert ENGINE.phase(line) is None


@pytest.mark.parametrize("signature", ENGINE.signatures, ids=lambda s: s.pattern.pattern[:40])
def test_messages_use_only_groups_that_their_pattern_has(signature: Signature) -> None:
    groups = set(re.compile(signature.pattern).groupindex)

    for text in (signature.message, signature.advice):
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= groups
