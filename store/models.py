"""The tables, which are also the shared vocabulary (DESIGN section 2).

Times are aware UTC inside the program and naive UTC text in SQLite; `Utc` converts at the seam.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Index, LargeBinary, UniqueConstraint
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class Utc(TypeDecorator[datetime]):
    """An aware datetime, stored as naive UTC; a naive one is refused."""

    impl = DateTime
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        """Aware in, naive UTC text out, as SQLAlchemy writes it."""
        return to_text

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], datetime | None]:
        """Naive UTC text in, aware out."""
        return _from_text


def to_text(value: datetime | None) -> str | None:
    """An aware instant as it is stored."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a naive datetime was about to be stored; times are aware UTC")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _from_text(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


class ItemKind(StrEnum):
    """What an item is; decides the cap and the half-life of its evidence."""

    NEWS = "news"
    PAPER = "paper"
    FILING = "filing"
    RELEASE = "release"


class ItemState(StrEnum):
    """How far an item has come through the pass; each stage moves it one on.

    A deferred item is grouped and waits for a judge that could not be asked.
    """

    FETCHED = "fetched"
    EMBEDDED = "embedded"
    GROUPED = "grouped"
    DEFERRED = "deferred"
    JUDGED = "judged"
    SCORED = "scored"
    QUARANTINED = "quarantined"


class Stance(StrEnum):
    """`supports` always means: makes the thesis stronger."""

    SUPPORTS = "supports"
    WEAKENS = "weakens"
    NEUTRAL = "neutral"


class Item(SQLModel, table=True):
    """One article, paper, filing or release as fetched. `id` is the one given on import.

    `published_at` is None for an undated item: it is kept and never scored. `dated_at` is when the
    date of one that came without it arrived. `amends` is the id of the item it corrects, or "".
    `note` says what is missing of it, such as the full text and why; `text_hash` is the SHA-256 of
    summary, a zero byte and text when they were trimmed for their age, else "".
    """

    __tablename__ = "item"
    __table_args__ = (
        Index("ix_item_state", "state", "first_seen_at", "id"),
        Index("ix_item_first_seen", "first_seen_at", "id"),
    )
    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    url: str | None = None
    canonical_url: str | None = None
    title: str
    summary: str = ""
    text: str = ""
    published_at: datetime | None = Field(default=None, sa_type=Utc)
    first_seen_at: datetime = Field(sa_type=Utc)
    source: str
    publisher: str
    owner: str
    lang: str = ""
    kind: str
    content_hash: str
    state: str = ItemState.FETCHED
    state_reason: str = ""
    event_id: str | None = Field(default=None, foreign_key="event.id", index=True)
    event_reason: str = ""
    amends: str = Field(default="", sa_column_kwargs={"server_default": ""})
    dated_at: datetime | None = Field(default=None, sa_type=Utc)
    note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    text_hash: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Embedding(SQLModel, table=True):
    """An item's vector, float32 little-endian; the index can be rebuilt from these alone."""

    __tablename__ = "embedding"
    item_number: int = Field(primary_key=True, foreign_key="item.number")
    vector: bytes = Field(sa_type=LargeBinary)


class IndexOutbox(SQLModel, table=True):
    """Vectors the index has not been given yet; written in the embedding's own transaction."""

    __tablename__ = "index_outbox"
    item_number: int = Field(primary_key=True, foreign_key="item.number")


class Event(SQLModel, table=True):
    """One happening; named after the item that opened it, so that a replay names it the same.

    `merged_into` is the event that it turned out to be part of, or "".
    """

    __tablename__ = "event"
    id: str = Field(primary_key=True)
    title: str
    storyline: str = Field(index=True)
    opened_at: datetime = Field(sa_type=Utc, index=True)
    last_at: datetime = Field(sa_type=Utc)
    merged_into: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Regrouping(SQLModel, table=True):
    """Items that went from one event to another: all of them (a merge) or one (a split).

    It holds from `at` on; until it is `settled` the items are still where they were. Append-only.
    """

    __tablename__ = "regrouping"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Utc, index=True)
    kind: str
    from_event: str
    to_event: str
    reason: str
    settled: bool


class Move(SQLModel, table=True):
    """An item that a regrouping moved."""

    __tablename__ = "move"
    regrouping_id: int = Field(primary_key=True, foreign_key="regrouping.id")
    item_number: int = Field(primary_key=True, foreign_key="item.number", index=True)


class Verdict(SQLModel, table=True):
    """What a judge said of an item, with everything needed to know who said it and of what.

    `labels` is a list of {category, stance, p, severity}; empty and `abstained` are different.
    `happening` says in a line who did what when, `known` that the thesis says it already. `gate`
    is what the gate made of it, on a local verdict; `same_as` the item that was judged in this
    one's place, of which it is a copy. In `hindsight`: a model was asked about a day long past.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("item_number", "judge", "model", "prompt_hash", "thesis_version"),
    )
    id: int | None = Field(default=None, primary_key=True)
    item_number: int = Field(foreign_key="item.number", index=True)
    judge: str
    model: str
    prompt_hash: str
    thesis_version: str
    input_hash: str
    relevant: bool
    p_relevant: float
    abstained: bool
    reason: str = ""
    labels: list[dict[str, Any]] = Field(sa_type=JSON)
    recorded_at: datetime = Field(sa_type=Utc)
    happening: str = Field(default="", sa_column_kwargs={"server_default": ""})
    known: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})
    gate: str = Field(default="", sa_column_kwargs={"server_default": ""})
    same_as: int | None = None
    hindsight: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})


class Call(SQLModel, table=True):
    """One call of a language model: what was asked, what came of it, what it cost in dollars.

    `key` names question, rules and model: a settled call with it is never made again, and `hits`
    counts how often its answer served instead. `model` was asked for, `answered_by` answered.
    """

    __tablename__ = "call"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)
    purpose: str
    asked_at: datetime = Field(sa_type=Utc, index=True)
    model: str
    answered_by: str
    prompt_hash: str
    input_hash: str
    attempt: int
    outcome: str
    settled: bool
    detail: str
    text: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost: float
    milliseconds: int
    batch: str
    hits: int = 0


class Batch(SQLModel, table=True):
    """Questions handed over together; `provider_id` is "" until the other side has taken them.

    `mark` is our own name for it, by which it is found again when the reply was lost.
    """

    __tablename__ = "batch"
    mark: str = Field(primary_key=True)
    provider_id: str
    submitted_at: datetime = Field(sa_type=Utc)


class BatchRequest(SQLModel, table=True):
    """A question in a batch, until its answer is a call; what it asks is not asked elsewhere."""

    __tablename__ = "batch_request"
    key: str = Field(primary_key=True)
    mark: str = Field(foreign_key="batch.mark", index=True)
    input_hash: str
    prompt_hash: str
    model: str


class Calibration(SQLModel, table=True):
    """How a judge's stances fell out against labels by hand; `confusion` is [true][said].

    The newest of a judge and model counts.
    """

    __tablename__ = "calibration"
    id: int | None = Field(default=None, primary_key=True)
    judge: str
    model: str
    prompt_hash: str
    gold: str
    confusion: list[list[int]] = Field(sa_type=JSON)
    measured_at: datetime = Field(sa_type=Utc)


class Evidence(SQLModel, table=True):
    """A ledger row: one event on one category. Append-only; the latest row of a pair counts.

    `weight` is the signed, undecayed contribution in nats: min(cap, r g stale |l|) with the sign
    of `strength`; a retraction is a row with stance neutral and weight 0.
    """

    __tablename__ = "evidence"
    __table_args__ = (
        Index("ix_evidence_pair", "thesis_id", "event_id", "category", "id"),
        Index("ix_evidence_recorded", "thesis_id", "recorded_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    thesis_version: str
    event_id: str = Field(foreign_key="event.id")
    category: str
    item_number: int = Field(foreign_key="item.number")
    verdict_id: int = Field(foreign_key="verdict.id")
    stance: str
    severity: int
    strength: float
    reliability: float
    owners: list[str] = Field(sa_type=JSON)
    corroboration: float
    storyline_rank: int
    staleness: float
    cap: float
    half_life_days: float
    self_report: bool
    weight: float
    occurred_at: datetime = Field(sa_type=Utc)
    recorded_at: datetime = Field(sa_type=Utc)
    cause: str


class Snapshot(SQLModel, table=True):
    """The score as a pass left it; `detail` holds pillars and categories in log-odds."""

    __tablename__ = "snapshot"
    __table_args__ = (UniqueConstraint("thesis_id", "as_of"),)
    id: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    thesis_version: str
    as_of: datetime = Field(sa_type=Utc)
    score: float
    low: float
    high: float
    prior: float
    log_odds: float
    status: str
    events: int
    publishers: int
    largest_share: float
    detail: dict[str, Any] = Field(sa_type=JSON)


class ThesisVersion(SQLModel, table=True):
    """The text of every thesis file a verdict or a score was made with."""

    __tablename__ = "thesis_version"
    version: str = Field(primary_key=True)
    thesis_id: str
    text: str
    first_used_at: datetime = Field(sa_type=Utc)


class PromptVersion(SQLModel, table=True):
    """The text of every prompt that a verdict was given by."""

    __tablename__ = "prompt_version"
    version: str = Field(primary_key=True)
    text: str
    first_used_at: datetime = Field(sa_type=Utc)


class Question(SQLModel, table=True):
    """A dated question, what the score said of it when it was posed, and how it came out.

    `probability` is that of its coming true; `came_true` is None while it is open.
    """

    __tablename__ = "question"
    __table_args__ = (UniqueConstraint("thesis_id", "id"),)
    number: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    id: str
    text: str
    effect: str
    by: date
    posed_at: datetime = Field(sa_type=Utc)
    probability: float
    came_true: bool | None = None
    resolved_at: datetime | None = Field(default=None, sa_type=Utc)
    reason: str


class Alert(SQLModel, table=True):
    """One episode of one alert rule; `case` is what it says and by which sources.

    `told_at` and `sent` are when it was last told and how often. One that was `replayed` fired on
    a day long past and was never told.
    """

    __tablename__ = "alert"
    id: str = Field(primary_key=True)
    thesis_id: str = Field(index=True)
    rule: str
    subject: str
    direction: str
    severity: str
    status: str
    began_at: datetime = Field(sa_type=Utc)
    active_at: datetime = Field(sa_type=Utc)
    fired_at: datetime | None = Field(default=None, sa_type=Utc)
    resolved_at: datetime | None = Field(default=None, sa_type=Utc)
    acknowledged_at: datetime | None = Field(default=None, sa_type=Utc)
    snoozed_until: datetime | None = Field(default=None, sa_type=Utc)
    told_at: datetime | None = Field(default=None, sa_type=Utc)
    sent: int
    inhibited_by: str
    replayed: bool
    case: dict[str, Any] = Field(sa_type=JSON)


class AlertChange(SQLModel, table=True):
    """What became of an alert, in order. Append-only but for replays of the same days."""

    __tablename__ = "alert_change"
    id: int | None = Field(default=None, primary_key=True)
    alert_id: str = Field(foreign_key="alert.id", index=True)
    at: datetime = Field(sa_type=Utc)
    change: str
    detail: str


class Silence(SQLModel, table=True):
    """Nobody is told of alerts that `match` (a category, a rule or "*") until it ends."""

    __tablename__ = "silence"
    id: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    match: str
    until: datetime = Field(sa_type=Utc)
    reason: str
    made_at: datetime = Field(sa_type=Utc)


class Message(SQLModel, table=True):
    """What is to be sent over a channel, whole, until it is sent or given up.

    `id` follows from what is told to whom, so that nothing is queued twice. `unsure` counts the
    attempts of which nobody knows whether they arrived. `images` are PNGs in base64 by name.
    """

    __tablename__ = "message"
    id: str = Field(primary_key=True)
    thesis_id: str
    channel: str
    kind: str
    subject: str
    text: str
    html: str
    images: dict[str, str] = Field(sa_type=JSON)
    headers: dict[str, str] = Field(sa_type=JSON, sa_column_kwargs={"server_default": "{}"})
    alerts: list[str] = Field(sa_type=JSON)
    made_at: datetime = Field(sa_type=Utc)
    due_at: datetime = Field(sa_type=Utc, index=True)
    state: str
    attempts: int = 0
    unsure: int = 0
    error: str = ""
    sent_at: datetime | None = Field(default=None, sa_type=Utc)


class Digest(SQLModel, table=True):
    """A digest as it was sent; `day` is the last one it covers, `facts` all it says as values.

    `images` are PNGs in base64 by name.
    """

    __tablename__ = "digest"
    __table_args__ = (UniqueConstraint("thesis_id", "kind", "day"),)
    id: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    kind: str
    day: date
    since: datetime = Field(sa_type=Utc)
    until: datetime = Field(sa_type=Utc)
    language: str
    subject: str
    text: str
    html: str
    facts: dict[str, Any] = Field(sa_type=JSON)
    images: dict[str, str] = Field(sa_type=JSON, sa_column_kwargs={"server_default": "{}"})
    made_at: datetime = Field(sa_type=Utc)


class Conversation(SQLModel, table=True):
    """Questions that belong together: what was said before helps to read the next one."""

    __tablename__ = "conversation"
    id: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    started_at: datetime = Field(sa_type=Utc)


class Turn(SQLModel, table=True):
    """A question and what was answered. `citations` are {n, item_id, url, quote, ...}.

    `mode` says who worded it; `notes` what was left out of the answer and why.
    """

    __tablename__ = "turn"
    id: int | None = Field(default=None, primary_key=True)
    conversation_id: int = Field(foreign_key="conversation.id", index=True)
    asked_at: datetime = Field(sa_type=Utc)
    question: str
    answer: str
    citations: list[dict[str, Any]] = Field(sa_type=JSON)
    refused: bool
    mode: str
    notes: list[str] = Field(sa_type=JSON)


class KpiValue(SQLModel, table=True):
    """A figure of one period as a filing has it; `period_start` is `period_end` for a stock.

    The original of a period has no `restates`; a value that a later filing put in its place is a
    row beside it and names the original's accession. `definition` is the hash of what decides the
    figures, so that a KPI read by other tags is another series.
    """

    __tablename__ = "kpi_value"
    __table_args__ = (UniqueConstraint("thesis_id", "kpi", "definition", "period_end", "value"),)
    id: int | None = Field(default=None, primary_key=True)
    thesis_id: str
    kpi: str
    definition: str
    period_start: date
    period_end: date
    value: float
    unit: str
    tags: list[str] = Field(sa_type=JSON)
    accession: str
    form: str
    filed_at: date
    derivation: str
    restates: str
    recorded_at: datetime = Field(sa_type=Utc)


class SourceState(SQLModel, table=True):
    """What we know of a source's health; a failure is a value here, not a dead run.

    Until `not_before` its answer is fresh, or it asked to be left alone.
    """

    __tablename__ = "source_state"
    name: str = Field(primary_key=True)
    etag: str = ""
    last_modified: str = ""
    last_attempt_at: datetime | None = Field(default=None, sa_type=Utc)
    last_success_at: datetime | None = Field(default=None, sa_type=Utc)
    last_item_at: datetime | None = Field(default=None, sa_type=Utc)
    failures: int = 0
    error: str = ""
    items: int = 0
    not_before: datetime | None = Field(default=None, sa_type=Utc)


class Rejected(SQLModel, table=True):
    """Input that could not become an item, kept so that nothing is lost unseen."""

    __tablename__ = "rejected"
    digest: str = Field(primary_key=True)
    source: str
    line: int
    reason: str
    raw: str
    rejected_at: datetime = Field(sa_type=Utc)


class Job(SQLModel, table=True):
    """What a daemon's job did last; a failure is a value here, not a dead daemon.

    `failures` are those in a row, with the last one's `error`; `said` is what the last run that
    went well says of itself, `seconds` how long the last one took. One that was `started_at` after
    it was `finished_at` runs now, or died.
    """

    __tablename__ = "job"
    name: str = Field(primary_key=True)
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    succeeded_at: datetime | None = Field(default=None, sa_type=Utc)
    failures: int = 0
    error: str = ""
    said: str = ""
    seconds: float = 0.0


class Setting(SQLModel, table=True):
    """What the data folder remembers about itself, such as the embedder that filled it."""

    __tablename__ = "setting"
    key: str = Field(primary_key=True)
    value: str
