"""Ways to tell somebody. Each sends a parcel whole or raises; none knows what an alert is."""

from typing import Protocol

from agent.config import ChannelSection, Config
from agent.errors import ChannelError
from agent.notices import Parcel


class Channel(Protocol):
    """Sends messages.

    Coming back means that the other side took it. Raises ChannelError, `sure` when it certainly
    did not arrive, `taken` when only some got it; never says a secret. Whoever calls tries again.
    """

    def send(self, parcel: Parcel, message_id: str) -> None:
        """Hand a parcel over; `message_id` is the same for every attempt."""


def make(config: Config, chosen: ChannelSection) -> Channel:
    """The channel of a section; raises ChannelError when its secret is not in the environment."""
    from agent.channels.email import Email
    from agent.channels.push import Push

    name = chosen.secret_env
    secret = config.secrets.get(name)
    if name and secret is None:
        raise ChannelError(
            chosen.name,
            f"the environment variable {name} is not set",
            "Set it, or put it into the .env file beside config.toml",
            sure=True,
        )
    if chosen.kind == "push":
        assert secret is not None
        return Push(chosen, secret)
    return Email(chosen, secret, config.resolve(chosen.ca_file) if chosen.ca_file else None)
