"""A web server on the loopback for as long as a `with` block lasts."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Thread
from typing import Self


class QuietHandler(BaseHTTPRequestHandler):
    """Writes no log."""

    def log_message(self, *_: object) -> None:
        pass


class Loopback:
    """Serves with `handler`; `closing` is set when it is about to end, for those who wait."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.closing = Event()

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, *_: object) -> None:
                """The other side hung up: often what a test is about."""

        self._server = Server(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def encrypt(self, context: SSLContext) -> None:
        """Speak TLS from the start on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port
