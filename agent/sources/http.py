"""The one client every source fetches with: guarded, capped, polite.

Only http and https. The host of every hop, redirects included, is resolved once; unless the user
allowed it all its addresses must be public, and the connection goes to one that was checked. Time
and size are capped, requests to one host are kept apart, and what may work a moment later is tried
again. A server's answer is untrusted bytes.
"""

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from agent.config import HttpSection
from agent.errors import SourceError
from agent.sources.connection import Deadline, Pinned, Resolve, is_public, look_up
from agent.sources.politeness import (
    LONGEST_REST,
    WORTH_RETRYING,
    Pace,
    Sleep,
    fresh_for,
    rest,
    retry_after,
)

REDIRECTS = 5
_CERTIFICATE = re.compile(r"certificate verify failed: (.+?)(?: \(_ssl|$)")
"""How OpenSSL says it; a moment later it would say the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `body` is empty when `unchanged` (304).

    `fresh_for` is how many seconds the server says that it will say nothing else.
    """

    url: str
    status: int
    body: bytes
    etag: str
    last_modified: str
    fresh_for: float = 0.0

    @property
    def unchanged(self) -> bool:
        """Whether the server said that nothing changed since the marks we sent."""
        return self.status == 304


class Client:
    """Fetches pages for one run, from several threads if need be; close it after."""

    def __init__(
        self, settings: HttpSection, resolve: Resolve | None = None, sleep: Sleep = time.sleep
    ) -> None:
        self._settings = settings
        self._resolve = resolve or look_up
        self._sleep = sleep
        self._pace = Pace(settings.interval, sleep)
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

    def keep_apart(self, url: str, seconds: float) -> None:
        """Leave at least `seconds` (LONGEST_REST at most) between requests to a url's host."""
        self._pace.at_least(_host(url), min(seconds, LONGEST_REST))

    def get(
        self,
        source: str,
        url: str,
        *,
        etag: str = "",
        last_modified: str = "",
        accept: Collection[int] = (),
    ) -> Answer:
        """Fetch `url`, conditionally when marks are given. Raises SourceError with the reason.

        A status in `accept` is an answer too, whatever it says of failure.
        """
        marks = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in marks.items() if value and value.isascii()}
        for attempt in range(1, self._settings.retries + 2):
            self._pace.wait(_host(url))
            try:
                return self._follow(source, url, headers, accept)
            except SourceError as error:
                pause = rest(attempt, error.wait)
                last = attempt > self._settings.retries or pause > LONGEST_REST
                if last or not error.passing:
                    raise
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _follow(
        self, source: str, url: str, headers: dict[str, str], accept: Collection[int]
    ) -> Answer:
        """One attempt, redirects included, within the time that a request may take."""
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
                            return self._answer(source, url, response, deadline, accept)
                        url = urljoin(url, target)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise _explain(source, url, error, deadline) from error
        raise SourceError(
            source, f"more than {REDIRECTS} redirects, last to {url}", "Check the url"
        )

    def _answer(
        self,
        source: str,
        url: str,
        response: httpx.Response,
        deadline: Deadline,
        accept: Collection[int],
    ) -> Answer:
        asked = response.request.headers
        unchanged = response.status_code == 304 and (
            "if-none-match" in asked or "if-modified-since" in asked
        )
        if not (unchanged or response.is_success or response.status_code in accept):
            raise _refused(source, url, response)
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
            fresh_for(marks),
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
    if refused := _CERTIFICATE.search(reason):
        return SourceError(
            source,
            f"the certificate of {_host(url)} does not hold: {refused[1]}",
            "Its owner has to renew it; if all certificates are refused, set this machine's clock",
        )
    wrong = isinstance(error, httpx.InvalidURL)
    way_out = "Check the url" if wrong else "It is tried again next run"
    lost = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
    return SourceError(source, f"{url[:200]}: {reason}", way_out, passing=lost)


def _refused(source: str, url: str, response: httpx.Response) -> SourceError:
    """What an answer that is no answer means; the time it names counts when it may pass."""
    status, passing = response.status_code, response.status_code in WORTH_RETRYING
    wait = retry_after(response.headers) if passing else 0.0
    asked = f" and asks to be left alone for {wait:,.0f} s" if wait else ""
    return SourceError(
        source, f"{url} answered {status}{asked}", _advice(status), passing=passing, wait=wait
    )


def _host(url: str) -> str:
    """The host that a request counts against; "" for what `_check` will refuse."""
    try:
        return httpx.URL(url).host
    except (httpx.InvalidURL, ValueError):
        return ""


def _advice(status: int) -> str:
    if status in (401, 402, 403):
        return "The server will not let us in; check the url or drop the source"
    if status in (404, 410):
        return "The page is gone; correct the url"
    return "It is tried again next run"
