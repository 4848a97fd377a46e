"""A tokenizer for the simulated engine, made on this machine: no network, no download."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path

from core import pids
from core.task import Task
from core.values import AutotunerError

_FOLDER = "simulated-tokenizer"
_VOCABULARY = 2048
_END, _USER, _SYSTEM, _ASSISTANT = "<|end|>", "<|user|>", "<|system|>", "<|assistant|>"
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer(task: Task, cache: Path) -> str:
    """The task's tokenizer when it is a folder, else one made once under `cache`.

    Raises AutotunerError when the benchmark's own text, on which it is trained, is missing.
    """
    if Path(task.tokenizer).is_dir():
        return task.tokenizer
    folder = cache / _FOLDER
    if not folder.is_dir():
        _make(folder)
    return str(folder)


def _make(folder: Path) -> None:
    """Build beside the final place and rename: others see all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(folder)
    building = Path(tempfile.mkdtemp(prefix=f".{_FOLDER}-{os.getpid()}-", dir=folder.parent))
    try:
        _train(building, _text())
        building.chmod(0o755)
        os.rename(building, folder)  # noqa: PTH104 - Path.rename would hide that it must fail
    except OSError:
        # Another process was faster: its folder is as good.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _remove_unfinished(folder: Path) -> None:
    """What programs left that were killed while they built it."""
    for building in folder.parent.glob(f".{_FOLDER}-*-*"):
        pid = building.name.split("-")[-2]
        if pid.isdecimal() and pids.started(int(pid)) is None:
            shutil.rmtree(building, ignore_errors=True)


def _text() -> str:
    """The text that genai-bench makes its prompts of, found without importing genai-bench."""
    found = importlib.util.find_spec("genai_bench")
    if found is None or found.origin is None:
        raise AutotunerError(
            "genai-bench is not installed: the simulated engine needs its text for a tokenizer; "
            "install autotuner-tui again"
        )
    return (Path(found.origin).parent / "data" / "sonnet.txt").read_text(encoding="utf-8")


def _train(folder: Path, text: str) -> None:
    """Byte-level BPE in the files that `AutoTokenizer.from_pretrained` reads."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[_END, _USER, _SYSTEM, _ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(text.splitlines(keepends=True), trainer)
    made.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": _END,
        "pad_token": _END,
        "model_max_length": 32768,
        "clean_up_tokenization_spaces": False,
        "chat_template": _TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
