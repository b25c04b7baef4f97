"""What an alert looks like to whoever gets it, and what hostile text cannot do to it."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import notices
from agent.alerts import Alert, Case, Evidence, Status, Telling
from agent.channels.email import compose
from agent.notices import Parcel, Told
from agent.signals import Direction, Rule, Severity
from agent.thesis import Thesis

NOW = datetime(2025, 1, 27, 22, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SERIES = tuple(
    ((NOW - timedelta(days=60 - n)).date().isoformat(), n // 55 * 3, 0.2) for n in range(60)
)


def source(title: str = "DeepSeek trains R1 for less", **more: object) -> Evidence:
    given = {"item_id": "i1", "publisher": "VentureBeat", "url": "https://v.example/a?b=1&c=2"}
    given |= {"published": "2025-01-27", "owners": ("a", "b", "c"), "quote": "at 3% of the cost"}
    return Evidence(title=title, **{**given, **more})  # type: ignore[arg-type]


def alert(**changed: object) -> Alert:
    case = Case(
        "Training efficiency: threat rising. 9 new events",
        (source(), source("No page", url="", item_id="i2", quote="")),
        against=(source("It will not matter", stance="weakens"),),
        claims=({"id": "EF-01", "text": "V3 cost about $5 million to train.", "by": "judge"},),
        figures={"events": ["e1", "e2", "e3"]},
        series=SERIES,
        score_before=60.44,
        score_after=63.25,
    )
    made = Alert(
        "A-12345678",
        Rule.SPIKE,
        "training_efficiency",
        Direction.RISING,
        Severity.CRITICAL,
        Status.FIRING,
        NOW,
        NOW,
        case,
        fired_at=NOW,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def made(thesis: Thesis, *told: Told) -> Parcel:
    return notices.compose(thesis, told or [Told(alert(), Telling.FIRED)], BERLIN, NOW)


class Page(HTMLParser):
    """What a page holds: its tags, links, pictures and words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        found = dict(attrs)
        if tag == "a":
            self.links.append(found.get("href") or "")
        if tag == "img":
            self.pictures.append(found.get("src") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_alert_says_what_who_where_and_what_else(thesis: Thesis) -> None:
    parcel = made(thesis)
    assert parcel.subject == "[critical] Training efficiency: threat rising. 9 new events"
    for said in (
        "DeepSeek trains R1 for less",
        "VentureBeat and 2 more",
        "2025-01-27",
        "at 3% of the cost",
        "60.4 before, 63.2 after (+2.8)",
        "2025-01-27 23:30 CET",
        "V3 cost about $5 million to train.",
        "EF-01",
        "It will not matter",
        "thesis show i2",
        "thesis alerts ack A-12345678",
        thesis.title,
    ):
        assert said in parcel.text, said
        assert said in " ".join(Page(parcel.html).text.split()), said
    assert "https://v.example/a?b=1&c=2" in parcel.text


def test_page_links_to_every_source_and_shows_no_remote_picture(thesis: Thesis) -> None:
    parcel = made(thesis)
    page = Page(parcel.html)
    assert page.links == ["https://v.example/a?b=1&c=2"] * 2
    assert page.pictures == ["cid:chart-A-12345678"]
    assert list(parcel.images) == ["chart-A-12345678"]
    assert base64.b64decode(parcel.images["chart-A-12345678"]).startswith(b"\x89PNG")
    assert len(parcel.html) < 20_000
    assert 'alt="Events a day' in parcel.html


def test_blocks_are_the_last_four_weeks(thesis: Thesis) -> None:
    bars = re.search(r"four weeks: (\S+)", made(thesis).text)
    assert bars is not None
    assert bars[1] == "▁" * 23 + "█" * 5


def test_nothing_from_the_other_side_is_said(thesis: Thesis) -> None:
    one = alert()
    told = Told(replace(one, case=replace(one.case, against=())), Telling.FIRED)
    assert "The other side: nothing in 30 days" in made(thesis, told).text


def test_several_alerts_are_one_message_with_the_gravest_in_its_subject(thesis: Thesis) -> None:
    lesser = alert(id="A-2", severity=Severity.NOTICE)
    parcel = made(thesis, Told(alert(), Telling.FIRED), Told(lesser, Telling.FIRED))
    assert parcel.subject.startswith("[critical]")
    assert parcel.subject.endswith("(and 1 more)")
    assert parcel.text.count("DeepSeek trains R1 for less") == 2


@pytest.mark.parametrize(
    ("telling", "said"),
    [
        (Telling.WITHDRAWN, "Withdrawn: Training efficiency"),
        (Telling.REPEATED, "Still firing: Training efficiency"),
        (Telling.RESOLVED, "Over: Training efficiency"),
    ],
)
def test_reason_for_telling_comes_first(thesis: Thesis, telling: Telling, said: str) -> None:
    parcel = made(thesis, Told(alert(), telling))
    assert said in parcel.subject
    assert said in parcel.text


EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<a href='javascript:alert(1)'>x</a>",
    "{{ 7 * 7 }} {% raw %}",
    "Title\r\nBcc: everybody@example.com",
    "\u202eevil\u202c \u200b\u2066x\u2069\ufeff",
    "Z" + "\u0301" * 500 + "algo",
    "A" * 50_000,
    "<!channel> <@U123> @everyone @here",
    "\x1b[31mred\x07",
    "= cmd|' /C calc'!A0",
    "\U000e0041\U000e0042 tags",
    "]]> --> </style><style>body{display:none}</style>",
]


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_hostile_text_does_nothing(thesis: Thesis, text: str) -> None:
    evil = source(text, publisher=text, quote=text)
    case = replace(alert().case, headline=f"Head {text}", evidence=(evil,), against=(evil,))
    parcel = made(thesis, Told(alert(case=case), Telling.FIRED))
    page = Page(parcel.html)
    calm = Page(made(thesis).html)
    assert page.tags <= calm.tags
    assert page.attributes <= calm.attributes
    assert {link.split(":")[0] for link in page.links} == {"https"}
    assert page.pictures == calm.pictures
    assert len(parcel.html) < 20_000
    for shown in (parcel.subject, parcel.text, parcel.html):
        assert not re.search(
            r"[\x00-\x09\x0b-\x1f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown
        )
        assert not re.search(r"@(?=everyone|here|U1)|<!channel", shown)
        assert not re.search("\u0301{4}", shown)
    assert "\n" not in parcel.subject
    assert len(parcel.subject) <= notices.SUBJECT
    mail = message_from_bytes(
        bytes(compose(parcel, "x", "t@example.com", ("a@example.com",))), policy=policy.default
    )
    assert mail["bcc"] is None
    assert mail["subject"] == parcel.subject


@given(st.text(max_size=300))
def test_plain_text_is_one_short_line(text: str) -> None:
    found = notices.plain(text)
    assert len(found) <= notices.LONGEST
    assert found == " ".join(found.split(" "))
    assert not re.search(r"[\x00-\x1f\u202a-\u202e]", found)


def test_ordinary_text_stays_as_it_is() -> None:
    for text in (
        "Nvidia’s “moat” is 100% gone & done",
        "英伟达市值超过苹果",
        "naïve café",
        "a < b > c",
    ):
        assert notices.plain(text) == text


def test_same_news_to_the_same_channel_is_the_same_message() -> None:
    told = [Told(alert(sent=1), Telling.FIRED)]
    again = [Told(alert(sent=1, active_at=NOW + timedelta(days=1)), Telling.FIRED)]
    assert notices.id_of("t", "mail", told) == notices.id_of("t", "mail", again)
    others = [
        notices.id_of("t", "chat", told),
        notices.id_of("u", "mail", told),
        notices.id_of("t", "mail", [Told(alert(sent=2), Telling.REPEATED)]),
        notices.id_of("t", "mail", [Told(alert(sent=1), Telling.WITHDRAWN)]),
    ]
    assert len({notices.id_of("t", "mail", told), *others}) == 5


def test_sample_says_that_it_is_one(thesis: Thesis) -> None:
    parcel = notices.sample(thesis, NOW)
    assert "sample" in parcel.subject
    assert "nothing happened" in parcel.text
