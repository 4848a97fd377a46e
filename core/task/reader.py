"""A task file in, a Task out, or one TaskError with every problem and its place."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from core.task import engines as per_engine
from core.task import parameters, places, sections
from core.task.errors import RefusedError, TaskError
from core.task.fields import Reader, Section, boolean, gather, items, one_of, scalar, text, whole
from core.task.model import (
    Budget,
    DockerOptions,
    Objective,
    Own,
    Slo,
    Task,
    Timeouts,
    Workload,
)
from core.task.tree import MAX_BYTES, Node, read_tree
from core.values import looks_secret

_FIELDS = tuple(name for name in Task.__dataclass_fields__ if name not in {"others", "own"})


def load(path: Path, engines: Collection[str] = ()) -> Task:
    """The task in a file; TaskError when it cannot be read or used.

    `engines`: the names there are, to refuse another where it is written; empty: any name.
    """
    return parse(content(path), str(path), path.absolute().parent, engines)


def content(path: Path, what: str = "task file") -> str:
    """The text of a file that is to be a task or a preset; TaskError when there is none."""
    source = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise TaskError([f"{source}: there is no such file"]) from None
    except IsADirectoryError:
        raise TaskError([f"{source}: this is a folder; name the {what} in it"]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TaskError([f"{source}: cannot be read ({reason})"]) from None
    if len(data) > MAX_BYTES:
        raise TaskError([f"{source}: larger than 1 MB; this is not a {what}"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TaskError([f"{source}: not a text file in UTF-8"]) from None


def parse(content: str, source: str, base: Path, engines: Collection[str] = ()) -> Task:
    """The task in a text. `base` is the folder that its relative paths start from."""
    if len(content) > MAX_BYTES:
        raise TaskError([f"{source}: larger than 1 MB; this is not a task file"])
    try:
        return _task(read_tree(content), source, base, engines)
    except RefusedError as refused:
        raise TaskError([one.show(source) for one in sorted(refused.problems)]) from None


def _task(node: Node, source: str, base: Path, engines: Collection[str]) -> Task:
    if not isinstance(node.value, dict):
        raise node.refuse("expected 'key: value' lines such as model and engine")
    section = Section(node, _FIELDS)
    model = section.need("model", places.model(base), "", "Qwen/Qwen3-8B")
    listed = section.need("engine", per_engine.engines(engines), tuple[str, ...](("",)), "vllm")
    split = per_engine.Split(section, listed, engines)
    image, images = split.whole("image", _image, None)
    command, commands = split.whole("command", _command(base), tuple[str, ...]())
    baseline, baselines = split.flags("baseline", scalar)
    flags, own_flags = split.flags("parameters", parameters.parameter)
    task = Task(
        model=model,
        engine=listed[0],
        name=section.take("name", _name, _stem(source)),
        tokenizer=section.take("tokenizer", places.model(base), ""),
        deploy=section.take("deploy", _deploy, "process"),
        image=image,
        command=command,
        mounts=section.take(
            "mounts", lambda one: tuple(gather(items(one), places.mount(base))), ()
        ),
        docker=section.take("docker", sections.docker, DockerOptions()),
        gpus=section.take("gpus", whole(0, 4096), None),
        baseline=baseline,
        parameters=flags,
        quantization=section.take("quantization", parameters.quantization, {}),
        parallel=section.take("parallel", parameters.parallel, {}),
        presets=section.take("presets", _names, ()),
        expanded=section.take("expanded", _names, ()),
        rules=section.take("rules", lambda one: tuple(gather(items(one), text)), ()),
        workload=section.take("workload", lambda one: sections.workload(one, base), Workload()),
        objective=section.take("objective", _objective, Objective.THROUGHPUT_PER_GPU),
        slo=section.take("slo", sections.slo, Slo()),
        strategy=section.take("strategy", sections.strategy, "auto"),
        budget=section.take("budget", sections.budget, Budget()),
        timeouts=section.take("timeouts", sections.timeouts, Timeouts()),
        environment=section.take("environment", sections.environment, {}),
        seed=section.take("seed", whole(0), 0),
        prior=section.take("prior", boolean, True),
        others=listed[1:],
        own={
            name: Own(
                own_flags.get(name, {}),
                baselines.get(name, {}),
                images.get(name),
                commands.get(name, ()),
            )
            for name in listed
            if name in {*own_flags, *baselines, *images, *commands}
        },
    )
    section.close()
    return task if task.others else task.of(task.engine)


def _stem(source: str) -> str:
    """The file's name without its ending; "" lets the model give the name."""
    path = Path(source)
    return path.stem if path.suffix in {".yaml", ".yml"} else ""


def _name(node: Node) -> str:
    name = text(node).strip()
    if len(name) > 100 or not name.isprintable() or "/" in name:
        raise node.refuse("expected a name of at most 100 printable characters without '/'")
    return name


def _objective(node: Node) -> Objective:
    return Objective(one_of(Objective)(node))


def _deploy(node: Node) -> Literal["docker", "process"]:
    return "docker" if one_of(("docker", "process"))(node) == "docker" else "process"


def _image(node: Node) -> str | None:
    return text(node)


def _command(base: Path) -> Reader[tuple[str, ...]]:
    def read(node: Node) -> tuple[str, ...]:
        if not isinstance(node.value, tuple):
            raise node.refuse("expected a list like [/opt/vllm/bin/vllm, serve]")
        words = gather(node.value, _word)
        return (places.program(words[0], base), *words[1:]) if words else ()

    return read


def _word(node: Node) -> str:
    if scalar(node) is None:
        raise node.refuse("expected a word, got nothing")
    if node.text.startswith("--") and looks_secret(node.text.partition("=")[0]):
        raise node.refuse(
            "a secret does not belong on a command line; write it under environment as ${NAME}"
        )
    return node.text


def _names(node: Node) -> tuple[str, ...]:
    """Names of presets; which there are is not known here."""
    return tuple(parameters.distinct(node, gather(items(node), text))) if items(node) else ()
