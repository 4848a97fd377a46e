"""The space of a task with what is known of its model and GPUs: the same after any restart."""

from __future__ import annotations

import dataclasses
import json
import logging

from core.paths import Home, replace_file
from core.runner.known import Known
from core.runner.setup import Setup
from core.search.choose import strategy
from core.space import Spaces, space_of
from core.space.facts import UNKNOWN, Facts
from core.task import Task
from core.values import InputError

FILE = "facts.json"
log = logging.getLogger("autotuner.runner")


def thaw(home: Home, task: str) -> Facts | None:
    """As they were when the task first knew them; None: it does not yet."""
    try:
        return Facts(**json.loads((home.task(task) / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def space(task: Task, facts: Facts | None) -> Spaces:
    """Facts that leave no configuration are let go: what is then started says what is wrong."""
    try:
        return space_of(task, facts or UNKNOWN)
    except InputError as error:
        if facts is None:
            raise
        log.warning("%s: rules over the model and the GPUs are left out: %s", task.name, error)
        return space_of(task)


async def informed(setup: Setup, known: Known, *, final: bool) -> Setup:
    """With a space that knows the model and the GPUs, as soon as the model is here.

    `final`: an experiment has ended. Whatever is not known by then stays so: a strategy has to
    be asked about the same space each time.
    """
    if thaw(setup.home, setup.id) is not None:
        return setup
    facts = await known.facts(setup)
    if facts is None and not final:
        return setup
    facts = facts or UNKNOWN
    replace_file(setup.home.task(setup.id) / FILE, json.dumps(dataclasses.asdict(facts)).encode())
    found = space(setup.task, facts)
    return dataclasses.replace(setup, space=found, search=strategy(setup.task, found))
