"""SGLang: `python3 -m sglang.launch_server --model-path MODEL --flag value …`."""

from __future__ import annotations

from core.engines.base import Engine
from core.engines.rules import SGLANG as RULES
from core.engines.sglang_logs import PHASES, READY, SIGNATURES, SPEAKS
from core.task import Task


def _arguments(task: Task, host: str, port: int) -> tuple[str, ...]:
    words = ["--model-path", task.model, "--served-model-name", task.model]
    if task.tokenizer != task.model:
        words += ["--tokenizer-path", task.tokenizer]
    words += ["--host", host, "--port", str(port), "--random-seed", str(task.seed)]
    # The counters that measurements are held against are kept only when asked for.
    return (*words, "--enable-metrics")


ENGINE = Engine(
    name="sglang",
    program=("python3", "-m", "sglang.launch_server"),
    default_port=30000,
    arguments=_arguments,
    axes={
        "tp": "tp-size",
        "pp": "pp-size",
        "dp": "dp-size",
        "ep": "ep-size",
        "dcp": "dcp-size",
        "kvcache": "kv-cache-dtype",
        "gemm": "quantization",
        "attention": "attention-backend",
    },
    formats={"kvcache": {"fp8": "fp8_e4m3", "bf16": "bfloat16"}},
    rules=RULES,
    reserved=frozenset({
        "model", "model-path", "served-model-name", "tokenizer-path", "host", "port",
        "random-seed", "enable-metrics",
    }),
    phases=PHASES,
    signatures=SIGNATURES,
    speaks=SPEAKS,
    ready=READY,
    # It makes a token; in some versions /health answers before the model does.
    health="/health_generate",
    # Refused while requests run: those of the last measurement get a moment to end.
    cache_reset="/flush_cache?timeout=4",
    image="lmsysorg/sglang:v0.5.23",
    image_program=("python3", "-m", "sglang.launch_server"),
    caches={"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"},
    # Its graphs are captured at every start; what is kept are kernels, made for shapes (how the
    # weights are divided), kinds of numbers and backends.
    compiles=frozenset({
        "attention-backend", "dp-size", "dtype", "enable-dp-attention", "enable-torch-compile",
        "ep-size", "fp8-gemm-backend", "kv-cache-dtype", "moe-a2a-backend", "moe-dense-tp-size",
        "moe-runner-backend", "page-size", "pp-size", "quantization", "torch-compile-max-bs",
        "tp-size",
    }),
    genai_backend="sglang",
    shared_dp="enable-dp-attention",
    # Its flags have no `--no-` form: what is off by default is off when it is not passed.
    spell_false=lambda _: (),
)  # fmt: skip
