"""A real web server on the loopback that serves feeds, redirects, and misbehaves on request."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from xml.sax.saxutils import escape

from tests.loopback import Loopback, QuietHandler

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class FeedServer(Loopback):
    """Answers GET with what was `put` there; `seen` holds (path, headers) of every request.

    `put(path, body, ...)`   a page; with `etag` or `last_modified` it answers 304 when they match
    `redirect(path, to)`     a 302 to `to`, an address or a path
    `behave(path, do)`       `do(handler)` writes whatever it likes to `handler.wfile`
    `drip`, `flood`, `hang`  behaviours that end only when the other side or the server hangs up
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self._pages: dict[str, Behaviour] = {}
        self._otherwise: Behaviour = _missing
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append((self.path, headers))
                outer._pages.get(self.path, outer._otherwise)(self)

        super().__init__(Handler)

    def url(self, path: str = "/feed", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(
        self,
        path: str,
        body: bytes | str,
        *,
        status: int = 200,
        etag: str = "",
        last_modified: str = "",
        **headers: str,
    ) -> None:
        data = body.encode() if isinstance(body, str) else body

        def answer(handler: BaseHTTPRequestHandler) -> None:
            asked = handler.headers
            same = (etag and asked["if-none-match"] == etag) or (
                last_modified and asked["if-modified-since"] == last_modified
            )
            handler.send_response(304 if same else status)
            marks = {"etag": etag, "last-modified": last_modified, **headers}
            for name, value in marks.items():
                if value:
                    handler.send_header(name.replace("_", "-"), value)
            if not same:
                handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(b"" if same else data)

        self._pages[path] = answer

    def redirect(self, path: str, to: str) -> None:
        self.put(path, "", status=302, location=to)

    def otherwise(self, do: Behaviour) -> None:
        """What any other path gets, instead of 404."""
        self._otherwise = do

    def behave(self, path: str, do: Behaviour) -> None:
        self._pages[path] = do

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Headers without end, a few bytes at a time: no single read ever waits long."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not self.closing.wait(0.02):
            handler.wfile.write(b"x")

    def flood(self, handler: BaseHTTPRequestHandler) -> None:
        """A body without end."""
        handler.send_response(200)
        handler.end_headers()
        while not self.closing.is_set():
            handler.wfile.write(b" " * 65536)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Not a word."""
        self.closing.wait()


def rss(*entries: dict[str, Any]) -> str:
    """An RSS 2.0 feed; an entry's keys are its elements."""
    items = "".join(
        "<item>" + "".join(f"<{k}>{escape(v)}</{k}>" for k, v in entry.items()) + "</item>"
        for entry in entries
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>f</title>{items}</channel></rss>'
    )


def atom(*entries: dict[str, Any]) -> str:
    """An Atom feed; `link` becomes an href."""
    rows = "".join(
        "<entry>"
        + "".join(
            f'<link href="{escape(v)}"/>' if k == "link" else f"<{k}>{escape(v)}</{k}>"
            for k, v in entry.items()
        )
        + "</entry>"
        for entry in entries
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>f</title><id>f</id>{rows}</feed>'


def _missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)
