"""Where a connection may go, and how long it may last. Knows nothing of feeds or of sources."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is routed: no NAT64, no mapped IPv4, no local kind of address."""
_SPECIAL = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
]
"""Inside the public ranges, yet protocols, tunnels or examples."""

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port -> addresses; raises OSError or UnicodeError when there are none."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large."""
    found = ipaddress.ip_address(address.split("%")[0])
    if found.version == 6 and found not in _PUBLIC_V6:
        return False
    special = found.is_multicast or any(found in network for network in _SPECIAL)
    return found.is_global and not special


def look_up(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says; it also reads the spellings 127.1, 0x7f.1, 2130706433."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Pinned(httpx.HTTPTransport):
    """Connects to the addresses that were checked, whatever the name says by now.

    Host and TLS go by the name still. No connection is kept: two names may share an address.
    """

    def __init__(self) -> None:
        super().__init__(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Try one address after the other."""
        failed: httpx.TransportError = httpx.ConnectError("the name has no address")
        name = request.url.raw_host.decode("ascii")
        for address in request.extensions["addresses"]:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": name},
            )
            try:
                return super().handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed


class Deadline:
    """Cuts the line when time is up: a server may send one byte a second, in its headers too."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._line: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        self._let_go()

    def watch(self, event: str, about: Mapping[str, Any]) -> None:
        """httpx' trace: take hold of each new connection (a duplicate, as TLS takes the socket)."""
        if event == "connection.connect_tcp.started":
            self.check()
        elif event == "connection.connect_tcp.complete":
            self._let_go()
            self._line = about["return_value"].get_extra_info("socket").dup()
            if self.passed:
                self._cut()

    def check(self) -> None:
        """Raise when time is up."""
        if self.passed:
            raise httpx.ReadTimeout("time is up")

    def _cut(self) -> None:
        self.passed = True
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
