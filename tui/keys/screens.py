"""The keys of each screen."""

from __future__ import annotations

from dataclasses import replace

from tui.keys.base import Action

PAUSE = Action(
    "task.pause", ("p",), "app.pause", "pause after this measurement; again: go on", "pause"
)
CANCEL = Action("task.cancel", ("x",), "app.cancel", "cancel the task; results are kept", "cancel")
EXPORT = Action("task.export", ("e",), "app.export", "export command or results", "export")
BUDGET = Action("task.budget", ("b",), "app.budget", "change the task's budget")
ADD = Action("task.add", ("a",), "app.add", "try flags of your own next")
CHECK = Action("task.check", ("K",), "app.check", "check it: what would fail, and its plan")
COPY_WINNER = Action(
    "task.copy", ("Y",), "app.copy_command", "copy the best one's command", "copy winner"
)


def _footer(action: Action, place: int) -> Action:
    return replace(action, footer=place)


TASKS = (
    Action("tasks.new", ("n",), "app.new", "a new task: a form, or the YAML", "new", 1),
    Action("tasks.duplicate", ("d",), "app.duplicate", "a new task like this one"),
    Action("tasks.open", ("enter", "l"), "open", "open the task", "open", 2),
    Action("tasks.mark", ("space",), "mark", "mark: p x r are for all marked", "mark"),
    Action("tasks.unmark", ("u",), "unmark", "take all marks away"),
    _footer(PAUSE, 3),
    _footer(CANCEL, 4),
    Action("tasks.retry", ("r",), "app.retry", "try its failed experiments again", "retry", 5),
    EXPORT,
    BUDGET,
    ADD,
    CHECK,
    COPY_WINNER,
)

TASK = (
    Action("task.detail", ("enter",), "detail", "all about the experiment", "detail", 1),
    Action("task.filter", ("slash",), "filter", "filter: oom ttft_p95<0.4 tp=2", "filter", 2),
    Action("task.sort", ("s",), "sort", "choose the column to sort by", "sort", 3),
    Action("task.reverse", ("o",), "reverse", "turn the order round"),
    Action("task.columns", ("C",), "columns", "choose the columns"),
    Action("task.mark", ("space",), "mark", "mark the row", "mark", 4),
    Action("task.unmark", ("u",), "unmark", "take all marks away"),
    Action("task.compare", ("c",), "compare", "compare the marked, or with the baseline"),
    Action("task.plots", ("v",), "plots", "plots: over time, load, Pareto"),
    Action("task.log", ("l",), "log", "the log of the experiment", "log", 5),
    Action("task.command", ("y",), "copy", "copy the experiment's command"),
    COPY_WINNER,
    Action("task.skip", ("S",), "skip", "skip the experiment at work"),
    Action("task.retry", ("r",), "retry", "try a failed experiment again"),
    ADD,
    BUDGET,
    CHECK,
    PAUSE,
    CANCEL,
    EXPORT,
    Action("task.back", ("escape",), "back", "drop the filter, or back"),
)

EXPERIMENT = (
    Action("experiment.previous", ("left_square_bracket",), "step(-1)", "the one before"),
    Action("experiment.next", ("right_square_bracket",), "step(1)", "the next one", "next", 1),
    Action("experiment.log", ("l",), "log", "its log, at the line that proves a failure", "log", 2),
    Action("experiment.copy", ("y",), "copy", "copy its command", "copy command", 3),
    Action("experiment.environment", ("E",), "environment",
           "what its engine or benchmark has in its environment"),
    Action("experiment.retry", ("r",), "retry", "try it again when it failed", "retry", 4),
    Action("experiment.back", ("escape",), "back", "back to the results", "back", 5),
)  # fmt: skip

COMPARE = (
    Action("compare.all", ("a",), "all", "all flags and metrics, or those that differ", "all", 1),
    Action("compare.curve", ("tab",), "curve", "the curve of another metric", "curve", 2,
           priority=True),
    Action("compare.back", ("escape",), "back", "back to the results", "back", 3),
)  # fmt: skip

PLOTS = (
    Action("plots.next", ("tab", "right_square_bracket"), "step(1)", "the next plot", "next", 1,
           priority=True),
    Action("plots.previous", ("left_square_bracket",), "step(-1)", "the plot before"),
    Action("plots.metric", ("m",), "metric", "another metric on the axis", "metric", 2),
    Action("plots.back", ("escape",), "back", "back to the results", "back", 3),
)  # fmt: skip

LOG = (
    Action("log.filter", ("slash",), "filter", "show only lines with these words", "filter", 1),
    Action("log.next", ("n",), "match(1)", "the next line that matches"),
    Action("log.previous", ("N",), "match(-1)", "the matching line before"),
    Action("log.error", ("exclamation_mark",), "error", "the first error", "error", 2),
    Action("log.follow", ("f",), "follow", "follow; scrolling up stops it", "follow", 3),
    Action("log.wrap", ("w",), "wrap", "break long lines, or cut them"),
    Action("log.time", ("t",), "time", "the time each line was written"),
    Action("log.mark", ("space",), "mark", "begin a selection, or end it"),
    Action("log.copy", ("y",), "copy", "copy the line or the selection", "copy", 4),
    Action("log.copy_last", ("Y",), "copy_last", "copy the last N lines"),
    Action("log.zoom", ("z",), "zoom", "the log on the whole screen"),
    Action("log.other", ("tab",), "other", "engine or benchmark", "engine/bench", 5, priority=True),
    Action("log.environment", ("E",), "environment", "what the program has in its environment"),
    Action("log.before", ("left_square_bracket",), "step(-1)", "the experiment before"),
    Action("log.after", ("right_square_bracket",), "step(1)", "the experiment after"),
    Action("log.back", ("escape",), "back", "drop the filter, or back"),
)

GPUS = (
    Action("gpus.log", ("l",), "log", "the log of the experiment on this GPU", "log", 1),
    Action("gpus.back", ("escape",), "app.go('tasks')", "back to the tasks", "back", 2),
)

CONTAINERS = (
    Action("containers.open", ("enter",), "open", "its environment as it is", "environment", 1),
    Action("containers.log", ("l",), "log", "the log of its experiment", "log", 2),
    Action("containers.stop", ("x",), "stop", "stop and remove it; only ours", "stop", 3),
    Action("containers.back", ("escape",), "back", "back", "back", 4),
)

CONTAINER = (
    Action("container.log", ("l",), "log", "the log of its experiment", "log", 1),
    Action("container.stop", ("x",), "stop", "stop and remove it; only ours", "stop", 2),
    Action("container.back", ("escape",), "back", "back to the containers", "back", 3),
)

ENVIRONMENT = (
    Action("environment.other", ("tab",), "other", "engine or benchmark", "engine/bench", 1,
           priority=True),
    Action("environment.again", ("r",), "again", "read it again", "again", 2),
    Action("environment.back", ("escape",), "back", "back", "back", 3),
)  # fmt: skip

PREFLIGHT = (
    Action("preflight.start", ("enter",), "start", "start it, when nothing fails", "start", 1),
    Action("preflight.again", ("r",), "again", "check everything again", "again", 2),
    Action("preflight.copy", ("y",), "copy", "copy the baseline's command", "copy baseline", 3),
    Action("preflight.back", ("escape",), "back", "back to the form", "back", 4),
)

NEW = (
    Action("new.submit", ("f5", "ctrl+r"), "submit", "check it, then queue it", "run", 1,
           priority=True),
    Action("new.edit", ("f4", "ctrl+y"), "edit", "the YAML in $EDITOR", "YAML", 2, priority=True),
    Action("new.save", ("f2", "ctrl+n"), "save", "save the file", "save", 3, priority=True),
    Action("new.add_row", ("f7",), "add_row", "one more row: a flag, a limit", priority=True),
    Action("new.remove_row", ("f8",), "remove_row", "take the row away", priority=True),
    Action("new.plan", ("f3",), "plan", "more room for the plan, or less", priority=True),
    Action("new.fresh", ("f6",), "fresh", "an empty form", priority=True),
    Action("new.back", ("escape",), "back", "back; n offers again what you typed", "back", 4),
    Action("new.help", ("f1",), "app.help", "these keys, also while you type", "help", 9,
           priority=True),
)  # fmt: skip

SCREENS: dict[str, tuple[Action, ...]] = {
    "tasks": TASKS,
    "task": TASK,
    "experiment": EXPERIMENT,
    "compare": COMPARE,
    "plots": PLOTS,
    "log": LOG,
    "gpus": GPUS,
    "containers": CONTAINERS,
    "container": CONTAINER,
    "environment": ENVIRONMENT,
    "preflight": PREFLIGHT,
    "new": NEW,
}
"""By the name a keymap file and the help use."""

TITLES = {
    "tasks": "the tasks",
    "task": "one task",
    "experiment": "one experiment",
    "compare": "side by side",
    "plots": "plots",
    "log": "logs",
    "gpus": "GPUs",
    "containers": "containers",
    "container": "one container",
    "environment": "the environment",
    "preflight": "the checks of a task",
    "new": "a new task",
}
"""How help calls them."""

TYPING = frozenset({"new"})
"""Screens where a letter is text more often than a key."""
