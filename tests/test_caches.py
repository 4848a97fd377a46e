"""What outlives a start: folders per engine version, their size, what decides what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.doctor.disk import compile_caches
from core.engines import boxes, registry
from core.engines.boxes import CACHE, Host
from core.paths import Home


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "hub", tmp_path / "cache", {}, "1000:1000", driver=True)


def test_each_version_has_a_folder_of_its_own(host: Host):
    vllm, sglang = registry.find("vllm"), registry.find("sglang")
    images = ("vllm/vllm-openai:v0.31.0", "vllm/vllm-openai:v0.32.0", "mine@sha256:12ab")
    folders = [boxes.caches(vllm, image, host) for image in images]
    folders.append(boxes.caches(sglang, images[0], host))
    assert len(set(folders)) == 4
    assert {folder.parent for folder in folders} == {host.cache / "engines"}
    assert boxes.caches(vllm, images[0], host) == folders[0]


@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_nothing_that_is_compiled_is_lost_with_the_container(name: str, host: Host):
    given = boxes.environment(registry.find(name), host)
    # FlashInfer, DeepGEMM and TileLang go by HOME; these two do not.
    assert given["HOME"] == CACHE
    for variable in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        assert given[variable].startswith(f"{CACHE}/")


def test_flags_of_parallelism_and_of_numbers_decide_what_is_compiled():
    for name in ("vllm", "sglang"):
        engine = registry.find(name)
        sizes = {engine.axes[axis] for axis in ("tp", "pp", "dp", "kvcache", "gemm")}
        assert sizes <= engine.compiles
    assert not registry.find("vllm").compiles & {"gpu-memory-utilization", "enable-prefix-caching"}


def test_doctor_says_how_large_they_are(tmp_path: Path):
    home = Home(tmp_path)
    assert "none yet" in compile_caches(home).evidence
    for name, size in (("vllm-old", 3_000_000), ("vllm-new", 5_000_000)):
        place = home.cache / "engines" / name / "vllm" / "torch_compile_cache"
        place.mkdir(parents=True)
        (place / "graph").write_bytes(b"0" * size)
    said = compile_caches(home).evidence
    assert said.startswith("8.0 MB in ")
    assert said.index("vllm-new 5.0 MB") < said.index("vllm-old 3.0 MB")
