"""The parts of the README that the code writes: the command list and the configuration table.

`python -m tests.docs` writes them, `--check` fails when they are not what the code says.
"""

import re
import sys
import tomllib
from pathlib import Path

from agent import cli
from agent import config as configuration

_GROUPS = ((cli.app, "thesis"), (cli.source, "thesis source"), (cli.index, "thesis index"))
README = Path(__file__).parent.parent / "README.md"


def commands() -> str:
    """One row per command: what it takes and its first line of help."""
    import inspect

    rows = ["| command | what it does |", "|---|---|"]
    for group, prefix in _GROUPS:
        for command in group.registered_commands:
            if command.callback is None:
                continue
            name = command.name or command.callback.__name__.rstrip("_")
            text = (inspect.getdoc(command.callback) or "").splitlines()[0]
            rows.append(f"| `{prefix} {name}` | {text} |")
    return "\n".join(rows)


def settings() -> str:
    """One row per key of config.toml: its default and the comment above it."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    table, comment = "", []
    for line in configuration.default_text().split("# Sources:")[0].splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            table, comment = header[1], []
        elif line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif "=" in line:
            key, value = (part.strip() for part in line.split("=", 1))
            tomllib.loads(line)
            rows.append(f"| `{table}.{key}` | `{value}` | {' '.join(comment)} |")
            comment = []
        else:
            comment = []
    return "\n".join(rows)


def written(text: str) -> str:
    """`text` with its generated parts made anew."""
    for name, part in (("commands", commands()), ("settings", settings())):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(
            pattern, lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text, flags=re.DOTALL
        )
        assert count == 1, f"the README has no <!-- {name} --> part"
    return text


def main() -> int:
    text = README.read_text(encoding="utf-8")
    fresh = written(text)
    if "--check" in sys.argv:
        if fresh != text:
            print("README.md is behind the code: run `make format`", file=sys.stderr)
        return int(fresh != text)
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
