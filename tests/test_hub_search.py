"""The search of the Hub, against a server on loopback."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import core.cli.models as command
from core.hub.search import COUNT, HubModel
from core.values import AutotunerError, InputError
from tests.hub_listing import MODELS, a_listing
from tests.servers import serving

TOKEN = "hf_searchSecretToken42"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The command, in a folder with a `.env`."""
    monkeypatch.setattr(command, "_SECONDS", 100.0)  # a busy machine is no defect

    def run(*words: str, **values: str) -> Result:
        lines = {"HF_HOME": str(tmp_path / "hf"), **values}
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
        for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(tmp_path)
        return CliRunner().invoke(command.models, list(words))

    return run


def test_models_by_downloads(ask):
    with serving(a_listing()) as hub:
        answer = ask("qwen3", "--json", HF_ENDPOINT=hub.url)
        assert answer.exit_code == 0, answer.exception
        found = json.loads(answer.output)["models"]
        assert [one["id"] for one in found] == ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B"]
        assert found[1] == {
            "id": "Qwen/Qwen3-8B",
            "downloads": 4_000_000,
            "gated": False,
            "pipeline": "text-generation",
        }
        target, headers = hub.asked[0]
        assert f"limit={COUNT}" in target
        assert "authorization" not in headers

        plain = ask("llama", HF_ENDPOINT=hub.url)
        assert plain.output.split() == ["meta-llama/Llama-3.1-8B", "700", "gated"]
        assert "no model has zzz" in ask("zzz", HF_ENDPOINT=hub.url).output


def test_what_a_hub_may_answer():
    odd = HubModel.read(MODELS[3])
    assert odd.id.isprintable()
    assert odd.downloads is None
    assert HubModel.read(MODELS[2]).gated


def test_the_token_of_the_settings_is_used_and_not_shown(ask):
    with serving(a_listing(token=TOKEN)) as hub:
        assert ask("qwen", "--json", HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN).exit_code == 0
        refused = ask("qwen", HF_ENDPOINT=hub.url, HF_TOKEN="hf_anotherSecret99")
    assert isinstance(refused.exception, AutotunerError)
    assert "401" in str(refused.exception)
    assert "hf_anotherSecret99" not in str(refused.exception)


def test_the_proxy_of_the_settings_is_the_one_that_is_used(ask):
    with serving(a_listing()) as proxy:
        values = {"HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": proxy.url}
        assert ask("qwen", **values).exit_code == 0
        assert proxy.asked[0][0].startswith("http://hub.invalid/api/models")


def test_offline_asks_nobody(ask):
    with serving(a_listing()) as hub:
        answer = ask("qwen", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")
        assert "HF_HUB_OFFLINE is set" in str(answer.exception)
        assert hub.asked == []


def test_nobody_there_somebody_else_there_and_nothing_asked(ask):
    with serving(lambda path, headers: (200, "<html>log in</html>")) as portal:
        answer = ask("qwen", HF_ENDPOINT=portal.url)
        assert isinstance(answer.exception, AutotunerError)
        gone = portal.url
    answer = ask("qwen", HF_ENDPOINT=gone)
    assert isinstance(answer.exception, AutotunerError)
    assert "connection to the Hub" in str(answer.exception)
    assert "\n" not in str(answer.exception)
    assert isinstance(ask("  ").exception, InputError)


def test_a_hub_that_does_not_answer_is_not_waited_for(ask, monkeypatch):
    forever = threading.Event()

    def silent(path, headers):
        forever.wait(60)
        return 200, "[]"

    with serving(silent) as hub:
        monkeypatch.setattr(command, "_SECONDS", 3.0)
        answer = ask("qwen", HF_ENDPOINT=hub.url)
        forever.set()
    assert isinstance(answer.exception, AutotunerError)
    said = str(answer.exception)
    assert "did not answer within 3 s" in said or "timed out" in said.lower()
