"""Model facts against what transformers and vLLM say of the same configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.hub.facts import ModelFacts, facts_of, read_folder

FILES = sorted((Path(__file__).parent / "architectures").glob("*.json"))
LLAMA = 8_030_261_248


def architecture(name: str) -> dict[str, Any]:
    path = Path(__file__).parent / "architectures" / f"{name}.json"
    return json.loads(path.read_text())


def facts(name: str, **changes: Any) -> ModelFacts:
    found = facts_of(architecture(name)["config"] | changes, None, None)
    assert found is not None
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_architecture(path: Path) -> None:
    """Parameters and weights within 2 %; KV bytes of a token exact, window by window."""
    written = json.loads(path.read_text())
    truth = written["truth"]
    found = facts_of(written["config"], None, None)
    assert found is not None
    # Of a vision tower the formulas know no more than the size of its layers.
    assert found.source == ("guess" if "vision_config" in written["config"] else "config")
    assert found.parameters == pytest.approx(truth["parameters"], rel=0.02)
    if truth.get("bytes"):
        assert found.weights == pytest.approx(truth["bytes"], rel=0.02)
    for name, element in (("kv", found.element), ("kv_fp8", 1)):
        if name in truth:
            assert _windows(found, element) == truth[name]


def _windows(found: ModelFacts, element: int) -> list[list[int | None]]:
    return [[one.window, one.layers * one.elements(1) * element] for one in found.kv]


def test_enough_kinds_have_a_truth() -> None:
    """The comparison above means something: many architectures, and each kind among them."""
    truths = [json.loads(path.read_text()) for path in FILES]
    exact = [one for one in truths if one["truth"].get("kv")]
    assert len({one["config"]["model_type"] for one in exact}) >= 14
    weighed = [one for one in truths if one["truth"].get("bytes")]
    methods = {one["config"].get("quantization_config", {}).get("quant_method") for one in weighed}
    assert methods >= {None, "fp8", "awq", "gptq", "compressed-tensors"}


def test_stored_tensors_win_over_formulas() -> None:
    config = architecture("llama-3.1-8b")["config"]
    found = facts_of(config, {"BF16": LLAMA + 1000}, None)
    assert found is not None
    assert (found.source, found.parameters) == ("tensors", LLAMA + 1000)
    assert found.weights == 2 * (LLAMA + 1000)


def test_float32_files_are_halved_at_load() -> None:
    config = architecture("llama-3.1-8b")["config"] | {"torch_dtype": "float32"}
    found = facts_of(config, {"F32": LLAMA}, None)
    assert found is not None
    assert found.weights == 2 * LLAMA
    assert found.weights_as("float32") == 4 * LLAMA


def test_scales_of_quantized_files_stay_float32() -> None:
    config = architecture("qwen3-8b-fp8")["config"]
    found = facts_of(config, {"F8_E4M3": 1000, "BF16": 10, "F32": 5}, None)
    assert found is not None
    assert found.weights == 1000 + 20 + 20


def test_online_fp8_halves_the_matrices_only() -> None:
    """vLLM's own checkpoint in fp8 has the same bytes, but for its scales."""
    plain, stored = facts("mistral-nemo-12b"), facts("mistral-nemo-12b-fp8")
    assert plain.weights_as(quantization="fp8") == pytest.approx(stored.weights, rel=1e-4)
    assert plain.weights_as() == plain.weights
    assert stored.weights_as(quantization="fp8") == stored.weights


def test_kv_heads_are_divided_and_then_copied() -> None:
    found = facts("qwen2.5-7b")  # 4 KV heads
    whole = found.kv_bytes(2)
    assert [found.kv_bytes(2, tp) for tp in (1, 2, 4, 8)] == [
        whole, whole // 2, whole // 4, whole // 4,
    ]  # fmt: skip
    assert found.kv_bytes(2, pp=4) == whole // 4


def test_a_latent_is_kept_whole_by_every_gpu() -> None:
    found = facts("deepseek-v3")
    assert found.kv_bytes(2, tp=8) == found.kv_bytes(2) == 61 * 576 * 2


def test_a_window_bounds_a_sequence() -> None:
    found = facts("mistral-7b-v0.1")
    assert found.sequence_bytes(1000, 2) == 1000 * 131072
    assert found.sequence_bytes(32768, 2) == 4096 * 131072
    mixed = facts("gemma-3-1b")
    assert mixed.sequence_bytes(1024, 2) == 1024 * 4 * 1024 + 512 * 22 * 1024


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        ({"hybrid_override_pattern": "M-M*-M*-"}, 2),
        ({"layers_block_type": ["mamba", "attention", "mamba", "mamba"] * 2}, 2),
        ({"attn_layer_indices": [3]}, 1),
        ({"attn_layer_period": 4, "attn_layer_offset": 2}, 2),
        ({"layer_types": ["linear_attention"] * 7 + ["full_attention"]}, 1),
    ],
)
def test_layers_without_a_kv_cache(config: dict[str, Any], layers: int) -> None:
    base = {"model_type": "hybrid", "hidden_size": 64, "num_attention_heads": 4}
    found = facts_of(base | {"num_hidden_layers": 8, "vocab_size": 100} | config, None, None)
    assert found is not None
    assert found.kv_bytes(2) == layers * 4 * 16 * 2 * 2


def test_an_unknown_family_is_a_guess_until_its_files_are_known() -> None:
    config = architecture("llama-3.1-8b")["config"] | {"model_type": "brand_new"}
    guess, sized = facts_of(config, None, None), facts_of(config, None, 12_345_678_900)
    assert guess is not None
    assert sized is not None
    assert guess.source == "guess"
    assert (sized.source, sized.weights) == ("files", 12_345_678_900)


def test_layers_for_speculation_are_not_counted() -> None:
    """DeepSeek's files hold a layer more than engines load."""
    config = architecture("deepseek-v3")["config"]
    found = facts_of(config, {"F8_E4M3": 680_571_043_840, "BF16": 3_918_786_560}, None)
    assert found is not None
    assert found.weights < 680_571_043_840


def test_what_is_no_language_model_has_no_facts() -> None:
    assert facts_of({"model_type": "timm", "architecture": "resnet50"}, None, None) is None


def test_a_folder_is_read_by_its_headers(tmp_path: Path) -> None:
    """Two shards, and the same weights once more in Mistral's own file; no data is read."""
    (tmp_path / "config.json").write_text(json.dumps(architecture("llama-3.2-1b")["config"]))
    _safetensors(tmp_path / "model-00001-of-00002.safetensors", {"a": ("BF16", [1000, 10])})
    _safetensors(tmp_path / "model-00002-of-00002.safetensors", {"b": ("F32", [7])})
    _safetensors(tmp_path / "consolidated.safetensors", {"c": ("BF16", [10_007])})
    found = read_folder(tmp_path)
    assert found is not None
    assert (found.source, found.parameters) == ("tensors", 10_007)
    assert found.architecture == "LlamaForCausalLM"


def _safetensors(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    table = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
        for name, (dtype, shape) in tensors.items()
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **table}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", b"{"), ("model.safetensors", b"version https://git-lfs"), ("x", b"")],
)
def test_a_broken_folder_has_no_facts(tmp_path: Path, name: str, content: bytes) -> None:
    if name != "x":
        (tmp_path / "config.json").write_text(json.dumps({"num_hidden_layers": 2}))
    (tmp_path / name).write_bytes(content)
    assert read_folder(tmp_path) is None
