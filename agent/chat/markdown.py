"""Answers as Markdown in which only our own bullets and marks are markup. Pure."""

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_NUMBERED = re.compile(r"^(\s*\d+)([.)])")
_MARK = re.compile(r"\\\[(\d+)\\\]")


def escaped(text: str) -> str:
    """Text of which Markdown and HTML see nothing but letters."""
    return _MARKUP.sub(r"\\\1", text)


def of_answer(text: str) -> str:
    """An answer: bullets stay bullets, the marks of sources marks, and a line a line."""
    return "\n".join(map(_line, text.splitlines()))


def _line(line: str) -> str:
    is_bullet = line.startswith("- ")
    said = _MARK.sub(r"[\1]", escaped(line.removeprefix("- ")))
    if is_bullet:
        return f"- {said}"
    return "\n" + _NUMBERED.sub(r"\1\\\2", said) + "\n"
