"""Looks for secrets in the files of the repository, before anybody else does.

`python -m tests.secrets_scan [FOLDER]` prints place and kind of each, never the secret itself, and
exits with 1. The rules are detect-secrets' own; run as it comes it takes half a minute over our
texts, so a file is first searched as a whole for what could be one, and only lines with a hit are
given to its detectors. It would also ask the issuers whether a key is alive: nothing is asked here.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.filters import heuristic
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.keyword import DENYLIST, KeywordDetector
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parent.parent
ALLOWED = "pragma: allowlist secret"
"""In a comment on its line: made up, and says so."""
ENTROPY = ("Base64 High Entropy String", "Hex High Entropy String", "Public IP (ipv4)")
"""Detectors that are left out: hashes, item ids and addresses are what our tests are made of."""
OURS = {
    "Key of an OpenAI-compatible endpoint": re.compile(
        r"(?<![\w/-])sk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}"
    ),
    "Secret in an address": re.compile(
        r"[?&](?:password|passwd|token|api_?key|secret)=(?![{$<])[^&\s\"'#]{6,}", re.IGNORECASE
    ),
}
VARIABLE = re.compile(r"[A-Z]+(_[A-Z]+)+")
"""The name of an environment variable that holds a secret is none."""
UNTRACKED = set(
    ".git .venv __pycache__ data dist .hypothesis .mypy_cache .pytest_cache .ruff_cache".split()
)


class Finding(NamedTuple):
    """Where something looks like a secret, and like which."""

    path: str
    line: int
    kind: str


def scan(folder: Path) -> list[Finding]:
    """Every secret in the files of a folder that belong to it."""
    with transient_settings({"plugins_used": [], "filters_used": []}):  # and so no verification
        return [one for path in files(folder) for one in _of_file(folder, path)]


def files(folder: Path) -> list[str]:
    """What git has or would take; all but caches where the folder is no repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if not UNTRACKED & set(path.parts))
    return sorted(filter(None, done.stdout.decode().split("\0")))


def _of_file(folder: Path, path: str) -> Iterator[Finding]:
    try:
        text = (folder / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return  # a picture, or taken away
    lines = text.split("\n")
    for number in _suspects(text):
        line = lines[number - 1]
        if ALLOWED not in line:
            yield from (Finding(path, number, kind) for kind in sorted(_kinds(path, line)))


def _suspects(text: str) -> list[int]:
    """Numbers of the lines on which a detector could find something."""
    places = {found.start() for rule in _hints() for found in rule.finditer(text)}
    low = text.lower()
    places |= {found.start() for found in _keywords().finditer(low)}
    return sorted({text.count("\n", 0, place) + 1 for place in places})


def _kinds(path: str, line: str) -> set[str]:
    found = {kind for kind, rule in OURS.items() if rule.search(line)}
    for detector in _detectors():
        for one in detector.analyze_line(filename=path, line=line):
            if not _is_harmless(str(one.secret_value), line, detector):
                found.add(one.type)
    return found


def _is_harmless(secret: str, line: str, detector: BasePlugin) -> bool:
    """What detect-secrets itself lets pass, and names of variables."""
    return bool(
        VARIABLE.fullmatch(secret)
        or heuristic.is_templated_secret(secret)
        or heuristic.is_prefixed_with_dollar_sign(secret)
        or heuristic.is_not_alphanumeric_string(secret)
        or heuristic.is_sequential_string(secret)
        or heuristic.is_potential_uuid(secret)
        or heuristic.is_likely_id_string(secret, line, detector)
        or (isinstance(detector, KeywordDetector) and heuristic.is_indirect_reference(line))
    )


@cache
def _detectors() -> list[BasePlugin]:
    kinds = get_mapping_from_secret_type_to_class()
    return [make() for kind, make in sorted(kinds.items()) if kind not in ENTROPY]


@cache
def _hints() -> list[re.Pattern[str]]:
    """The detectors' rules, fit to be held against a whole file."""
    rules = [rule for one in _detectors() if _has_rules(one) for rule in one.denylist]
    return [*OURS.values(), *(re.compile(one.pattern, one.flags | re.MULTILINE) for one in rules)]


def _has_rules(detector: BasePlugin) -> bool:
    return isinstance(detector, RegexBasedDetector)


@cache
def _keywords() -> re.Pattern[str]:
    return re.compile("|".join(DENYLIST))


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    found = scan(folder)
    for one in found:
        print(f"{one.path}:{one.line}: {one.kind}", file=sys.stderr)
    if found:
        print(
            "Take them out and void them where they were issued; if one is made up, say so on its "
            f"line: {ALLOWED}",
            file=sys.stderr,
        )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
