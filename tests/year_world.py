"""A world for a daemon to live in: a clock that can be set, sources, a model and a mail server.

Everything is real and on this machine but the time. Items are invented from a seed and come through
a feed and a file; `Troubles` says what goes wrong on which day.
"""

import json
import random
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chat_server import ChatServer, completion, item_of, judgement, label
from tests.feed_server import FeedServer, rss
from tests.mail_server import MailServer

SEED = 20260101
SHARE_OF_FEED = 0.2
SHARE_ON_TOPIC = 0.1
SHARE_OF_COPIES = 0.05
OVERLAP = 25
"""Entries that a feed shows again though they were read."""
FIRMS = (
    "Cerebras Groq AMD Google Amazon Microsoft Meta Broadcom Marvell TSMC DeepSeek Apple".split()
)
PLACES = "Oslo Lyon Turin Porto Ghent Malmo Graz Brno Split Vigo Bergen Leeds".split()
THINGS = "bakery ferry library orchard museum tramway choir lighthouse market bridge".split()
ON_TOPIC = (
    ("custom_silicon", "supports", "{firm} moves workload {n} from Nvidia GPUs to its own chips"),
    ("training_efficiency", "supports", "{firm} trains model {n} on a tenth of the Nvidia GPUs"),
    ("growth_and_margins", "weakens", "{firm} orders {n} more Nvidia Blackwell racks than planned"),
    (
        "capex_payback",
        "supports",
        "{firm} halts data centre {n}, doubting what AI spending returns",
    ),
    ("novel_accelerators", "supports", "{firm} picks wafer-scale AI processors for cluster {n}"),
    (
        "inference_efficiency",
        "weakens",
        "{firm} says cheaper inference doubled GPU use in test {n}",
    ),
)
PUBLISHERS = ("Reuters", "The Register", "Bloomberg", "Phoronix", "SemiAnalysis", "CNBC")


@dataclass
class Clock:
    """Time in the hands of a test; `behind` is by how much it was set back."""

    at: datetime
    behind: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return self.at - self.behind


@dataclass(frozen=True)
class Troubles:
    """What goes wrong, as spans of days from the first: [begin, end)."""

    asleep: tuple[tuple[float, float], ...] = ()
    no_network: tuple[float, float] = (0, 0)
    no_judge: tuple[tuple[float, float], ...] = ()
    no_mail: tuple[float, float] = (0, 0)
    full_disk: tuple[float, float] = (0, 0)
    set_back: float = -1.0

    def is_asleep(self, day: float) -> bool:
        """Whether the machine sleeps then."""
        return any(begin <= day < end for begin, end in self.asleep)


@dataclass
class World:
    """What there is to read, so much `a_day`. `made` holds the ids of all items so far."""

    folder: Path
    start: datetime
    a_day: int
    feeds: FeedServer
    judge: ChatServer
    mail: MailServer
    made: list[str] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(SEED))
    _feed: list[dict[str, Any]] = field(default_factory=list)
    _file: list[dict[str, Any]] = field(default_factory=list)
    _until: datetime | None = None
    _connected: bool = True

    def config(self, data: Path, **more: str) -> str:
        """config.toml of a daemon that reads it."""
        schedule = "".join(f"{name} = {value}\n" for name, value in more.items())
        return f"""
[data]
folder = "{data}"
[judge]
kind = "llm"
model = "small-1"
base_url = "http://127.0.0.1:{self.judge.port}/v1"
timeout = 5
monthly_budget = 1000
run_budget = 1000
[alerts]
timezone = "Europe/Berlin"
[digest]
channels = ["mail"]
weekly = "monday"
[schedule]
{schedule}
[http]
allow_private = ["127.0.0.1"]
interval = 0
retries = 0
timeout = 5
{self.mail.channel()}
[[sources]]
name = "feed"
kind = "feed"
url = "{self.feeds.url()}"
[[sources]]
name = "file"
kind = "file"
path = "items.jsonl"
"""

    def advance(self, now: datetime) -> None:
        """Let the world go on to `now`: what happened meanwhile can be read."""
        before = self._until or self.start
        count = round((now - before) / timedelta(days=1) * self.a_day)
        for n in range(count):
            self._make(before + (now - before) * (n + 1) / count)
        if count:
            self._until = now
        self._publish()

    def forget(self, known: Container[str]) -> None:
        """Let go of what the reader has, by address: sources show the rest, or a little of it."""
        for rows in (self._feed, self._file):
            rows[:] = [one for one in rows if one["url"] not in known] or rows[-OVERLAP:]

    def connect(self, connected: bool) -> None:
        """Take the feed's server off the net, or bring it back."""
        self._connected = connected
        self._publish()

    def _make(self, at: datetime) -> None:
        number = len(self.made)
        item = self._item(number, at)
        if self._random.random() < SHARE_OF_FEED:
            self._feed.append(item)
        else:
            self._file.append(item)
        self.made.append(item["id"])

    def _item(self, number: int, at: datetime) -> dict[str, Any]:
        rng = self._random
        firm, place, thing = rng.choice(FIRMS), rng.choice(PLACES), rng.choice(THINGS)
        title = f"{place} opens {thing} number {number} by the river"
        body = f"The mayor of {place} cut a ribbon in front of {number % 90 + 10} guests."
        if rng.random() < SHARE_ON_TOPIC:
            title = rng.choice(ON_TOPIC)[2].format(firm=firm, n=number)
            body = f"A spokesman of {firm} confirmed it on stage in {place}. Analysts were divided."
        elif rng.random() < SHARE_OF_COPIES and self._file:
            title, body = self._file[-1]["title"], self._file[-1]["summary"]
        return {
            "id": f"n{number}",
            "url": f"https://news.example/{number}",
            "title": title,
            "summary": body,
            "published": at.astimezone(UTC).isoformat(),
            "publisher": rng.choice(PUBLISHERS),
        }

    def _publish(self) -> None:
        path = self.folder / "items.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in self._file), encoding="utf-8")
        if not self._connected:
            self.feeds.put("/feed", "gone", status=503)
            return
        entries = [
            {
                "title": one["title"],
                "link": one["url"],
                "guid": one["id"],
                "description": one["summary"],
                "pubDate": f"{datetime.fromisoformat(one['published']):%a, %d %b %Y %H:%M:%S GMT}",
            }
            for one in reversed(self._feed)
        ]
        self.feeds.put("/feed", rss(*entries))


def judges(asked: dict[str, Any]) -> tuple[int, Any]:
    """What a well-behaved model says of an item of this world."""
    said = item_of(asked)
    for category, stance, pattern in ON_TOPIC:
        words = re.escape(pattern).replace(r"\{firm\}", r"\w+").replace(r"\{n\}", r"\d+")
        if found := re.search(words, said):
            one = label(found[0], category, stance=stance)
            return 200, completion(judgement(one, event=found[0]))
    return 200, completion(judgement())


def is_down(asked: dict[str, Any]) -> tuple[int, Any]:
    """What one that is out says."""
    return 503, {"error": {"message": "overloaded"}}


def ticks(start: datetime, days: float, a_day: int, seed: int = SEED) -> Iterator[datetime]:
    """Instants at which a timer goes off, a little irregularly, oldest first."""
    rng = random.Random(seed)
    step = timedelta(days=1) / a_day
    for n in range(round(days * a_day)):
        yield start + step * (n + rng.uniform(0, 0.5))
