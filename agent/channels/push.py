"""Chat services, phones and webhooks through Apprise; the address with its tokens is the secret."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from agent.channels.redaction import redact
from agent.config import ChannelSection
from agent.errors import ChannelError
from agent.notices import Parcel

UNKNOWN = ("timed out", "timeout", "reset", "aborted", "closed connection", "broken pipe")
"""What is said of a connection that broke when the message may have been through."""
REFUSED = ("connection refused", "failed to establish", "connect timeout", "name or service")
"""What is said of one that never came about."""


class Push:
    """See agent.channels.Channel."""

    def __init__(self, chosen: ChannelSection, address: SecretStr) -> None:
        self._chosen = chosen
        self._address = address.get_secret_value()

    def send(self, parcel: Parcel, message_id: str) -> None:
        """See agent.channels.Channel."""
        from apprise import NotifyFormat

        with _heard() as lines:
            done = self._service().notify(
                title=parcel.subject, body=parcel.text, body_format=NotifyFormat.TEXT
            )
        if not done:
            said = "; ".join(dict.fromkeys(lines)) or "the service did not take it"
            raise ChannelError(
                self._chosen.name,
                redact(said, self._address),
                f"It is tried again; if it stays, correct the address in {self._chosen.url_env}",
                sure=_is_sure(said),
            )

    def _service(self) -> Any:
        from apprise import Apprise, AppriseAsset

        quiet = AppriseAsset(app_id="Thesiswatch", app_desc="Thesiswatch", async_mode=False)
        service = Apprise(asset=quiet)
        with _heard():
            known = service.add(self._with_defaults())
        if not known:
            raise ChannelError(
                self._chosen.name,
                f"the address in {self._chosen.url_env} is none that Apprise knows",
                "Write it as its list of services says, such as json://host/path",
                sure=True,
            )
        return service

    def _with_defaults(self) -> str:
        """The address with our timeouts, and parts for what is too long, where it sets none."""
        seconds = f"{self._chosen.timeout:g}"
        wanted = {"rto": seconds, "cto": seconds, "overflow": "split"}
        added = [
            f"{key}={value}" for key, value in wanted.items() if f"{key}=" not in self._address
        ]
        mark = "&" if "?" in self._address else "?"
        return self._address + mark + "&".join(added)


def _is_sure(said: str) -> bool:
    """Whether the message certainly did not arrive."""
    low = said.lower()
    return any(word in low for word in REFUSED) or not any(word in low for word in UNKNOWN)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise says while it works, for us alone: its log may hold addresses with tokens."""
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if record.levelno >= logging.WARNING or "Exception" in text:
                lines.append(text)

    logger = logging.getLogger("apprise")
    ear, before = Ear(), (logger.level, logger.propagate, list(logger.handlers))
    logger.handlers, logger.propagate = [ear], False
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.setLevel(before[0])
        logger.propagate, logger.handlers = before[1], before[2]
