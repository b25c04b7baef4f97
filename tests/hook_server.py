"""A real webhook on the loopback, for what Apprise posts; it can be out, slow or deadly."""

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from tests.loopback import Loopback, QuietHandler


class HookServer(Loopback):
    """Answers POST; `taken` are the bodies, `asked` counts the requests.

    `fail(status)`  answers with it from now on; 200 ends it
    `stall(s)`      takes each message and answers `s` seconds later
    `kill(pid)`     takes the next message and kills the sender before it is answered
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self._status = 200
        self._stall = 0.0
        self._kill: Callable[[], int] | None = None
        outer = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked += 1
                if outer._status == 200:
                    outer.taken.append(body)
                if outer._kill:
                    pid, outer._kill = outer._kill(), None
                    os.kill(pid, signal.SIGKILL)
                time.sleep(outer._stall)
                self.send_response(outer._status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        super().__init__(Handler)

    @property
    def address(self) -> str:
        """As Apprise writes it, with a token in it."""
        who = "user:s3cret-t0ken@127.0.0.1"
        return f"json://{who}:{self.port}/hooks/very-secret-path"

    def fail(self, status: int) -> None:
        self._status = status

    def stall(self, seconds: float) -> None:
        self._stall = seconds

    def kill(self, pid: Callable[[], int]) -> None:
        self._kill = pid


CHANNEL = '\n[[channels]]\nname = "chat"\nkind = "push"\nurl_env = "CHAT_URL"\ntimeout = 1.0\n'
