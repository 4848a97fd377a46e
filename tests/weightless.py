"""Folders of models whose weights take no room: what is looked at before a start is all there."""

from __future__ import annotations

import json
from pathlib import Path

_KNOWN = Path(__file__).with_name("architectures")


def folder_of(name: str, folder: Path) -> Path:
    """A model of `tests/architectures`: its config.json, and a safetensors file with holes."""
    from core.hub.facts import facts_of

    config = json.loads((_KNOWN / f"{name}.json").read_text())["config"]
    facts = facts_of(config, None, None)
    assert facts is not None
    small = facts.parts.linear  # in eight bits each
    plain = (facts.weights - small) // 2
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    table = json.dumps({
        "linear": {"dtype": "F8_E4M3", "shape": [small], "data_offsets": [0, small]},
        "plain": {"dtype": "BF16", "shape": [plain], "data_offsets": [small, small + 2 * plain]},
    }).encode()  # fmt: skip
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(table).to_bytes(8, "little") + table)
        file.truncate(8 + len(table) + small + 2 * plain)
    return folder
