"""The one client every source fetches with: guarded, capped, polite.

Only http and https. The host of every hop, redirects included, is resolved once; unless the user
allowed it all its addresses must be public, and the connection goes to one that was checked. Time
and size are capped. A server's answer is untrusted bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from agent.config import HttpSection
from agent.errors import SourceError
from agent.sources.connection import Deadline, Pinned, Resolve, is_public, look_up

REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `body` is empty when `unchanged` (304)."""

    url: str
    status: int
    body: bytes
    etag: str
    last_modified: str

    @property
    def unchanged(self) -> bool:
        """Whether the server said that nothing changed since the marks we sent."""
        return self.status == 304


class Client:
    """Fetches pages for one run; close it after."""

    def __init__(self, settings: HttpSection, resolve: Resolve | None = None) -> None:
        self._settings = settings
        self._resolve = resolve or look_up
        self._allowed = {host.lower() for host in settings.allow_private}
        self._client = httpx.Client(
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=settings.timeout,
            follow_redirects=False,
            trust_env=False,
            transport=Pinned(),
        )

    def close(self) -> None:
        """Drop every connection."""
        self._client.close()

    def get(self, source: str, url: str, *, etag: str = "", last_modified: str = "") -> Answer:
        """Fetch `url`, conditionally when marks are given. Raises SourceError with the reason."""
        marks = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in marks.items() if value and value.isascii()}
        with Deadline(self._settings.timeout) as deadline:
            try:
                for _ in range(REDIRECTS + 1):
                    extensions = {
                        "addresses": self._check(source, url),
                        "trace": deadline.watch,
                    }
                    with self._client.stream(
                        "GET", url, headers=headers, extensions=extensions
                    ) as response:
                        target = response.headers.get("location")
                        if not (response.is_redirect and target):
                            return self._answer(source, url, response, deadline)
                        url = urljoin(url, target)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise _explain(source, url, error, deadline) from error
        raise SourceError(
            source, f"more than {REDIRECTS} redirects, last to {url}", "Check the url"
        )

    def _answer(
        self, source: str, url: str, response: httpx.Response, deadline: Deadline
    ) -> Answer:
        asked = response.request.headers
        unchanged = response.status_code == 304 and (
            "if-none-match" in asked or "if-modified-since" in asked
        )
        if not (unchanged or response.is_success):
            raise SourceError(
                source, f"{url} answered {response.status_code}", _advice(response.status_code)
            )
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._settings.max_bytes:
                raise SourceError(
                    source,
                    f"{url} is larger than {self._settings.max_bytes:,} bytes",
                    "Raise [http] max_bytes if it is meant to be",
                )
        deadline.check()
        marks = response.headers
        return Answer(
            url,
            response.status_code,
            bytes(body),
            marks.get("etag", ""),
            marks.get("last-modified", ""),
        )

    def _check(self, source: str, url: str) -> Sequence[str]:
        """The addresses of a url's host; refuses what is not a public web address."""
        parts = httpx.URL(url)
        host = parts.raw_host.decode("ascii")
        if parts.scheme not in ("http", "https") or not host:
            raise SourceError(source, f"{url!r} is not an http(s) address", "Check the url")
        try:
            found = self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise SourceError(
                source, f"the name {host!r} cannot be resolved", "Check the network and the url"
            ) from error
        for address in found if host not in self._allowed else ():
            if not is_public(address):
                raise SourceError(
                    source,
                    f"{host} is at {address}, which is not a public address",
                    "If that is meant, put the host into [http] allow_private",
                )
        return found


def _explain(source: str, url: str, error: Exception, deadline: Deadline) -> SourceError:
    if deadline.passed or isinstance(error, httpx.TimeoutException):
        return SourceError(
            source,
            f"{url} took longer than {deadline.seconds:g} s",
            "It is tried again next run; raise [http] timeout if it is always slow",
        )
    reason = str(error) or type(error).__name__
    wrong = isinstance(error, httpx.InvalidURL)
    way_out = "Check the url" if wrong else "It is tried again next run"
    return SourceError(source, f"{url[:200]}: {reason}", way_out)


def _advice(status: int) -> str:
    if status in (401, 402, 403):
        return "The server will not let us in; check the url or drop the source"
    if status in (404, 410):
        return "The page is gone; correct the url"
    return "It is tried again next run"
