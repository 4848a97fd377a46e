"""SGLang: `python3 -m sglang.launch_server --model-path MODEL --flag value …`."""

from __future__ import annotations

from core.engines.base import Engine
from core.engines.sglang_logs import PHASES, SIGNATURES
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
        "kvcache": "kv-cache-dtype",
        "gemm": "quantization",
        "attention": "attention-backend",
    },
    reserved=frozenset({
        "model", "model-path", "served-model-name", "tokenizer-path", "host", "port",
        "random-seed", "enable-metrics",
    }),
    phases=PHASES,
    signatures=SIGNATURES,
    # It makes a token; in some versions /health answers before the model does.
    health="/health_generate",
    # Refused while requests run: those of the last measurement get a moment to end.
    cache_reset="/flush_cache?timeout=4",
    image="lmsysorg/sglang:v0.5.23",
    image_program=("python3", "-m", "sglang.launch_server"),
    caches={"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"},
    genai_backend="sglang",
    shared_dp="enable-dp-attention",
    # Its flags have no `--no-` form: what is off by default is off when it is not passed.
    spell_false=lambda _: (),
)  # fmt: skip
