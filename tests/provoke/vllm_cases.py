"""The cases: how vLLM is started, and what kind of failure that is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.provoke.scene import Scene

Asked = Callable[[Scene], str]
_SERVED = "served, then SIGTERM"
EAGER = ("--enforce-eager", "--max-model-len", "1024")
_NO_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


@dataclass(frozen=True)
class Case:
    """One start. `model` makes what is served, the whole tiny model when None."""

    name: str
    kind: str
    flags: Sequence[str] = ()
    model: Asked | None = None
    environment: Mapping[str, Asked] = field(default_factory=dict)
    before: Sequence[str] = ()
    act: str = "wait"


def hub(_: Scene) -> str:
    return "acme/tiny-7b"


def value(text: str) -> Asked:
    return lambda _: text


def cases() -> Iterator[Case]:
    yield from _flags()
    yield from _models()
    yield from _hubs()
    yield from _machine()
    yield from _ends()
    yield from _sound()


def _flags() -> Iterator[Case]:
    yield Case("bad-flag", "bad_flag", ("--max-num-sequence", "4"))
    yield Case("bad-flag-of-another", "bad_flag", ("--mem-fraction-static", "0.8"))
    yield Case("ambiguous-flag", "bad_flag", ("--max-num", "4"))
    yield Case("bad-choice", "bad_value", ("--kv-cache-dtype", "fp9"))
    yield Case("bad-integer", "bad_value", ("--max-num-seqs", "many"))
    yield Case("no-value", "bad_value", ("--max-num-seqs",))
    yield Case("bad-json", "bad_value", ("--compilation-config", "{mode: 3"))
    yield Case("bad-key", "bad_value", ("--compilation-config", '{"modus": 3}'))
    yield Case("out-of-range", "bad_value", ("--gpu-memory-utilization", "1.5"))
    yield Case("zero-block", "bad_value", ("--block-size", "0"))
    yield Case("negative-seqs", "bad_value", ("--max-num-seqs", "-3"))
    yield Case(
        "tokens-below-seqs",
        "bad_value",
        ("--max-num-batched-tokens", "8", "--max-num-seqs", "16", *EAGER),
    )
    yield Case(
        "tokens-below-length",
        "bad_value",
        (
            "--max-num-batched-tokens",
            "64",
            "--max-model-len",
            "1024",
            "--no-enable-chunked-prefill",
        ),
    )
    yield Case("too-long", "bad_value", ("--max-model-len", "4096"))
    yield Case("tp-heads", "parallelism", ("--tensor-parallel-size", "3"))
    yield Case("tp-too-many", "parallelism", ("--tensor-parallel-size", "4", *EAGER))
    yield Case("pp-layers", "parallelism", ("--pipeline-parallel-size", "8", *EAGER))
    yield Case("quantization-fp8", "unsupported", ("--quantization", "fp8", *EAGER))
    yield Case("quantization-marlin", "bad_value", ("--quantization", "gptq_marlin", *EAGER))
    yield Case("quantization-bnb", "bad_value", ("--quantization", "bitsandbytes", *EAGER))
    yield Case("speculative", "bad_value", ("--speculative-config", '{"method": "wish"}'))
    yield Case("chat-template", "bad_value", ("--chat-template", "/models/none.jinja", *EAGER))


def _models() -> Iterator[Case]:
    def cut(name: str, size: int) -> Callable[[Path], object]:
        return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])

    def without(pattern: str) -> Callable[[Path], object]:
        def change(folder: Path) -> None:
            for file in folder.glob(pattern):
                file.unlink()

        return change

    def shards(folder: Path) -> None:
        whole = folder / "model.safetensors"
        whole.rename(folder / "model-00001-of-00002.safetensors")
        names = {"model.embed_tokens.weight": "model-00002-of-00002.safetensors"}
        index = {"metadata": {"total_size": 1}, "weight_map": names}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    missing, weights = "model_missing", "model.safetensors"
    yield Case("no-folder", missing, model=value("/models/none"))
    yield Case("no-config", missing, model=lambda s: s.copy(without("config.json")))
    yield Case("cut-config", "config", model=lambda s: s.copy(cut("config.json", 100)))
    yield Case(
        "unknown-architecture",
        "unsupported",
        model=lambda s: s.configured(architectures=["DreamLMForCausalLM"]),
    )
    yield Case("unknown-type", "unsupported", model=lambda s: s.configured(model_type="dreamlm"))
    yield Case("no-weights", missing, EAGER, lambda s: s.copy(without("*.safetensors")))
    yield Case("cut-weights", missing, EAGER, lambda s: s.copy(cut(weights, 3_000_000)))
    yield Case("junk-weights", missing, EAGER, lambda s: s.copy(cut(weights, 5)))
    yield Case("lost-shard", missing, EAGER, lambda s: s.copy(shards))
    yield Case("no-tokenizer", "tokenizer", EAGER, lambda s: s.copy(without("*token*")))
    yield Case("cut-tokenizer", "tokenizer", EAGER, lambda s: s.copy(cut("tokenizer.json", 999)))
    yield Case(
        "kv-too-small",
        "oom_kv",
        ("--enforce-eager", "--max-model-len", "2000000"),
        lambda s: s.configured(max_position_embeddings=2_000_000),
    )


def _hubs() -> Iterator[Case]:
    home = {"HF_HOME": value("hf")}

    def at(status: int) -> Mapping[str, Asked]:
        return {**home, "HF_ENDPOINT": lambda scene: scene.hub(status)}

    yield Case("gated", "model_gated", model=hub, environment=at(403))
    yield Case("unauthorized", "model_missing", model=hub, environment=at(401))
    yield Case("hub-404", "model_missing", model=hub, environment=at(404))
    yield Case("hub-503", "network", model=hub, environment=at(503))
    refused = {**home, "HF_ENDPOINT": value("http://127.0.0.1:9")}
    yield Case("hub-refused", "network", model=hub, environment=refused)
    unnamed = {**home, "HF_ENDPOINT": value("http://hub.invalid")}
    yield Case("hub-unnamed", "network", model=hub, environment=unnamed)
    offline = {**home, "HF_HUB_OFFLINE": value("1")}
    yield Case("offline", "offline", model=hub, environment=offline)
    proxy = {**home, "HTTPS_PROXY": value("http://127.0.0.1:9")}
    yield Case("proxy", "proxy", model=hub, environment=proxy)


def _machine() -> Iterator[Case]:
    locked = ("sh", "-c", 'mkdir -p locked && chown 1 locked && chmod 700 locked && exec "$0" "$@"')
    full = (
        "unshare", "-m", "sh", "-c",
        'mkdir -p full && mount -t tmpfs -o size=64k none full && '
        '{ head -c 60k /dev/zero >full/x; exec "$0" "$@"; }',
    )  # fmt: skip
    mapped = ("prlimit", "--as=2000000000")
    cache = {"VLLM_CACHE_ROOT": value("locked/vllm"), "HF_HOME": value("locked/hf")}
    filled = {
        "VLLM_CACHE_ROOT": value("full/vllm"),
        "TORCHINDUCTOR_CACHE_DIR": value("full/inductor"),
    }
    yield Case("port-taken", "port", ("--port", "{taken}"))
    yield Case(
        "locked-cache", "permission", EAGER, environment=cache, before=(*locked, *_NO_RIGHTS)
    )
    yield Case(
        "locked-home", "permission", model=hub, environment=cache, before=(*locked, *_NO_RIGHTS)
    )
    yield Case("disk-full", "disk", ("--max-model-len", "1024"), environment=filled, before=full)
    yield Case("memory-limit-import", "oom_weights", EAGER, before=mapped)


def _ends() -> Iterator[Case]:
    yield Case("core-killed", "crash", EAGER, act="SIGKILL to EngineCore while loading")
    yield Case("core-died", "engine_died", EAGER, act="SIGKILL to EngineCore under load")


def _sound() -> Iterator[Case]:
    yield Case("eager", "healthy", EAGER, act=_SERVED)
    yield Case("interrupted", "healthy", EAGER, act="served, then SIGINT")
    yield Case("compiled", "healthy", ("--max-model-len", "1024"), act=_SERVED)
    yield Case("stopped-under-load", "healthy", EAGER, act="SIGTERM under load")
    yield Case("stopped-loading", "healthy", EAGER, act="SIGTERM while loading")
    yield Case("killed-loading", "healthy", EAGER, act="SIGKILL to all while loading")
    yield Case(
        "preempting",
        "healthy",
        ("--enforce-eager", "--max-model-len", "2048", "--kv-cache-memory-bytes", "6M"),
        act="SIGTERM under load",
    )
    yield Case(
        "talkative",
        "healthy",
        (*EAGER, "--enable-log-requests", "--no-enable-prefix-caching", "--max-num-seqs", "4"),
        act=_SERVED,
    )
