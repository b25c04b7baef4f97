"""pip-audit over a lock file, against a service on the loopback that answers like OSV's."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests import audit
from tests.audit import Accepted, Vulnerability
from tests.loopback import Loopback, QuietHandler

TODAY = date(2026, 3, 1)
HASH = "--hash=sha256:" + "0a" * 32
ADVISORY = {
    "id": "GHSA-xxxx-2026",
    "aliases": ["CVE-2026-0001"],
    "summary": "Runs what a page says",
    "affected": [
        {
            "package": {"name": "soup", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.3"}]}],
        }
    ],
}


class OsvServer(Loopback):
    """Answers POST /v1/query; `asked` are the packages. What is in `known` is vulnerable.

    `fail(status)`  every answer is this status    `stall`  none comes
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.known: dict[str, Any] = {}
        self._status = 200
        self._stalls = False
        outer = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer._answer(self, body["package"]["name"])

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/query"

    def fail(self, status: int) -> None:
        self._status = status

    def stall(self) -> None:
        self._stalls = True

    def _answer(self, handler: BaseHTTPRequestHandler, name: str) -> None:
        self.asked.append(name)
        if self._stalls:
            self.closing.wait(20)
        found = {"vulns": [self.known[name]]} if name in self.known else {}
        data = json.dumps(found).encode()
        handler.send_response(self._status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[OsvServer]:
    with OsvServer() as running:
        yield running


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(f"salt==2.0 \\\n    {HASH}\nsoup==1.0 \\\n    {HASH}\n", encoding="utf-8")
    return path


@pytest.fixture
def audited(lock: Path, server: OsvServer) -> Callable[..., tuple[int, str]]:
    def run(**more: Any) -> tuple[int, str]:
        said: list[str] = []
        given = {"service": server.url, "say": said.append, **more}
        return audit.run(lock, TODAY, **given), "\n".join(said)

    return run


def test_a_vulnerability_is_named_with_the_version_that_mends_it(
    audited: Callable[..., tuple[int, str]], server: OsvServer
) -> None:
    server.known["soup"] = ADVISORY
    code, said = audited()
    assert code == 1
    wanted = "soup 1.0: CVE-2026-0001 (GHSA-xxxx-2026), fixed in 1.2.3. Runs what a page says"
    assert wanted in said
    assert sorted(server.asked) == ["salt", "soup"]


def test_nothing_known_passes(audited: Callable[..., tuple[int, str]]) -> None:
    today = Accepted("CVE-2026-0001", "never reached", TODAY)
    code, said = audited(accepted=[today])
    assert (code, said.splitlines()[0]) == (0, "2 packages audited")


@pytest.mark.parametrize("id_", ["GHSA-xxxx-2026", "CVE-2026-0001"])
def test_an_exception_goes_by_any_name_of_the_advisory(id_: str) -> None:
    found = Vulnerability("soup", "1.0", ("CVE-2026-0001", "GHSA-xxxx-2026"), (), "Runs it.")
    said: list[str] = []
    assert audit.report([found], [], said.append) == 1
    assert said == ["soup 1.0: CVE-2026-0001 (GHSA-xxxx-2026), no version mends it yet. Runs it."]
    assert audit.report([found], [Accepted(id_, "never reached", TODAY)], said.append) == 0
    assert len(said) == 1


def test_an_exception_for_what_is_mended_is_named() -> None:
    said: list[str] = []
    audit.report([], [Accepted("CVE-1999-0001", "never reached", TODAY)], said.append)
    assert said == ["the exception for CVE-1999-0001 is of no use any more: take it out"]


def test_an_expired_exception_fails_without_a_network_too(
    audited: Callable[..., tuple[int, str]],
) -> None:
    old = Accepted("CVE-2026-0001", "never reached", date(2026, 2, 1))
    code, said = audited(service="http://127.0.0.1:9/v1/query", accepted=[old])
    assert code == 1
    assert "not audited: 127.0.0.1 cannot be reached" in said


def test_a_service_that_is_away_is_said_and_passes(
    audited: Callable[..., tuple[int, str]],
) -> None:
    code, said = audited(service="http://127.0.0.1:9/v1/query")
    assert code == 0
    assert said.startswith("not audited: 127.0.0.1 cannot be reached")


def test_a_service_that_fails_is_said_and_passes(
    audited: Callable[..., tuple[int, str]], server: OsvServer
) -> None:
    server.fail(503)
    code, said = audited()
    assert code == 0
    assert said.startswith("not audited: the service failed")


def test_a_service_that_stalls_is_given_up_in_time(
    audited: Callable[..., tuple[int, str]], server: OsvServer
) -> None:
    server.stall()
    assert audited(seconds=1.5) == (0, "not audited: the service did not answer in time")


def test_a_lock_file_without_hashes_is_no_reason_to_pass(
    audited: Callable[..., tuple[int, str]], lock: Path
) -> None:
    lock.write_text("soup>=1.0\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="pip-audit failed"):
        audited()


def test_the_pieces_of_our_lock_file_hold_every_pin_once(tmp_path: Path) -> None:
    parts = list(audit._parts(audit.LOCK, tmp_path))
    assert len(parts) == audit.AT_ONCE
    pin = re.compile(r"^[\w.-]+(?:\[[^\]]*\])?==\S+", re.MULTILINE)
    found = [one for part in parts for one in pin.findall(part.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(pin.findall(audit.LOCK.read_text(encoding="utf-8")))
    assert len(found) > 200


def test_every_exception_says_why() -> None:
    assert all(len(one.reason) > 20 for one in audit.ACCEPTED)
