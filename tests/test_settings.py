"""Settings: where they come from, what children get, and what is never shown."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import settings
from core.paths import user_folder
from core.settings import Settings
from core.values import InputError, looks_secret

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HF_TOKEN=file\nMINE='x y'\nEMPTY=\nPRICE=\"$HOME ${X}\"\n")
    found = settings.resolve(tmp_path, {"HF_TOKEN": "environment", "UNRELATED": "1"})
    assert dict(found.values) == {
        "HF_TOKEN": "environment",
        "MINE": "x y",
        "EMPTY": "",
        "PRICE": "$HOME ${X}",
    }


def test_only_what_a_task_needs_is_taken_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "https_proxy": "http://p:1",
        "CONTAINER_HTTP_PROXY": "http://c:1",
        "VLLM_USE_V1": "1",
        "LC_ALL": "C",
        "VIRTUAL_ENV": "/venv",
        "AWS_SECRET": "no",
        "MINE": "referenced",
    }
    taken = settings.resolve(tmp_path, environ, references=["MINE", "ABSENT"]).values
    assert set(taken) == set(environ) - {"VIRTUAL_ENV", "AWS_SECRET"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"A=1\n\n\nthis is no setting\n", ".env:4: expected NAME=value"),
        (b"A=1\nB='open\n", ".env:2: expected NAME=value"),
        (b"A-B=1\n", ".env:1: expected NAME=value"),
        (b"A=\xff\xfe\n", "not a text file in UTF-8"),
        (b"A=1\0\n", "A contains a NUL character"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(expected)) as caught:
        settings.resolve(tmp_path, {})
    assert "\n" not in str(caught.value)


def test_no_file_and_a_folder_of_that_name_are_no_settings(tmp_path: Path) -> None:
    assert not settings.resolve(tmp_path, {}).values
    (tmp_path / ".env").mkdir()
    assert not settings.resolve(tmp_path, {}).values


def test_the_example_explains_everything_and_sets_nothing(tmp_path: Path) -> None:
    example = (Path(__file__).parent.parent / ".env.example").read_text()
    (tmp_path / ".env").write_text(example)
    assert not settings.resolve(tmp_path, {}).values
    (tmp_path / ".env").write_text(re.sub(r"(?m)^#(?=[A-Z_]+=)", "", example))
    found = settings.resolve(tmp_path, {}).values
    assert {"HF_TOKEN", "CONTAINER_NO_PROXY", "AUTOTUNER_REFRESH"} <= set(found)
    assert found["AUTOTUNER_HOOK"] == 'notify-send "$AUTOTUNER_SUMMARY"'


def test_hosts_get_both_spellings_and_never_the_containers_proxies() -> None:
    given = Settings(
        {
            "HTTP_PROXY": "http://h:1",
            "https_proxy": "http://s:1",
            "NO_PROXY": "a.com, b.com",
            "no_proxy": "b.com",
            "CONTAINER_HTTP_PROXY": "http://c:1",
            "OTHER": "x",
        }
    )
    assert settings.host_environment(given) == {
        "HTTP_PROXY": "http://h:1",
        "http_proxy": "http://h:1",
        "HTTPS_PROXY": "http://s:1",
        "https_proxy": "http://s:1",
        "NO_PROXY": "a.com,b.com,localhost,127.0.0.1,::1",
        "no_proxy": "a.com,b.com,localhost,127.0.0.1,::1",
        "OTHER": "x",
    }


def test_containers_get_their_own_proxies_and_no_paths() -> None:
    given = Settings(
        {
            "HTTP_PROXY": "http://h:1",
            "PATH": "/bin",
            "HF_TOKEN": "hf_secret",
            "CONTAINER_ALL_PROXY": "socks5://c:1",
            "CONTAINER_NO_PROXY": "a.com",
        }
    )
    assert settings.container_environment(given) == {
        "HF_TOKEN": "hf_secret",
        "ALL_PROXY": "socks5://c:1",
        "all_proxy": "socks5://c:1",
        "NO_PROXY": "a.com,localhost,127.0.0.1,::1",
        "no_proxy": "a.com,localhost,127.0.0.1,::1",
    }


@given(st.dictionaries(st.sampled_from(["NO_PROXY", "no_proxy", "CONTAINER_NO_PROXY"]), VALUES))
def test_loopback_is_always_reached_directly(values: dict[str, str]) -> None:
    given = Settings(values)
    for environment in (settings.host_environment(given), settings.container_environment(given)):
        assert environment["NO_PROXY"] == environment["no_proxy"]
        assert {"localhost", "127.0.0.1", "::1"} <= set(environment["NO_PROXY"].split(","))
        assert "HF_HUB_OFFLINE" not in environment


def test_what_only_concerns_this_program_stays_here(tmp_path: Path) -> None:
    environ = {"AUTOTUNER_HOOK": "curl https://secret.invalid", "AUTOTUNER_THEME": "mono"}
    taken = settings.resolve(tmp_path, environ)
    assert dict(taken.values) == {"AUTOTUNER_HOOK": "curl https://secret.invalid"}
    assert "AUTOTUNER_HOOK" not in settings.host_environment(taken)
    assert "AUTOTUNER_HOOK" not in settings.container_environment(taken)


def test_an_environment_without_secrets() -> None:
    given = {
        "HF_TOKEN": "hf_abcdefgh",
        "COPY": "Bearer hf_abcdefgh",
        "HTTPS_PROXY": "http://me:hunter22@proxy:3128",
        "HTTP_PROXY": "http://proxy:3128",
        "API_KEY": "a",
        "EMPTY_TOKEN": "",
        "LANG": "a",
    }
    assert settings.without_secrets(given) == {"HTTP_PROXY": "http://proxy:3128", "LANG": "a"}


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_no_secret_is_left_in_such_an_environment(values: dict[str, str]) -> None:
    left = settings.without_secrets(values)
    assert not any(looks_secret(name) for name in left)
    hidden = {one for one in settings.secrets(Settings(values)) if len(one) >= 4}
    assert not any(secret in value for secret in hidden for value in left.values())
    assert left.items() <= values.items()


def test_spellings_that_disagree_stay_and_are_named() -> None:
    given = Settings({"HTTP_PROXY": "http://u:hunter2@a", "http_proxy": "http://b"})
    host = settings.host_environment(given)
    assert (host["HTTP_PROXY"], host["http_proxy"]) == ("http://u:hunter2@a", "http://b")
    (warning,) = settings.warnings(given)
    assert "HTTP_PROXY and http_proxy disagree" in warning
    assert "hunter2" not in warning


@pytest.mark.parametrize(("value", "warned"), [("1", True), ("true", True), ("0", False)])
def test_offline_is_passed_on_with_its_consequence(value: str, warned: bool) -> None:
    given = Settings({"HF_HUB_OFFLINE": value})
    assert settings.host_environment(given)["HF_HUB_OFFLINE"] == value
    assert any("nothing is downloaded" in line for line in settings.warnings(given)) is warned


def test_references_are_filled_in_or_named() -> None:
    environment = {"A": "Bearer ${TOKEN}", "B": "plain $HOME"}
    assert settings.references(environment) == ("TOKEN",)
    expanded = settings.expand(environment, Settings({"TOKEN": "${NOT_AGAIN}"}))
    assert expanded == {"A": "Bearer ${NOT_AGAIN}", "B": "plain $HOME"}
    with pytest.raises(InputError, match=r"environment.A: TOKEN is not set"):
        settings.expand(environment, Settings({}))


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_the_file_keeps_any_value(tmp_path_factory: pytest.TempPathFactory, values) -> None:
    path = tmp_path_factory.mktemp("settings") / "settings.env"
    settings.write(Settings(values), path)
    assert dict(settings.read(path).values) == values


def test_the_file_keeps_bytes_that_are_not_text(tmp_path: Path) -> None:
    given = {"PATH": os.fsdecode(b"/caf\xe9/bin")}
    settings.write(Settings(given), tmp_path / "settings.env")
    assert dict(settings.read(tmp_path / "settings.env").values) == given


def test_the_file_is_private_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_text("OLD=1")
    path.chmod(0o644)
    previous = os.umask(0)
    try:
        settings.write(Settings({"NEW": "2"}), path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert dict(settings.read(path).values) == {"NEW": "2"}
    assert list(tmp_path.glob("*settings*")) == [path]


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="submit the task again"):
        settings.read(tmp_path / "settings.env")


def test_a_persons_own_folder(tmp_path: Path) -> None:
    assert user_folder({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "autotuner-tui"
    usual = user_folder({})
    assert usual.is_absolute()
    assert user_folder({"XDG_CONFIG_HOME": "relative"}) == usual


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "api-key", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN_2"]
)
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max-num-batched-tokens", "tokenizer", "ssl-keyfile", "KEYBOARD", "PWD", "TOKENIZERS_MODE"],
)
def test_ordinary_names(name: str) -> None:
    assert not looks_secret(name)


def test_secrets_are_hidden_in_texts_and_environments() -> None:
    given = Settings(
        {
            "HF_TOKEN": "hf_abcdefgh",
            "HTTPS_PROXY": "http://me:hunter22@proxy:3128",
            "ALL_PROXY": "you:pa/ss@proxy:1080",
            "LANG": "C",
        }
    )
    assert {"hf_abcdefgh", "me:hunter22", "hunter22", "you:pa/ss"} <= settings.secrets(given)
    shown = settings.mask("token hf_abcdefgh via http://a:b@c/d and hunter22", given)
    assert shown == "token ••• via http://•••@c/d and •••"
    assert settings.masked_environment({**given.values, "WITH": "Bearer hf_abcdefgh"}) == {
        "HF_TOKEN": "•••",
        "HTTPS_PROXY": "http://•••@proxy:3128",
        "ALL_PROXY": "•••@proxy:1080",
        "LANG": "C",
        "WITH": "Bearer •••",
    }
    assert "hf_abcdefgh" not in repr(given)


@given(st.text("abc123:/@.-_%", min_size=4, max_size=20))
def test_no_password_of_a_proxy_survives(password: str) -> None:
    masked = settings.masked_environment({"http_proxy": f"http://user:{password}@host.example:1"})
    assert masked == {"http_proxy": "http://•••@host.example:1"}
