"""Lines of real SGLang logs and what they mean."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from core.doctor.diagnose import diagnose
from core.engines.base import Signature
from core.engines.sglang import ENGINE
from core.values import FailureKind, Phase

OUT = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB. GPU 7 has a total "
    "capacity of 95.00 GiB of which 33.94 MiB is free. Process 12 has 94.9 GiB memory in use."
)
LOADED = (
    "[2025-12-23 14:18:09 TP0] Load weight end. elapsed=7.31 s, type=LlamaForCausalLM, "
    "avail mem=31.20 GB, mem usage=15.02 GB."
)
SERVING = "[2025-12-23 14:18:40] The server is fired up and ready to roll!"
EXCEPTION = (
    "[2025-12-23 14:18:44 TP0] Scheduler hit an exception: Traceback (most recent call last):"
)
SIGQUIT = "[2025-12-23 14:18:45] Received sigquit from a child process. It usually means"
LINES = [
    ([EXCEPTION, OUT, SIGQUIT], FailureKind.OOM_WEIGHTS, "448.00 MiB were needed, 33.94 MiB"),
    (
        [LOADED, f"Exception: Capture cuda graph failed: {OUT}", SIGQUIT],
        FailureKind.OOM_COMPILE,
        "33.94 MiB were free",
    ),
    ([LOADED, SERVING, EXCEPTION, OUT, SIGQUIT], FailureKind.OOM_LOAD, "under load"),
    (
        [
            LOADED,
            SERVING,
            "[2025-12-23 14:18:44] Prefill out of memory. Try to lower your batch size.",
        ],
        FailureKind.OOM_LOAD,
        "Prefill",
    ),
    (
        ["RuntimeError: alloc_req_slots runs out of memory. Please set a smaller number for"],
        FailureKind.OOM_LOAD,
        "slots",
    ),
    (
        [LOADED, "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."],
        FailureKind.OOM_KV,
        "KV cache",
    ),
    (
        [
            "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. "
            "Current value: mem_fraction_static=0.35"
        ],
        FailureKind.OOM_KV,
        "mem-fraction-static 0.35",
    ),
    (
        [
            "ValueError: Loaded weights leave no GPU memory for the KV cache under "
            "--mem-fraction-static=0.2. Raise --mem-fraction-static above 0.331 (minimum viable"
        ],
        FailureKind.OOM_KV,
        "mem-fraction-static 0.2",
    ),
    ([SERVING, "RuntimeError: CUDA error: out of memory"], FailureKind.OOM_LOAD, "under load"),
    (["RuntimeError: CUDA error: out of memory"], FailureKind.OOM_WEIGHTS, "weights do not fit"),
    ([LOADED, "RuntimeError: CUDA error: out of memory"], FailureKind.OOM_KV, "KV cache"),
    (
        ["RuntimeError: The memory capacity is unbalanced. Some GPUs may be occupied by other"],
        FailureKind.OOM_WEIGHTS,
        "less free memory",
    ),
    (
        ["launch_server.py: error: unrecognized arguments: --enable-prefix-caching"],
        FailureKind.BAD_FLAG,
        "--enable-prefix-caching",
    ),
    (
        [
            "launch_server.py: error: argument --attention-backend: invalid choice: 'torch_sdpa' "
            "(choose from 'triton', 'fa3', 'flashinfer')"
        ],
        FailureKind.BAD_VALUE,
        "'torch_sdpa'",
    ),
    (
        [
            "ValueError: Warning: User-specified context_length (99999) is greater than the "
            "derived context_length (40960). This may lead to incorrect model outputs"
        ],
        FailureKind.BAD_VALUE,
        "the model's 40960",
    ),
    (
        ["ValueError: --attn-dp-size must be positive (got 0)."],
        FailureKind.BAD_VALUE,
        "--attn-dp-size must be positive",
    ),
    (
        ["AssertionError: tp_size must be divisible by attn_dp_size * attn_cp_size"],
        FailureKind.PARALLELISM,
        "tp_size must be divisible",
    ),
    (
        ["    assert self.total_num_heads % tp_size == 0", "AssertionError"],
        FailureKind.PARALLELISM,
        "attention heads",
    ),
    (["AssertionError: 30 is not divisible by 4"], FailureKind.PARALLELISM, "layer of 30"),
    (["RuntimeError: CUDA error: invalid device ordinal"], FailureKind.PARALLELISM, "more GPUs"),
    (
        [
            "AssertionError: FlashAttention v3 Backend requires SM>=80 and SM<=90. Please use "
            "`--attention-backend flashinfer`."
        ],
        FailureKind.UNSUPPORTED,
        "FlashAttention v3 Backend requires SM>=80 and SM<=90",
    ),
    (
        ["ValueError: Model architectures ['FooLM'] are not supported for now. Supported"],
        FailureKind.UNSUPPORTED,
        "'FooLM'",
    ),
    (
        ["RuntimeError: No accelerator (CUDA, XPU, HPU, NPU, MUSA, MPS) is available."],
        FailureKind.UNSUPPORTED,
        "no accelerator",
    ),
    (
        [
            "/usr/bin/python3: Error while finding module specification for "
            "'sglang.launch_server' (ModuleNotFoundError: No module named 'sglang')"
        ],
        FailureKind.CONFIG,
        "not installed",
    ),
    (
        [
            "ERROR: [Errno 98] error while attempting to bind on address ('127.0.0.1', 30000): "
            "address already in use"
        ],
        FailureKind.PORT,
        "port 30000 on 127.0.0.1",
    ),
    (["ValueError: port at 30000 is not available in 30 seconds."], FailureKind.PORT, "30000"),
    (["OSError: You are trying to access a gated repo."], FailureKind.MODEL_GATED, "gated"),
    (["OSError: [Errno 28] No space left on device"], FailureKind.DISK, "full"),
    (
        [SERVING, "Scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)"],
        FailureKind.HANG,
        "300 s",
    ),
    (
        [
            "RuntimeError: Rank 0 scheduler died during initialization (exit code: -9). If exit "
            "code is -9 (SIGKILL), a common cause is the OS OOM killer."
        ],
        FailureKind.CRASH,
        "SIGKILL",
    ),
    ([SIGQUIT], FailureKind.CRASH, "did not start"),
    ([SERVING, EXCEPTION, "KeyError: 3", SIGQUIT], FailureKind.ENGINE_DIED, "scheduler died"),
]


@pytest.mark.parametrize(("lines", "kind", "says"), LINES)
def test_a_failure_is_recognised(
    tmp_path: Path, lines: list[str], kind: FailureKind, says: str
) -> None:
    log = tmp_path / "engine.log"
    log.write_text("\n".join(["[2025-12-23 14:18:00] Init torch distributed begin.", *lines]))

    found = diagnose(log, ENGINE.signatures)

    assert found is not None
    assert found.kind is kind
    assert says in found.message
    assert "?" not in found.message + found.advice


@pytest.mark.parametrize(
    ("line", "phase", "progress"),
    [
        ("[2025-12-23 14:18:01] Load weight begin. avail mem=46.81 GB", Phase.LOAD, None),
        (
            "Loading safetensors checkpoint shards:  25% Completed | 1/4 [00:00<00:01,  2.32it/s]",
            Phase.LOAD,
            0.25,
        ),
        ("Multi-thread loading shards:  50% Completed | 8/16 [00:01", Phase.LOAD, 0.5),
        ("model-00001-of-00004.safetensors:  43%|████", Phase.DOWNLOAD, 0.43),
        ("Entering DeepGEMM JIT Pre-Compile session. It may take a long time", Phase.COMPILE, None),
        ("Compiling num tokens (num_tokens=512):  10%|█ | 5/50", Phase.COMPILE, 0.1),
        (
            "[2025-03-27 21:33:31 TP0] Capture cuda graph begin. This can take up to several "
            "minutes. avail mem=13.95 GB",
            Phase.CAPTURE,
            None,
        ),
        (
            "[2026-08-01 10:00:00] Capture target decode CUDA graph begin. backend=full, "
            "num_tokens_per_req=1, avail mem=13.95 GB",
            Phase.CAPTURE,
            None,
        ),
        (
            "Capturing batches (bs=512 avail_mem=12.55 GB):   0%|      | 0/23 [00:00<?, ?it/s]"
            "\rCapturing batches (bs=8 avail_mem=9.72 GB):  87%|███▍| 20/23 [00:08<00:00]",
            Phase.CAPTURE,
            0.87,
        ),
        (
            "[2025-11-30 11:18:05] max_total_num_tokens=2261377, chunked_prefill_size=16384, "
            "max_prefill_tokens=16384, max_running_requests=4096, context_len=128000",
            Phase.WARMUP,
            None,
        ),
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
        '[2025-11-30 11:18:06] INFO:     127.0.0.1:5 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
        "[2025-11-30 11:18:07] Prefill batch. #new-seq: 1, #new-token: 6, #cached-token: 0",
        "[2025-11-30 11:18:05] server_args=ServerArgs(model_path='a/b', tp_size=1, "
        "watchdog_timeout=300, soft_watchdog_timeout=None, mem_fraction_static=0.88)",
        "[2025-11-30 11:18:01] Capture cuda graph end. Time elapsed: 5.92 s. mem usage=1.44 GB.",
        "Detokenizer watchdog timeout (self.watchdog_timeout=60, self.soft=True)",
        "[2025-11-30 11:18:01] Load weight end. elapsed=7.31 s, type=LlamaForCausalLM",
        "[2025-11-30 11:18:01] Warning: User-specified context_length (9) is greater than the "
        "derived context_length (8).",
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
