"""The flags of the engine that will run, read from its own `--help`."""

from core.engines.flags.values import Catalogue, Flag, Kind, Source, Takes

__all__ = ["Catalogue", "Flag", "Kind", "Source", "Takes"]
