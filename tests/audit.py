"""Asks OSV whether what we pin has known vulnerabilities, with pip-audit, and never for long.

`python -m tests.audit` exits with 1 when something is vulnerable, or when an exception is past its
date. Where the service cannot be reached it says "not audited" and exits with 0: a gate that needs
the network would be switched off. Nothing is downloaded or installed: the lock file has it all.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from agent.options import now

LOCK = Path(__file__).parent.parent / "requirements.lock"
SERVICE = "https://api.osv.dev/v1/query"
SECONDS = 30.0
"""For all of it."""
AT_ONCE = 4
"""pip-audit asks about one package after the other; so many of it share the list."""
FEWEST = 20
"""Packages for which it is worth starting another."""
CONNECTING = 3.0
AWAY = re.compile(r"requests\.exceptions\.\w+|ServiceError|ConnectionError|JSONDecodeError")
"""What pip-audit ends with when the service is the reason."""


class Accepted(NamedTuple):
    """A vulnerability that we live with until a day, and why it does not reach us."""

    id: str
    reason: str
    until: date


ACCEPTED: tuple[Accepted, ...] = ()
"""Every exception there is. One that is past its day fails the gate, with or without a network."""


class NotAudited(Exception):
    """The service could not be asked, or not in time."""


class Vulnerability(NamedTuple):
    """One advisory on one pinned package."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...]
    about: str

    def __str__(self) -> str:
        names = self.ids[0] + (f" ({', '.join(self.ids[1:])})" if self.ids[1:] else "")
        fixed = f"fixed in {', '.join(self.fixed)}" if self.fixed else "no version mends it yet"
        return f"{self.package} {self.version}: {names}, {fixed}. {self.about}"


def run(
    lock: Path,
    today: date,
    *,
    accepted: Sequence[Accepted] = ACCEPTED,
    service: str = SERVICE,
    seconds: float = SECONDS,
    say: Callable[[str], None] = print,
) -> int:
    """Audit a lock file and say what came of it; the exit code."""
    expired = [one for one in accepted if one.until < today]
    for one in expired:
        say(f"the exception for {one.id} ended on {one.until}: {one.reason}. Look at it again")
    try:
        found, count = _audited(lock, service, seconds)
    except NotAudited as reason:
        say(f"not audited: {reason}")
        return int(bool(expired))
    say(f"{count} packages audited")
    return int(bool(report(found, accepted, say) or expired))


def report(
    found: Sequence[Vulnerability], accepted: Sequence[Accepted], say: Callable[[str], None]
) -> int:
    """Say what is vulnerable and not excepted, and which exceptions are idle; how many are left."""
    known = {one.id for one in accepted}
    left = [one for one in found if not known & set(one.ids)]
    for vulnerability in left:
        say(str(vulnerability))
    for id_ in sorted(known - {id_ for one in found for id_ in one.ids}):
        say(f"the exception for {id_} is of no use any more: take it out")
    return len(left)


def _audited(lock: Path, service: str, seconds: float) -> tuple[list[Vulnerability], int]:
    """What is known of the packages of a lock file, and how many they are."""
    ends = time.monotonic() + seconds
    _knock(service)
    with tempfile.TemporaryDirectory(prefix="thesis-audit-") as folder:
        parts = list(_parts(lock, Path(folder)))
        with ThreadPoolExecutor(len(parts)) as pool:
            answers = list(pool.map(lambda part: _ask(part, service, ends), parts))
    packages = [one for answer in answers for one in answer["dependencies"]]
    return [one for package in packages for one in _vulnerabilities(package)], len(packages)


def _knock(service: str) -> None:
    """Fail at once where there is no way to the service; pip-audit takes seconds to find out."""
    if getproxies():
        return  # the way leads over somebody else
    parts = urlsplit(service)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), CONNECTING).close()
    except OSError as error:
        raise NotAudited(f"{parts.hostname} cannot be reached ({error})") from error


def _parts(lock: Path, folder: Path) -> Iterator[Path]:
    """The lock file in a few pieces, so that they can be asked about side by side."""
    pins = re.split(r"\n(?=[\w.-]+(?:\[[^\]]*\])?==)", lock.read_text(encoding="utf-8"))
    count = max(1, min(AT_ONCE, len(pins) // FEWEST))
    for n in range(count):
        part = folder / f"{n}.txt"
        part.write_text("\n".join(pins[n::count]) + "\n", encoding="utf-8")
        yield part


def _ask(part: Path, service: str, ends: float) -> Any:
    """pip-audit's answer on one piece. Raises NotAudited; anything else that is wrong, fails."""
    options = "--require-hashes --disable-pip --progress-spinner off --timeout 5 --format json"
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv"]
    command += ["--osv-url", service, "--requirement", str(part), *options.split()]
    command += ["--cache-dir", str(part.parent / "cache")]
    left = max(0.1, ends - time.monotonic())
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=left, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotAudited("the service did not answer in time") from error
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if AWAY.search(done.stderr):
            raise NotAudited(f"the service failed ({said[:200]})") from error
        raise SystemExit(f"pip-audit failed: {said}") from error


def _vulnerabilities(package: Any) -> Iterator[Vulnerability]:
    for one in package.get("vulns", ()):
        ids = (one["id"], *one.get("aliases", ()))
        about = " ".join(one.get("description", "").split())[:200]
        fixed = tuple(one.get("fix_versions", ()))
        yield Vulnerability(package["name"], package["version"], ids, fixed, about)


if __name__ == "__main__":
    sys.exit(run(LOCK, now().date()))
