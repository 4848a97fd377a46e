"""The desk: commands that consoles wrote, carried out and answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from core import score
from core.deploy import docker
from core.engines import registry
from core.paths import Home
from core.runner.work import Worker
from core.space import build
from core.store.journal import Command, Journal, NewTask
from core.store.reader import Reader
from core.store.views import TaskView
from core.task import load
from core.values import AutotunerError, TaskState

log = logging.getLogger("autotuner.runner")

Handler = Callable[[TaskView], Awaitable[str]]


class Desk:
    """Each command is answered once, after it took effect."""

    def __init__(self, home: Home, journal: Journal, reader: Reader, worker: Worker) -> None:
        self._home = home
        self._journal = journal
        self._reader = reader
        self._worker = worker
        self._taken: set[int] = set()
        self.in_hand = 0
        self.leaving = False
        self._verbs: dict[str, Handler] = {
            "pause": self._pause,
            "resume": self._resume,
            "cancel": self._cancel,
            "retry": self._retry,
            "skip": self._skip,
        }

    def leave(self) -> None:
        self.leaving = True

    def accepts(self, command: Command) -> bool:
        """True the first time a command is seen."""
        if command.id in self._taken:
            return False
        self._taken.add(command.id)
        return True

    async def carry_out(self, command: Command) -> None:
        """Do it, then write the answer; a refusal is an answer too."""
        self.in_hand += 1
        try:
            reply = await self._answer(command)
            await self._journal.finish_command(command, reply=reply, error=None)
        except AutotunerError as error:
            await self._journal.finish_command(command, error=str(error))
        except Exception as error:
            log.exception("command %s failed", command.verb)
            await self._journal.finish_command(
                command, error=f"{command.verb}: {error}; see {self._home.runner_log}"
            )
        finally:
            self.in_hand -= 1

    async def _answer(self, command: Command) -> str:
        named = str(command.arguments.get("task", ""))
        if command.verb == "submit":
            return await self._submit(named)
        if command.verb == "stop":
            return await self._stop_container(str(command.arguments.get("container", "")))
        if command.verb == "leave":
            self.leave()
            return "the runner leaves"
        task = await self._reader.find(named)
        if task is None:
            raise AutotunerError(f"no task '{named}'; `autotuner-tui ls` lists them")
        return await self._verbs[command.verb](task)

    async def _stop_container(self, container: str) -> str:
        """Only one of ours; the deployment refuses any other."""
        await docker.stop_ours(container, self._home.label)
        return f"container {container[:12]} is stopped and removed"

    async def _submit(self, name: str) -> str:
        if await self._reader.find(name):
            return name
        task = load(self._home.task_file(name))
        engine = registry.find(task.engine)
        await self._journal.add_task(
            NewTask(
                id=name,
                name=task.name,
                engine=task.engine,
                model=task.model,
                objective=task.objective,
                unit=score.unit(task.objective),
                simulated=engine.simulated,
                planned=build(task, engine).planned(task.budget.experiments),
                submitted=time.time(),
            )
        )
        self._worker.wake()
        return name

    async def _pause(self, task: TaskView) -> str:
        if task.state not in {TaskState.RUNNING, TaskState.QUEUED}:
            raise _refused("pause", task)
        await self._worker.pause(task.id)
        now = await self._reader.find(task.id)
        return f"{task.name} is {now.state if now else TaskState.PAUSED}"

    async def _resume(self, task: TaskView) -> str:
        if task.state is not TaskState.PAUSED:
            raise _refused("resume", task)
        await self._journal.set_task(task.id, TaskState.QUEUED)
        self._worker.wake()
        return f"{task.name} goes on"

    async def _cancel(self, task: TaskView) -> str:
        if task.state.final:
            raise _refused("cancel", task)
        await self._worker.cancel(task.id)
        return f"{task.name} is cancelled"

    async def _retry(self, task: TaskView) -> str:
        if not task.state.final:
            raise _refused("retry", task)
        count = await self._journal.reopen_failed(task.id)
        if not count:
            raise AutotunerError(f"{task.name}: no experiment failed; there is nothing to retry")
        await self._journal.set_task(task.id, TaskState.QUEUED, ended=None)
        self._worker.wake()
        return f"{task.name}: {count} experiment(s) will be tried again"

    async def _skip(self, task: TaskView) -> str:
        number = await self._worker.skip(task.id)
        if number is None:
            raise AutotunerError(f"{task.name}: no experiment is running; there is nothing to skip")
        return f"{task.name}: experiment {number} is skipped"


def _refused(verb: str, task: TaskView) -> AutotunerError:
    return AutotunerError(f"{task.name} is {task.state}; it cannot be asked to {verb}")
