"""The one client every source fetches with: guarded, capped, polite.

Only http and https; every host, redirects included, must resolve to public addresses unless the
user allowed it; time and size are capped. A server's answer is untrusted bytes.
"""

import ipaddress
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from agent.config import HttpSection
from agent.errors import SourceError

if TYPE_CHECKING:
    import httpx

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

    def __init__(self, settings: HttpSection) -> None:
        import httpx

        self._settings = settings
        self._client = httpx.Client(
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=settings.timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Drop every connection."""
        self._client.close()

    def get(self, source: str, url: str, *, etag: str = "", last_modified: str = "") -> Answer:
        """Fetch `url`, conditionally when marks are given. Raises SourceError with the reason."""
        import httpx

        marks = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in marks.items() if value}
        deadline = time.monotonic() + self._settings.timeout
        try:
            for _ in range(REDIRECTS + 1):
                self._check(source, url)
                with self._client.stream("GET", url, headers=headers) as response:
                    target = response.headers.get("location")
                    if not (response.is_redirect and target):
                        return self._answer(source, url, response, deadline)
                    url = urljoin(url, target)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            reason = str(error) or type(error).__name__
            raise SourceError(source, f"{url}: {reason}", "It is tried again next run") from error
        raise SourceError(
            source, f"more than {REDIRECTS} redirects, last to {url}", "Check the url"
        )

    def _answer(self, source: str, url: str, response: "httpx.Response", deadline: float) -> Answer:
        if response.status_code != 304 and not response.is_success:
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
            if time.monotonic() > deadline:
                raise SourceError(
                    source,
                    f"{url} took longer than {self._settings.timeout:g} s",
                    "It is tried again next run; raise [http] timeout if it is always slow",
                )
        marks = response.headers
        return Answer(
            url,
            response.status_code,
            bytes(body),
            marks.get("etag", ""),
            marks.get("last-modified", ""),
        )

    def _check(self, source: str, url: str) -> None:
        """Refuse what is not a public web address."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            raise SourceError(source, f"{url!r} is not an http(s) address", "Check the url")
        if host in self._settings.allow_private:
            return
        for address in _addresses(source, host, parts.port or 443):
            if not _is_public(address):
                raise SourceError(
                    source,
                    f"{host} is at {address}, which is not a public address",
                    "If that is meant, put the host into [http] allow_private",
                )


def _addresses(source: str, host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(
            source, f"the name {host!r} cannot be resolved", "Check the network and the url"
        ) from error
    return [str(entry[4][0]) for entry in found]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.split("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or found
    return bool(inner.is_global and not inner.is_multicast)


def _advice(status: int) -> str:
    if status in (401, 402, 403):
        return "The server will not let us in; check the url or drop the source"
    if status in (404, 410):
        return "The page is gone; correct the url"
    return "It is tried again next run"
