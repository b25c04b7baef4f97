"""The way out to a terminal: whatever is printed, no text steers it.

Titles, names and the words of errors come from pages, feeds, servers and models, and a terminal
obeys what stands in a text: it moves its cursor, renames its window, fills the clipboard, turns
words around. `guard` stands before standard output and standard error of the whole process, so that
a library's warning, a usage error and the trace of a bug pass it as well. Only what draws (the
pages of agent.console, the chat's prompt) writes `behind` it, and keeps to the same by itself.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any, TextIO

_BREAK = re.compile(r"[\t-\r\x1c-\x1e\x85\u2028\u2029]+")
STEERING = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # turn the direction of what follows
    "\u00ad\u180e\u200b-\u200d\u2060-\u2065\ufeff\ufff9-\ufffb"  # take no room
    "\u2028\u2029"  # end lines where nobody looks for it
    "\ud800-\udfff"  # half a pair: cannot be printed at all
    "\U000e0000-\U000e007f"  # tags, which nobody sees
    "]"
)
"""What a terminal obeys, or what hides or misplaces other words on it."""


def harmless(text: str) -> str:
    """Text without what steers; its lines stay lines."""
    return STEERING.sub("", text)


def one_line(text: str) -> str:
    """Text without what steers, on one line: it cannot pass for a second message."""
    return harmless(_BREAK.sub(" ", text))


def open_missing() -> None:
    """Let a stream that was closed before we began lead nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # for good


def forget_output() -> None:
    """Let go of what standard output does not take: Python would complain once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), behind(sys.stdout).fileno())


def guard() -> None:
    """From here on nothing that this process prints steers the terminal; a second call is none."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Guarded):
            setattr(sys, name, _Guarded(stream))


def behind(stream: Any) -> TextIO:
    """The stream that the guard stands before, for what draws pages and cleans its own text."""
    found: TextIO = stream.guarded if isinstance(stream, _Guarded) else stream
    return found


class _Guarded:
    """A text stream that takes out what steers; its bytes are out of reach, or it would be none."""

    def __init__(self, stream: TextIO) -> None:
        self.guarded = stream

    def write(self, text: str) -> int:
        self.guarded.write(harmless(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach"):
            raise AttributeError(f"{name} would lead past the guard of agent.terminal")
        return getattr(self.guarded, name)
