"""What the code writes for people to read: the README's command list and configuration table, and
the judge's prompt as a model gets it.

`python -m tests.docs` writes them, `--check` fails when they are not what the code says.
"""

import re
import sys
import tomllib
from pathlib import Path

from agent import cli
from agent import config as configuration
from agent import thesis as theses
from agent.judge import prompt

_GROUPS = (
    (cli.app, "thesis"),
    (cli.alerts_cli.app, "thesis alerts"),
    (cli.event, "thesis event"),
    (cli.audit, "thesis audit"),
    (cli.forecast, "thesis forecast"),
    (cli.source, "thesis source"),
    (cli.index, "thesis index"),
)
README = Path(__file__).parent.parent / "README.md"
JUDGE_PREFIX = Path(__file__).parent / "golden" / "judge_prefix.md"


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


def judge_prefix() -> str:
    """What a language model is told before any item of the default thesis."""
    path = theses.BUNDLED / "nvda_short_case" / theses.THESIS_FILE
    return prompt.make(theses.load(path)).prefix


def main() -> int:
    fresh = {README: written(README.read_text(encoding="utf-8")), JUDGE_PREFIX: judge_prefix()}
    behind = [path for path, text in fresh.items() if path.read_text(encoding="utf-8") != text]
    for path in behind:
        if "--check" in sys.argv:
            print(f"{path.name} is behind the code: run `make format`", file=sys.stderr)
        else:
            path.write_text(fresh[path], encoding="utf-8")
    return int(bool(behind and "--check" in sys.argv))


if __name__ == "__main__":
    sys.exit(main())
