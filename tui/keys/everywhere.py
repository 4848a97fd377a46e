"""Keys that work on every screen, and those of moving about."""

from __future__ import annotations

from tui.keys.base import Action

EVERYWHERE = (
    Action("go.tasks", ("1",), "go('tasks')", "go to the list of tasks", "tasks"),
    Action("go.task", ("2",), "go('task')", "go to the task and its results", "the task"),
    Action("go.log", ("3",), "go('log')", "go to the logs of its experiments", "its logs"),
    Action("go.gpus", ("4",), "go('gpus')", "go to the GPUs", "GPUs"),
    Action("go.containers", ("5",), "go('containers')", "go to the containers", "containers"),
    Action("palette", ("colon", "ctrl+p"), "palette", "all that can be done, by name"),
    Action("theme", ("T",), "theme", "choose a theme"),
    Action("help", ("question_mark",), "help", "the keys of where you are", "help", 9),
    Action("leave", ("q", "ctrl+c"), "leave", "leave; the work goes on", "leave"),
)

# Of the widgets that scroll; their action strings differ, their keys do not.
MOVES = {
    "up": ("up", "k"),
    "down": ("down", "j"),
    "pageup": ("pageup", "ctrl+u"),
    "pagedown": ("pagedown", "ctrl+d"),
    "first": ("home", "g"),
    "last": ("end", "G"),
    "left": ("left", "H"),
    "right": ("right", "L"),
}

MOVING = (
    ("↑ ↓ k j", "one line up or down"),
    ("ctrl+u", "one page up; also pgup"),
    ("ctrl+d", "one page down; also pgdn"),
    ("g G", "to the first, to the last"),
    ("← → H L", "sideways, where it is wider"),
)
"""What help says of them."""
