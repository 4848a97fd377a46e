"""Values: canonical configurations, printable commands, masking."""

import shlex
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from core.values import Configuration, LaunchSpec, masked, one_line

PRINTABLE = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)


def test_a_configuration_is_its_effective_command_line():
    one = Configuration.of("vllm", {"max_num_seqs": 4, "enforce-eager": None})
    two = Configuration.of("vllm", {"max-num-seqs": 4})
    assert one == two
    assert one.key == two.key


def test_the_key_follows_the_words_of_the_command_line():
    keys = [Configuration.of("vllm", {"x": value}).key for value in (1, "1", 1.0, True, "True")]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


@given(st.lists(PRINTABLE.filter(bool), min_size=1, max_size=5))
def test_a_printed_command_is_the_same_words_in_a_shell(words: list[str]):
    assert shlex.split(LaunchSpec(argv=tuple(words)).shell()) == words


@given(PRINTABLE, PRINTABLE)
def test_references_are_filled_in_by_the_shell_and_nothing_else_is(before: str, after: str):
    value = before.replace("${", "") + "${TOKEN}" + after.replace("${", "")
    line = LaunchSpec(argv=("printenv", "V"), environment=(("V", value),)).shell()
    out = subprocess.run(
        ["bash", "-c", line], env={"TOKEN": "secret", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert out.stdout == value.replace("${TOKEN}", "secret") + "\n"


def test_secrets_are_masked_longest_first():
    assert masked("a hf_abcdef b hf_abc", ["hf_abc", "hf_abcdef"]) == "a ••• b •••"


@given(st.text())
def test_one_line_is_one_line(text: str):
    short = one_line(text, 50)
    assert len(short) <= 50
    assert "\n" not in short
    assert short.isprintable()
