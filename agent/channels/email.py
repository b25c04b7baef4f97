"""Email over SMTP: encrypted, with a password from the environment, and the same id each time."""

import base64
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path

from pydantic import SecretStr

from agent.channels.redaction import redact
from agent.config import ChannelSection
from agent.errors import ChannelError
from agent.notices import Parcel

LOCAL = ("127.0.0.1", "::1", "localhost")
WAYS_OUT = {
    ssl.SSLError: "Correct its security and port, or name its certificate with ca_file",
    smtplib.SMTPAuthenticationError: "Correct its username and the password in the environment",
    UnicodeError: "Name its host, its user and the password in ASCII",
    smtplib.SMTPNotSupportedError: "The server offers less: correct its security and port",
}
DEFAULT_WAY_OUT = "It is tried again; if it stays, correct its host, port and security"


class Email:
    """See agent.channels.Channel."""

    def __init__(
        self, chosen: ChannelSection, password: SecretStr | None, ca_file: Path | None
    ) -> None:
        self._chosen = chosen
        self._password = password
        self._ca_file = ca_file
        if chosen.security == "none" and password and chosen.host not in LOCAL:
            raise ChannelError(
                chosen.name,
                "a password would travel unencrypted",
                'Set security = "starttls" or "tls"',
                sure=True,
            )

    def send(self, parcel: Parcel, message_id: str) -> None:
        """See agent.channels.Channel."""
        message = compose(parcel, message_id, self._chosen.sender, self._chosen.to)
        with self._explained(sure=True), self._connected() as server:
            with self._explained(sure=True):
                self._log_in(server)
            with self._explained(sure=False):
                refused = server.send_message(message)
        if refused:
            names = ", ".join(sorted(refused))
            raise ChannelError(
                self._chosen.name,
                f"the server took it, but not for {names}",
                "It is not sent again; correct the addresses in `to`",
                sure=False,
                taken=True,
            )

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        chosen = self._chosen
        context = ssl.create_default_context(cafile=self._ca_file)
        where = (chosen.host, chosen.port)
        server: smtplib.SMTP
        if chosen.security == "tls":
            server = smtplib.SMTP_SSL(*where, timeout=chosen.timeout, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=chosen.timeout)
        try:
            if chosen.security == "starttls":
                server.starttls(context=context)
            yield server
        finally:
            server.close()

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._chosen.username and self._password:
            server.login(self._chosen.username, self._password.get_secret_value())

    @contextmanager
    def _explained(self, *, sure: bool) -> Iterator[None]:
        """What the server or the network says, as an error of ours without secrets."""
        try:
            yield
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            refused = isinstance(
                error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused
            )
            reason = redact(_said(error), self._secret())
            way_out = next(
                (way for kind, way in WAYS_OUT.items() if isinstance(error, kind)), DEFAULT_WAY_OUT
            )
            raise ChannelError(
                self._chosen.name, reason, way_out, sure=sure or refused
            ) from None  # the original may hold the password

    def _secret(self) -> str:
        return self._password.get_secret_value() if self._password else ""


def compose(parcel: Parcel, message_id: str, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The parcel as an email: text, HTML and its pictures; the same bytes for the same parcel."""
    message = EmailMessage()
    message["Subject"] = parcel.subject
    message["From"] = _address(sender)
    message["To"] = [_address(one) for one in to]
    message["Message-ID"] = f"<{message_id}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Date"] = format_datetime(parcel.made_at)
    for name, value in parcel.headers.items():
        message[name] = value
    message.set_content(parcel.text)
    cids = {name: f"{name}.{message_id}@{_domain(sender)}" for name in parcel.images}
    html = parcel.html
    for name, cid in cids.items():
        html = with_picture(html, name, f"cid:{cid}")
    message.add_alternative(html, subtype="html")
    page = message.get_body(("html",))
    assert page is not None, "it was just put in"
    for name, image in parcel.images.items():
        data = base64.b64decode(image)
        page.add_related(
            data,
            "image",
            "png",
            cid=f"<{cids[name]}>",
            filename=f"{name}.png",
            disposition="inline",
        )
    return message


def with_picture(html: str, name: str, address: str) -> str:
    """A page with its picture called `name` at another address; text that says the same stays."""
    return re.sub(rf'(<img\b[^>]*?\ssrc=")cid:{re.escape(name)}"', rf'\g<1>{address}"', html)


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(name, addr_spec=address)


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return f"the server said {error.smtp_code} {text}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        names = ", ".join(sorted(error.recipients))
        return f"the server takes nothing for {names}"
    if isinstance(error, UnicodeError):
        return "its host, its user or the password cannot be sent to any server"
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    return str(error) or type(error).__name__
