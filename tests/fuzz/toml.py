"""A tree of values as TOML, and trees with a value or key that does not belong."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.mutation import NASTY

VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(NASTY)
    | st.dates()
    | st.datetimes()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
PIECES = (
    "[[", "]]", "[a.b]", "[a]\n", " = ", "{a = {}}", '"""', "'''", "#", "1979-05-27T07:32:00Z",
    "0000-00-00", "inf", "-nan", "0x", "1_000", "\nx = " + "[" * 3_000, "\nx = " + "9" * 5_000,
    "\\u0000", "\\U00110000", '"\\x"', "a.b.c = 1\n",
)  # fmt: skip

Place = tuple[str | int, ...]


def write(tree: Mapping[str, Any]) -> str:
    """The tree as TOML, a line for each key at the top."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in tree.items())


@st.composite
def misfits(draw: Any, tree: Mapping[str, Any], words: Sequence[str] = ()) -> str:
    """`tree` as TOML with a few values replaced, taken out, or put where no key is known."""
    changed = _copy(tree)
    for _ in range(draw(st.integers(0, 4))):
        *path, last = draw(st.sampled_from(list(_places(changed))))
        parent = changed
        for step in path:
            parent = parent[step]
        value = draw(VALUES | st.sampled_from(words or NASTY))
        change = draw(st.sampled_from(["replace", "replace", "add", "remove", "twice"]))
        if change == "remove":
            del parent[last]
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.text(max_size=8) | st.sampled_from(NASTY))] = value
        elif change == "twice" and isinstance(parent, list):
            parent.append(_copy(parent[last]))
        else:
            parent[last] = value
        if not changed:
            break
    return write(changed)


def _places(tree: Any, above: Place = ()) -> Iterator[Place]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in pairs:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*above, key))


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list | tuple) else value


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
