"""Reading argparse's help: what comes out is what the parser was given."""

from __future__ import annotations

import argparse
import json
import os
from unittest import mock

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from core.engines.flags import Catalogue, Flag
from core.engines.flags.__main__ import flags_of
from core.engines.flags.files import completed, parsed, shipped, written
from core.engines.flags.help import ENVIRONMENT, parse_help

WORD = st.from_regex(r"[a-z][a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,3}", fullmatch=True)
CHOICE = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True)
BELOW = st.text(st.sampled_from("ab -(){}[]:,.\n*"), max_size=120)
VALUES = st.one_of(st.none(), st.integers(), st.floats(-9, 9), CHOICE, st.lists(CHOICE))


@st.composite
def parsers(draw: st.DrawFn) -> argparse.ArgumentParser:
    kind = draw(
        st.sampled_from([argparse.ArgumentDefaultsHelpFormatter, argparse.RawTextHelpFormatter])
    )
    parser = argparse.ArgumentParser("server", description="Serves.", formatter_class=kind)
    groups = [parser, parser.add_argument_group("Cache", "Where tokens are kept.")]
    names = draw(st.lists(WORD.filter(lambda w: not w.startswith("no-")), unique=True, max_size=12))
    for index, name in enumerate(names):
        if name == "help":
            continue
        spelled = [f"--{name}", *([f"-{chr(97 + index)}x"] if draw(st.booleans()) else [])]
        group = groups[draw(st.integers(0, 1))]
        below = draw(BELOW).replace("%", "") + "."
        what = draw(st.sampled_from(["value", "choices", "many", "optional", "bare", "both"]))
        if what == "bare":
            group.add_argument(*spelled, action="store_true", help=below)
        elif what == "both":
            on = argparse.BooleanOptionalAction
            group.add_argument(*spelled, action=on, default=draw(st.booleans()), help=below)
        else:
            choices = draw(st.lists(CHOICE, min_size=1, max_size=40, unique=True))
            group.add_argument(
                *spelled,
                nargs={"many": draw(st.sampled_from("+*")), "optional": "?"}.get(what),
                choices=choices if what == "choices" or draw(st.booleans()) else None,
                default=draw(VALUES),
                help=below,
            )
    return parser


@given(parsers(), st.booleans())
@settings(deadline=None, max_examples=40, phases=[Phase.explicit, Phase.generate])
def test_every_flag_comes_back(parser: argparse.ArgumentParser, wide: bool):
    width = ENVIRONMENT["COLUMNS"] if wide else "60"
    with mock.patch.dict(os.environ, {"COLUMNS": width}):
        read = list(parse_help(parser.format_help()))
    truth = list(flags_of(parser))
    shows = parser.formatter_class is argparse.ArgumentDefaultsHelpFormatter
    # The help goes by groups.
    read, truth = sorted(read, key=named), sorted(truth, key=named)
    assert [shape(flag) for flag in read] == [shape(flag) for flag in truth]
    if shows and wide:
        assert [flag.default for flag in read] == [flag.default for flag in truth]


def named(flag: Flag) -> str:
    return flag.name


def shape(flag: Flag) -> tuple[object, ...]:
    return flag.name, flag.aliases, flag.takes, flag.choices, flag.closed, flag.negatable


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        # As vLLM 0.32 writes an open set, and one that a plug-in adds to.
        (
            "--config-format ['auto', 'hf', 'mistral']",
            Flag("config-format", choices=("auto", "hf", "mistral"), closed=False),
        ),
        (
            "--tool-call-parser {hermes,mistral} or name registered in --tool-parser-plugin",
            Flag("tool-call-parser", choices=("hermes", "mistral"), closed=False),
        ),
        (
            "--enable-expert-parallel, --no-enable-expert-parallel, -ep",
            Flag("enable-expert-parallel", ("-ep",), "nothing", negatable=True),
        ),
        (
            "--traces {all,model,None} [{all,model,None} ...]",
            Flag("traces", takes="many", choices=("all", "model", "None")),
        ),
        ("--hf-token [HF_TOKEN]", Flag("hf-token", takes="optional")),
        # As argparse of Python 3.13 writes what has two names.
        ("-tp, --tensor-parallel-size SIZE", Flag("tensor-parallel-size", ("-tp",))),
        (
            "--tp-size TP_SIZE, --tensor-parallel-size TP_SIZE",
            Flag("tp-size", ("--tensor-parallel-size",)),
        ),
    ],
)
def test_the_shapes_of_engines(words: str, flag: Flag):
    help_text = f"usage: x\n\noptions:\n  {words}\n                        Text. - more\n"
    assert parse_help(help_text) == (flag,)


def test_colours_and_what_the_text_tells_of_values():
    text = """usage: x

Group:
  About this group:
      --not-a-flag of a list

  \x1b[36m--config\x1b[0m CONFIG
                        Should either be a valid JSON string or keys. (default: {'a': (1, 2)})
  --length LENGTH       Parse human-readable integers. Also accepts -1 or 'auto' as a special value
                        and more. (default: None)
  --share SHARE         A share. (default: 0.92)
"""
    assert parse_help(text) == (
        Flag("config", kind="json", default="{'a': (1, 2)}"),
        Flag("length", kind="int", units=True, words=("auto",), default="None"),
        Flag("share", kind="float", default="0.92"),
    )


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_shipped_lists_hold_the_flags_that_matter(engine: str):
    listed = shipped(engine)
    assert listed is not None
    assert listed.version
    wanted = {"vllm": "gpu-memory-utilization", "sglang": "mem-fraction-static"}[engine]
    flag = listed.find(wanted)
    assert flag is not None and flag.kind == "float"
    assert listed.find("tensor_parallel_size") is not None
    assert len(listed.flags) > 300
    assert parsed(written(listed)) == listed


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"engine": 1, "flags": [{"no": 1}]}', "null"]
)
def test_what_is_no_catalogue_is_refused(text: str):
    with pytest.raises(ValueError):  # noqa: PT011 (any of json's, too)
        parsed(text)


def test_a_help_is_completed_only_where_the_flag_is_the_same():
    listed = Catalogue("e", "1", "shipped", (Flag("a", kind="int"), Flag("b", kind="int")))
    read = Catalogue("e", "2", "help", (Flag("a"), Flag("b", takes="many"), Flag("c")))
    kinds = [flag.kind for flag in completed(read, listed).flags]
    assert kinds == ["int", "unknown", "unknown"]
    assert json.loads(written(read))["version"] == "2"
