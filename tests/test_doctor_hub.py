"""doctor and the Hub: a server on loopback answers in its place."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.doctor.hub import hub_checks
from core.doctor.report import Verdict
from core.settings import Settings
from tests.servers import a_hub, serving

TOKEN = "hf_doctorSecretToken42"
LIMIT = 60.0  # a busy machine is no defect


@pytest.fixture
def checks(tmp_path: Path):
    def run(**values: str):
        plain = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
        return {check.id: check for check in hub_checks(Settings({**plain, **values}), LIMIT)}

    return run


def test_a_hub_that_answers_without_and_with_a_token(checks, tmp_path):
    with serving(a_hub({TOKEN: "a-person"})) as hub:
        found = checks(HF_ENDPOINT=hub.url)
        assert found["hub"].verdict is Verdict.OK
        assert hub.url in found["hub"].evidence
        assert found["token"].evidence.startswith("none")

        found = checks(HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
        assert found["token"].verdict is Verdict.OK
        assert "a-person" in found["token"].evidence

        # A token that `hf auth login` left counts as well.
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "token").write_text(TOKEN)
        assert "a-person" in checks(HF_ENDPOINT=hub.url)["token"].evidence


def test_a_token_that_is_refused_is_a_failure_and_not_shown(checks):
    with serving(a_hub({})) as hub:
        found = checks(HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
        assert found["hub"].verdict is Verdict.OK
        assert found["token"].verdict is Verdict.FAILURE
        assert TOKEN not in str(found)


def test_offline_asks_nobody(checks):
    with serving(a_hub({})) as hub:
        found = checks(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")
        assert list(found) == ["hub"]
        assert found["hub"].verdict is Verdict.WARNING
        assert "HF_HUB_OFFLINE" in found["hub"].evidence
        assert hub.asked == []


def test_nobody_there_and_somebody_else_there(checks):
    with serving(lambda path, headers: (200, "<html>log in</html>")) as portal:
        found = checks(HF_ENDPOINT=portal.url, HF_TOKEN=TOKEN)
        assert found["hub"].verdict is Verdict.WARNING
        assert "no answer of a Hub" in found["hub"].evidence
        assert found["token"].verdict is Verdict.UNKNOWN
        gone = portal.url
    found = checks(HF_ENDPOINT=gone)
    assert found["hub"].verdict is Verdict.WARNING
    assert "ConnectError" in found["hub"].evidence


def test_the_proxy_of_the_settings_is_the_one_that_is_used(checks):
    with serving(a_hub({TOKEN: "a-person"})) as proxy:
        address = f"http://someone:hunter2@127.0.0.1:{proxy.port}"
        found = checks(HF_ENDPOINT="http://hub.invalid", HTTP_PROXY=address, HF_TOKEN=TOKEN)
        assert found["hub"].verdict is Verdict.OK
        assert "a-person" in found["token"].evidence
        assert f":{proxy.port}" in found["hub"].evidence
        target, headers = proxy.asked[0]
        assert target.startswith("http://hub.invalid/api/")
        assert "proxy-authorization" in headers


def test_a_proxy_that_wants_a_password_is_a_failure(checks):
    with serving(lambda path, headers: (407, "no")) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        for endpoint, name in (("http", "HTTP_PROXY"), ("https", "https_proxy")):
            found = checks(**{"HF_ENDPOINT": f"{endpoint}://hub.invalid", name: address})
            assert found["hub"].verdict is Verdict.FAILURE, found
            assert "407" in found["hub"].evidence


def test_a_hub_that_does_not_answer_is_not_waited_for(tmp_path):
    forever = threading.Event()

    def silent(path, headers):
        forever.wait(60)
        return 200, "[]"

    with serving(silent) as hub:
        values = Settings({"HF_ENDPOINT": hub.url, "HOME": str(tmp_path)})
        check, *_ = hub_checks(values, 3.0)
        forever.set()
    # Said by the library when it started in time, else by the limit around it.
    assert check.verdict in {Verdict.WARNING, Verdict.UNKNOWN}
    assert "Timeout" in check.evidence or "no answer within" in check.evidence
