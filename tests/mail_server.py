"""A real SMTP server on the loopback with STARTTLS and AUTH that behaves as it is told."""

import os
import signal
import socket
import ssl
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "thesis", "correct-horse-42"  # pragma: allowlist secret


class MailServer:
    """Takes mail; `taken` are the messages, parsed. `stop` and `start` make an outage.

    `refuse(text)`   every message is answered with this line, such as "451 later"
    `shun(address)`  this recipient is refused, others are not
    `then(act)`      `act` runs when a message has been taken, before the answer
    """

    def __init__(self, folder: Path) -> None:
        self.taken: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.ca_file = folder / "ca.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._answer = ""
        self._shunned: set[str] = set()
        self._act: Callable[[], None] = lambda: None
        self._controller: Controller | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        outer = self

        class Server(Controller):
            def factory(self) -> SMTP:
                return SMTP(
                    outer,
                    tls_context=outer._context,
                    require_starttls=True,
                    auth_required=True,
                    authenticator=outer._authenticate,
                )

        self._controller = Server(outer, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def refuse(self, line: str) -> None:
        self._answer = line

    def shun(self, address: str) -> None:
        self._shunned.add(address)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._shunned:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def then(self, act: Callable[[], None]) -> None:
        self._act = act

    def kill(self, pid: Callable[[], int]) -> None:
        """Kill the sender when it has handed a message over and waits for the answer; once."""

        def act() -> None:
            self._act = lambda: None
            os.kill(pid(), signal.SIGKILL)

        self._act = act

    def channel(self, name: str = "mail", **changed: str) -> str:
        """As config.toml has it."""
        values = {
            "kind": '"email"',
            "to": '["you@example.com"]',
            "sender": '"Thesis <thesis@example.com>"',
            "host": '"127.0.0.1"',
            "port": str(self.port),
            "username": f'"{USER}"',
            "password_env": '"MAIL_PASSWORD"',
            "ca_file": f'"{self.ca_file}"',
            **changed,
        }
        lines = "".join(f"{key} = {value}\n" for key, value in values.items())
        return f'\n[[channels]]\nname = "{name}"\n{lines}'

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._answer:
            return self._answer
        content = envelope.content
        assert isinstance(content, bytes)
        parsed = message_from_bytes(content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.taken.append(parsed)
        self.encrypted.append(session.ssl is not None)
        self._act()
        return "250 taken"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)
