"""The desk: commands that consoles wrote, carried out and answered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from core import score
from core.deploy import docker
from core.paths import Home
from core.runner import by_hand
from core.runner.changes import Changes, refused
from core.runner.shelving import Shelving
from core.runner.work import Worker
from core.space import space_of
from core.store.journal import Command, Journal, NewTask
from core.store.reader import Reader
from core.store.views import TaskView
from core.task import load
from core.values import AutotunerError, TaskState

log = logging.getLogger("autotuner.runner")

Handler = Callable[[TaskView], Awaitable[str]]
Change = Callable[[TaskView, Command], Awaitable[None]]


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
        changes = Changes(home, journal, reader, worker)
        self._changes: dict[str, Change] = {
            "resume": changes.resume,
            "retry": changes.retry,
            "enqueue": changes.enqueue,
            "budget": changes.budget,
        }
        self._shelving = Shelving(journal).verbs
        self._verbs: dict[str, Handler] = {
            "pause": self._pause,
            "cancel": self._cancel,
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

    async def settle(self, since: float) -> None:
        """Carry out what an earlier runner was asked before `since` and did not answer.

        Called while nothing is at work. What it had done already is not done again.
        """
        for command in await self._journal.open_commands():
            if command.asked < since and self.accepts(command):
                await self.carry_out(command, left=True)

    async def carry_out(self, command: Command, *, left: bool = False) -> None:
        """Do it, then write the answer; a refusal is an answer too."""
        self.in_hand += 1
        try:
            if reply := await self._answer(command, left=left):
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

    async def _answer(self, command: Command, *, left: bool) -> str | None:
        """The answer; None when it is written already."""
        named = str(command.arguments.get("task", ""))
        if command.verb == "submit":
            return await self._submit(named)
        if command.verb == "stop":
            return await self._stop_container(str(command.arguments.get("container", "")))
        if command.verb == "leave":
            return self._leave(left=left)
        if shelve := self._shelving.get(command.verb):
            await shelve(command)
            return None
        if change := self._changes.get(command.verb):
            async with self._worker.turn:
                await change(await self._found(named), command)
            return None
        if command.verb not in self._verbs:
            raise AutotunerError(f"this runner cannot {command.verb}")
        task = await self._found(named)
        before = await self._done_before(task, command) if left else None
        return before or await self._verbs[command.verb](task)

    async def _found(self, name: str) -> TaskView:
        task = await self._reader.find(name)
        if task is None:
            raise AutotunerError(f"no task '{name}'; `autotuner-tui ls` lists them")
        return task

    async def _done_before(self, task: TaskView, command: Command) -> str | None:
        """The answer to what took effect under a runner that could not say so any more."""
        if command.verb == "skip":
            number = await self._journal.skipped_since(task.id, command.asked)
            if number is None and task.state is TaskState.RUNNING:
                number = await self._worker.skip_interrupted(task.id)
            return None if number is None else _skipped(task, number)
        done = {"pause": TaskState.PAUSED, "cancel": TaskState.CANCELLED}[command.verb]
        return f"{task.name} is {task.state}" if task.state is done else None

    def _leave(self, *, left: bool) -> str:
        if left:
            return "the runner had left"  # it was said to that one
        self.leave()
        return "the runner leaves"

    async def _stop_container(self, container: str) -> str:
        """Only one of ours; the deployment refuses any other."""
        await docker.stop_ours(container, self._home.label)
        return f"container {container[:12]} is stopped and removed"

    async def _submit(self, name: str) -> str:
        if await self._reader.find(name):
            return name
        task = load(self._home.task_file(name))
        space = space_of(task)
        planned = await asyncio.to_thread(by_hand.planned, task, space, ())
        await self._journal.add_task(
            NewTask(
                id=name,
                name=task.name,
                engine=", ".join(task.engines),
                model=task.model,
                objective=task.objective,
                unit=score.unit(task.objective),
                simulated=any(part.engine.simulated for part in space.parts),
                planned=planned,
                submitted=time.time(),
            )
        )
        self._worker.wake()
        return name

    async def _pause(self, task: TaskView) -> str:
        if task.state not in {TaskState.RUNNING, TaskState.QUEUED}:
            raise refused("pause", task)
        await self._worker.pause(task.id)
        now = await self._reader.find(task.id)
        return f"{task.name} is {now.state if now else TaskState.PAUSED}"

    async def _cancel(self, task: TaskView) -> str:
        if task.state.final:
            raise refused("cancel", task)
        asked = time.time()
        await self._worker.cancel(task.id)
        left = await self._journal.left_since(task.id, asked)
        return f"{task.name} is cancelled" + (f"; still there: {'; '.join(left)}" if left else "")

    async def _skip(self, task: TaskView) -> str:
        number = await self._worker.skip(task.id)
        if number is None:
            raise AutotunerError(f"{task.name}: no experiment is running; there is nothing to skip")
        return _skipped(task, number)


def _skipped(task: TaskView, number: int) -> str:
    return f"{task.name}: experiment {number} is skipped"
