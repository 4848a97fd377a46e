"""autotuner-tui without a screen: tasks, engines, measuring, search and the journal."""

__version__ = "0.2.0"
