"""Keys that work on every screen, and those of moving about."""

from __future__ import annotations

from tui.keys.base import Action

EVERYWHERE = (
    Action("go.tasks", ("1",), "go('tasks')", "the list of tasks"),
    Action("go.task", ("2",), "go('task')", "one task and its results"),
    Action("go.log", ("3",), "go('log')", "the logs of its experiments"),
    Action("go.gpus", ("4",), "go('gpus')", "the GPUs"),
    Action("go.containers", ("5",), "go('containers')", "the containers"),
    Action("palette", ("colon", "ctrl+p"), "palette", "everything that can be done here, by name"),
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
    ("↑ ↓ j k", "one line up or down"),
    ("pgup pgdn", "one page; also ctrl+u and ctrl+d"),
    ("g G", "to the first, to the last"),
)
"""What help says of them."""
