"""Log files as a person reads them: any line at once, while they grow, nothing harmful in them."""

from core.logs.blocks import BLOCK
from core.logs.file import LogFile, Stop
from core.logs.paint import Colour, Paint, Piece
from core.logs.pattern import Errors, Pattern, parse
from core.logs.scan import Found, Scan
from core.logs.signs import Sign, sign, time_span
from core.logs.text import LINE_LIMIT, pieces, sanitize

__all__ = [
    "BLOCK",
    "LINE_LIMIT",
    "Colour",
    "Errors",
    "Found",
    "LogFile",
    "Paint",
    "Pattern",
    "Piece",
    "Scan",
    "Sign",
    "Stop",
    "parse",
    "pieces",
    "sanitize",
    "sign",
    "time_span",
]
