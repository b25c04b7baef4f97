"""Uninstalls from this environment what the program does not ask for: the tools of development.

requirements.lock pins both, and there is no second lock that could disagree with it. What stays is
what the metadata of thesiswatch requires, what that requires, and so on. pip goes as well.
"""

import subprocess
import sys
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROGRAM = "thesiswatch"


def needed(requires: dict[str, list[str]], program: str = PROGRAM) -> set[str]:
    """Names that `program` requires, itself included; `requires` holds each name's requirements."""
    found: set[tuple[str, str]] = set()
    waiting = [(program, "")]
    while waiting:
        name, extra = one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        for text in requires.get(name, ()):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                its_name = canonicalize_name(requirement.name)
                waiting.extend((its_name, its_extra) for its_extra in ("", *requirement.extras))
    return {name for name, _ in found}


def installed() -> dict[str, list[str]]:
    """Each distribution of this environment, and what its metadata requires."""
    return {canonicalize_name(one.name): one.requires or [] for one in distributions()}


if __name__ == "__main__":
    everything = installed()
    kept = needed(everything)
    if missing := sorted(kept - everything.keys()):
        sys.exit(f"requirements.lock lacks {' '.join(missing)}")
    idle = sorted(everything.keys() - kept)
    sys.stdout.write(f"kept {len(kept)}, removed {len(idle)}: {' '.join(idle)}\n")
    subprocess.run(  # noqa: S603  # ourselves: no shell, no word from outside
        [sys.executable, "-m", "pip", "uninstall", "--yes", "--quiet", *idle], check=True
    )
