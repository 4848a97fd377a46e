"""Presets from the command line and in the runner: what is checked, stored, kept and refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.cli.group import cli
from core.paths import Home
from core.presets import Shelf, expand
from core.presets.reader import parse as read
from core.presets.winner import of_experiment
from core.presets.writer import document
from core.store import schema
from core.store.salvage import salvage
from core.task import Fixed, parse
from core.values import AutotunerError, InputError, TaskState
from tests.control_desk import Office, office, reopened
from tui import asking

MINE = "about: mine\nparameters: {max-num-seqs: [8, 16]}\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path / "home").create()


def command(*words: str) -> Result:
    return CliRunner().invoke(cli, ["presets", *words])


async def save(desk: Office, name: str, text: str = MINE, *, replace: bool = False) -> str:
    data = json.dumps(document(read(text, name, name)))
    return await desk.ask("save_preset", name=name, text=data, replace=replace)


# check


@pytest.mark.parametrize(
    ("engine", "flag"),
    [("vllm", "--kv-cache-dtype fp8"), ("sglang", "--kv-cache-dtype fp8_e4m3")],
)
def test_check_shows_the_command_line_with_presets(tmp_path, engine, flag):
    (tmp_path / "m").mkdir()
    file = tmp_path / "task.yaml"

    def checked(presets: str, *more: str) -> str:
        file.write_text(f"model: ./m\nengine: {engine}\ngpus: 0\npresets: {presets}\n")
        return CliRunner().invoke(cli, ["check", str(file), *more]).output

    assert "--kv-cache-dtype" not in checked("[]")
    said = checked("[throughput, kv-cache-fp8]")
    assert flag in said.splitlines()[-1]
    assert "from throughput, kv-cache-fp8:" in said
    found = json.loads(checked("[throughput, kv-cache-fp8]", "--json"))
    assert flag in found["plan"]["baseline"]
    assert found["plan"]["configurations"] > 1
    assert found["presets"]["names"] == ["throughput", "kv-cache-fp8"]
    gave = found["presets"]["gave"][engine]["parameters"]
    assert gave["kv-cache-dtype"] == flag.split()[1]
    assert len(gave) >= 4


def test_check_refuses_a_preset_that_is_not_there(tmp_path):
    (tmp_path / "task.yaml").write_text("model: sim-8b\nengine: simulated\npresets: [latencu]\n")
    done = CliRunner().invoke(cli, ["check", "task.yaml"])
    assert isinstance(done.exception, InputError)
    assert "unknown preset 'latencu'; did you mean 'latency'?" in str(done.exception)


async def test_the_console_is_told_what_presets_give(tmp_path, home):
    text = "model: sim-8b\nengine: simulated\npresets: [prefix-caching, kv-cache-fp8]\n"
    plan = await asking.check(text, home)
    assert plan.presets == (("enable-prefix-caching", "true, false"), ("kv-cache-dtype", "fp8"))
    found = {one.name: one for one in await asking.presets(home)}
    assert found["moe"].engines == ("vllm", "sglang")


# looking


def test_list_show_and_export(tmp_path):
    assert "throughput" in command("list").output
    listed = json.loads(command("list", "--json").output)["presets"]
    assert {one["name"] for one in listed} == set(Shelf().names)
    assert not any(one["stored"] for one in listed)
    shown = json.loads(command("show", "latency", "--json").output)
    assert shown["vllm"]["parameters"]["max-num-seqs"]["low"] == 8
    assert command("export", "moe", "-o", "moe.yaml").exit_code == 0
    assert (tmp_path / "moe.yaml").read_text() == command("show", "moe").output
    assert read(command("show", "moe").output, "x", "x") == Shelf().find("moe")


# storing


async def test_a_preset_is_stored_replaced_and_removed(home):
    async with office(home) as desk:
        assert await save(desk, "mine") == "preset mine is saved"
        shelf = await Shelf.of(home)
        assert shelf.own("mine")
        assert shelf.find("mine") == read(MINE, "mine", "mine")
        with pytest.raises(AutotunerError, match="is there already"):
            await save(desk, "mine", "parameters: {a: 1}")
        assert (await Shelf.of(home)).find("mine") == shelf.find("mine")
        await save(desk, "mine", "parameters: {a: 1}", replace=True)
        assert (await Shelf.of(home)).find("mine").common.parameters == {"a": Fixed(1)}
        assert await desk.ask("remove_preset", name="mine") == "preset mine is removed"
        assert (await Shelf.of(home)).names == Shelf().names


async def test_what_the_runner_does_not_store(home):
    async with office(home) as desk:
        for name, text, why in (
            ("latency", MINE, "'latency' is built in"),
            ("a b", MINE, "'a b' is no name"),
            ("mine", "parameters: {a: {low: 2, high: 1}}", "is above high"),
            ("mine", "parameters: {hf-token: abc}", "a secret does not belong"),
        ):
            with pytest.raises(AutotunerError, match=why):
                await desk.ask("save_preset", name=name, text=text, replace=True)
        for name, why in (("latency", "is built in"), ("mine", "is not there")):
            with pytest.raises(AutotunerError, match=why):
                await desk.ask("remove_preset", name=name)
        assert (await Shelf.of(home)).stored == {}


async def test_a_command_that_a_dead_runner_did_not_answer_is_carried_out_by_the_next(home):
    async with office(home) as desk:
        data = json.dumps(document(read(MINE, "mine", "mine")))
        asked = {"name": "mine", "text": data, "replace": False}
        number = await desk.insert("save_preset", asked)
    async with reopened(home) as desk:
        await desk.desk.settle(2**40)
        assert await desk.answer(number) == "preset mine is saved"


async def test_a_stored_preset_that_changes_changes_no_task(home):
    async with office(home) as desk:
        await save(desk, "mine")
        text = "model: sim-8b\nengine: simulated\npresets: [mine]\n"
        before = expand(parse(text, "t.yaml", home.root), await Shelf.of(home)).task
        await save(desk, "mine", "parameters: {max-num-seqs: [99]}", replace=True)
        assert expand(before, await Shelf.of(home)).task == before


async def test_a_stored_preset_outlives_a_damaged_journal(home):
    async with office(home) as desk:
        await save(desk, "mine", "about: ö\nparameters: {max-num-seqs: null}")
    with (
        closing(sqlite3.connect(home.database)) as source,
        closing(sqlite3.connect(":memory:")) as to,
    ):
        source.row_factory = sqlite3.Row
        to.executescript(schema.new())
        assert salvage(source, to).saved["presets"] == 1


async def test_one_that_cannot_be_read_any_more_is_listed_with_why(home):
    async with office(home) as desk:
        await desk.journal.set_preset("old", '{"parameters": {"a": {"lowest": 1}}}', replace=True)
    listed = (await asyncio.to_thread(command, "list")).output
    line = next(one for one in listed.splitlines() if one.startswith("old"))
    assert "cannot be used: preset old:1:" in line


# of a winner


async def test_a_preset_of_a_configuration(home):
    async with office(home) as desk:
        await desk.tried(0)
        await desk.tried(1, {"max-num-seqs": 8, "enable-prefix-caching": False})
        detail = await desk.detail()
        preset = of_experiment("best", detail.task, detail.experiments[1])
        assert preset.engines["simulated"].parameters == {
            "max-model-len": Fixed(2048),
            "max-num-seqs": Fixed(8),
            "enable-prefix-caching": Fixed(False),
        }
        assert preset.about == "#1 of demo: sim-8b, simulated"
        await desk.state(TaskState.COMPLETED)
    for words, why in (
        (("--from", "demo"), "there is no best configuration yet"),
        (("--from", "demo", "7"), "has no experiment 7"),
        (("--from", "demo", "x"), "'x' is no experiment's number"),
        ((), "name a file, or a task with --from TASK"),
    ):
        done = await asyncio.to_thread(command, "save", "best", *words)
        assert why in str(done.exception)


async def test_a_secret_among_the_flags_is_not_stored(home):
    async with office(home, API_TOKEN="s3cr3t-value") as desk:
        await desk.tried(0)
        await desk.tried(1, {"chat-template": "s3cr3t-value"})
    done = await asyncio.to_thread(command, "save", "best", "--from", "demo", "1")
    assert "a flag holds a secret" in str(done.exception)
    assert "s3cr3t" not in str(done.exception) + done.output
