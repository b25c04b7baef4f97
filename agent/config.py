"""config.toml as one frozen tree. Loaded once, in cli; below it travels as values.

Must not read the clock, open the store or import anything slow.
"""

import difflib
import os
import tomllib
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from agent.errors import ConfigError

FILE_NAME = "config.toml"
DOTENV = ".env"


class Section(BaseModel):
    """A table of config.toml: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def can_be_handed_on(cls, value: Any) -> Any:
        """No system takes a path, and no server a name, with a NUL in it."""
        if isinstance(value, str) and "\0" in value:
            raise ValueError("holds a zero character")
        return value


class ThesisSection(Section):
    """Which thesis is watched."""

    file: str = "nvda_short_case"


class DataSection(Section):
    """Where state lives."""

    folder: Path = Path("data")


class EmbeddingSection(Section):
    """How texts become vectors; `timeout` in seconds."""

    kind: Literal["static", "openai"] = "static"
    model: str = "text-embedding-3-small"
    base_url: str = ""
    timeout: Annotated[float, Field(gt=0)] = 30.0


class PriceSection(Section):
    """What a model costs, dollars per million tokens."""

    input: Annotated[float, Field(ge=0)]
    cached: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class JudgeSection(Section):
    """How items are judged.

    Probabilities for the local judge and the gate, `timeout` of a call in seconds, budgets in
    dollars.
    """

    kind: Literal["auto", "local", "llm"] = "auto"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.03
    certainty: Annotated[float, Field(ge=0, lt=1)] = 0.35
    model: str = "gpt-5.4-mini"
    base_url: str = ""
    effort: Literal["", "none", "minimal", "low", "medium", "high"] = "low"
    timeout: Annotated[float, Field(gt=0)] = 60.0
    at_once: Annotated[int, Field(ge=1, le=64)] = 8
    gate: Annotated[float, Field(ge=0, le=1)] = 0.5
    sample: Annotated[float, Field(ge=0, le=1)] = 0.02
    run_budget: Annotated[float, Field(ge=0)] = 2.0
    monthly_budget: Annotated[float, Field(ge=0)] = 20.0
    prices: dict[str, PriceSection] = {
        "gpt-5.4-mini": PriceSection(input=0.75, cached=0.075, output=4.5)
    }


class EventsSection(Section):
    """When two items are the same happening."""

    window_days: Annotated[int, Field(ge=1, le=30)] = 7
    likeness: Annotated[float, Field(ge=0, le=1)] = 0.44


class ReliabilitySection(Section):
    """What a publisher's word is worth, 0.3 to 1 (DESIGN section 6)."""

    default: Annotated[float, Field(ge=0.3, le=1)] = 0.6
    publishers: dict[str, Annotated[float, Field(ge=0.3, le=1)]] = {}


class PricesSection(Section):
    """Daily closes that the score is held against: a CSV file, or an address that gives one."""

    file: str = ""
    url: str = ""
    label: str = "close"


Level = Literal["notice", "warning", "critical"]
Points = Annotated[float, Field(gt=0, lt=100)]


class AlertsSection(Section):
    """When somebody is told.

    `threshold` in nats, `levels`, `margin` and `move_points` in points of the score, `quiet` as
    "22:00-07:00" in `timezone`.
    """

    threshold: Annotated[float, Field(gt=0)] = 6.0
    levels: tuple[Points, ...] = (25.0, 50.0, 75.0)
    margin: Annotated[float, Field(ge=0, lt=50)] = 2.0
    move_points: Points = 4.0
    move_days: Annotated[int, Field(ge=1, le=365)] = 7
    blind_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    keep_days: Annotated[float, Field(ge=0)] = 3.0
    repeat_days: Annotated[float, Field(gt=0)] = 7.0
    timezone: str = "UTC"
    quiet: Annotated[str, Field(pattern=r"^$|^\d\d:\d\d-\d\d:\d\d$")] = ""
    through_quiet: Level = "critical"

    @model_validator(mode="after")
    def times_can_be_read(self) -> Self:
        """The zone exists and the quiet hours are hours of a day."""
        _ = self.zone, self.quiet_hours
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Where the user lives."""
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {self.timezone!r}") from error

    @property
    def quiet_hours(self) -> tuple[time, time] | None:
        """First and last moment of the quiet hours, None without any."""
        if not self.quiet:
            return None
        start, end = (time.fromisoformat(part) for part in self.quiet.split("-"))
        return start, end


class DigestSection(Section):
    """How the digest is written, to which channels it goes and when."""

    language: Literal["en", "zh"] = "en"
    channels: tuple[str, ...] = ()
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"
    weekends: bool = True
    quiet_days: bool = True
    weekly: Literal[
        "", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = ""


class ChannelSection(Section):
    """One way to tell somebody; secrets are in the environment variables it names.

    `timeout` in seconds.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    kind: Literal["email", "push"]
    at_least: Level = "notice"
    to: tuple[str, ...] = ()
    sender: str = ""
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_env: str = ""
    ca_file: Path | None = None
    timeout: Annotated[float, Field(gt=0, le=300)] = 20.0
    url_env: str = ""

    @model_validator(mode="after")
    def can_be_reached(self) -> Self:
        """What its kind cannot do without."""
        needed = {"email": ("host", "sender", "to"), "push": ("url_env",)}[self.kind]
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            raise ValueError(
                f"channel {self.name!r} is of kind {self.kind!r}, needs {missing[0]!r}"
            )
        for address in (*self.to, self.sender) if self.kind == "email" else ():
            if not _is_address(address):
                raise ValueError(f"channel {self.name!r}: {address!r} is no email address")
        if self.username and not self.password_env:
            raise ValueError(f"channel {self.name!r} has a username and needs 'password_env'")
        return self

    @property
    def secret_env(self) -> str:
        """The environment variable that holds its secret, or ""."""
        return self.password_env if self.kind == "email" else self.url_env


def _is_address(text: str) -> bool:
    """Whether mail can be sent to it: `you@example.com` or `You <you@example.com>`."""
    from email.errors import HeaderParseError, MessageError
    from email.headerregistry import Address
    from email.utils import getaddresses

    try:
        ((name, address),) = getaddresses([text])  # of two, mail would go to the first only
        return text.isprintable() and bool(Address(name, addr_spec=address).domain)
    except (ValueError, HeaderParseError, MessageError, IndexError, RecursionError):
        return False


class ChatSection(Section):
    """Questions: the model that words answers, and what one answer may take.

    `steps` are calls of the model, `seconds` for all of them, `tokens` of one.
    """

    model: str = ""
    steps: Annotated[int, Field(ge=1, le=50)] = 8
    seconds: Annotated[float, Field(gt=0)] = 120.0
    tokens: Annotated[int, Field(ge=100)] = 3000


Minutes = Annotated[int, Field(ge=1, le=10080)]


class ScheduleSection(Section):
    """How often the daemon looks at sources of each kind, and keeps a score; in minutes."""

    feeds: Minutes = 15
    papers: Minutes = 180
    filings: Minutes = 15
    files: Minutes = 5
    score: Minutes = 60


class RetentionSection(Section):
    """For how many days what nothing rests on is kept; 0 is for ever."""

    text_days: Annotated[int, Field(ge=0)] = 365
    refused_days: Annotated[int, Field(ge=0)] = 90
    mail_days: Annotated[int, Field(ge=0)] = 90


class MonitoringSection(Section):
    """How a daemon shows that it is alive; the address to ping is in the variable `ping_env`."""

    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    ping_env: str = ""
    log_megabytes: Annotated[float, Field(gt=0)] = 5.0
    log_files: Annotated[int, Field(ge=1, le=100)] = 5


class HttpSection(Section):
    """How sources are fetched.

    `timeout` and `interval` (between two requests to one host) in seconds, `max_bytes` after
    decompression, `retries` of what may work a moment later.
    """

    user_agent: str = "thesiswatch/0.1 (+mailto:you@example.com)"
    timeout: Annotated[float, Field(gt=0)] = 20.0
    max_bytes: Annotated[int, Field(gt=0)] = 5_000_000
    allow_private: tuple[str, ...] = ()
    interval: Annotated[float, Field(ge=0)] = 1.0
    retries: Annotated[int, Field(ge=0, le=5)] = 2


class SourceSection(Section):
    """One place items come from."""

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["feed", "file", "arxiv", "edgar"]
    url: str = ""
    path: Path | None = None
    query: str = ""
    forms: tuple[str, ...] = ("8-K", "10-Q", "10-K", "6-K", "20-F", "S-1")
    publisher: str = ""
    items: Literal["news", "paper", "filing", "release"] = "news"
    categories: tuple[str, ...] = ()
    lang: str = ""
    full_text: bool = False

    @model_validator(mode="after")
    def has_an_address(self) -> Self:
        """What its kind cannot do without: a feed `url`, a file `path`, arXiv a `query`."""
        needed = {"feed": "url", "file": "path", "arxiv": "query"}.get(self.kind)
        if needed and not getattr(self, needed):
            raise ValueError(f"source {self.name!r} is of kind {self.kind!r} and needs {needed!r}")
        return self


class Config(Section):
    """The whole of config.toml; `folder` is where it was read from."""

    thesis: ThesisSection = ThesisSection()
    data: DataSection = DataSection()
    embedding: EmbeddingSection = EmbeddingSection()
    judge: JudgeSection = JudgeSection()
    events: EventsSection = EventsSection()
    reliability: ReliabilitySection = ReliabilitySection()
    prices: PricesSection = PricesSection()
    alerts: AlertsSection = AlertsSection()
    digest: DigestSection = DigestSection()
    chat: ChatSection = ChatSection()
    schedule: ScheduleSection = ScheduleSection()
    retention: RetentionSection = RetentionSection()
    monitoring: MonitoringSection = MonitoringSection()
    http: HttpSection = HttpSection()
    sources: tuple[SourceSection, ...] = ()
    channels: tuple[ChannelSection, ...] = ()
    folder: Path = Field(default=Path(), exclude=True)
    openai_api_key: SecretStr | None = Field(default=None, exclude=True)
    secrets: dict[str, SecretStr] = Field(default={}, exclude=True)

    @model_validator(mode="after")
    def names_are_unique(self) -> Self:
        """Two sources, or channels, may not share a name: their state would be mixed up."""
        for what, parts in (("sources", self.sources), ("channels", self.channels)):
            names = [part.name for part in parts]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"two {what} are called {name!r}")
        for name in self.digest.channels:
            if name not in [channel.name for channel in self.channels]:
                raise ValueError(f"[digest] channels names {name!r}, which is no channel")
        return self

    @property
    def data_folder(self) -> Path:
        """Absolute path of the data folder."""
        return (self.folder / self.data.folder).resolve()

    def resolve(self, path: Path) -> Path:
        """A path of the file, made absolute from the file's folder."""
        return (self.folder / path).resolve()


def load(path: Path) -> Config:
    """Read `path`; raises ConfigError naming the key and the nearest known one."""
    text = _read(path)
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOML's own, a number or a nest too big to read
        raise ConfigError(f"{path} is not valid TOML: {error}", "Correct that line") from error
    return parse(raw, path)


def data_folder_of(path: Path) -> Path:
    """The data folder of `path`, or its default, whatever else the file says that is refused.

    A daemon goes on as before an edit that it cannot use: whoever looks for it must find it.
    """
    try:
        said = tomllib.loads(_read(path)).get("data")
    except (ValueError, RecursionError):
        said = None
    named = said.get("folder") if isinstance(said, dict) else None
    folder = Path(named) if isinstance(named, str) else DataSection().folder
    return (path.resolve().parent / folder).resolve()


def parse(raw: dict[str, Any], path: Path) -> Config:
    """Turn the tables of `path` into a Config, adding what the environment holds."""
    reserved = {"folder", "openai_api_key", "secrets"} & raw.keys()
    if reserved:
        raise ConfigError(
            f"{path}: {sorted(reserved)[0]!r} may not be set here",
            "Secrets are read from the environment, paths from [data] folder",
        )
    folder = path.resolve().parent
    known = {
        **_dotenv(folder / DOTENV),
        **{name: text for name, text in os.environ.items() if text},
    }
    key = known.get("OPENAI_API_KEY")
    try:
        found = Config(**raw, folder=folder, openai_api_key=key or None)
    except ValidationError as error:
        raise _explain(error, path) from error
    wanted = {channel.secret_env for channel in found.channels} | {found.monitoring.ping_env}
    secrets = {name: SecretStr(value) for name in wanted if (value := known.get(name))}
    return found.model_copy(update={"secrets": secrets})


def default_text() -> str:
    """The commented config.toml that ships with the program."""
    here = Path(__file__).parent
    for candidate in (here / FILE_NAME, here.parent / FILE_NAME):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise ConfigError("the bundled config.toml is missing", "Reinstall thesiswatch")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # editors of Windows put a mark before it
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no {path}",
            "Run `thesis init` to write one, or name yours with --config",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Check the file") from error


def _dotenv(path: Path) -> dict[str, str | None]:
    """What a .env file sets, as values: two configurations in one process must not mix."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Check the file") from error


def _explain(error: ValidationError, path: Path) -> ConfigError:
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    keys = [str(part) for part in first["loc"]]
    name = ".".join(keys)
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(keys[-1], _known(keys[:-1]), n=1, cutoff=0.0)
        hint = f"Did you mean {near[0]!r}?" if near else "Delete it"
        return ConfigError(f"{path}: unknown key {name!r}", hint)
    place = f"{path}: {name}" if name else str(path)
    return ConfigError(f"{place}: {_said(first)}", "Correct that value")


def _said(fault: Any) -> str:
    """What pydantic says of a value, or one of our checks: what it quotes stays as it is."""
    said = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    return said[:1].lower() + said[1:]


def _known(parents: list[str]) -> list[str]:
    """Names a table may hold, found by walking the models along `parents`."""
    model: type[BaseModel] = Config
    for part in parents:
        if part in model.model_fields:  # else a place in a list, or a name of the user's own
            inner = model.model_fields[part].annotation
            kinds = [one for one in (inner, *get_args(inner)) if isinstance(one, type)]
            model = next((one for one in kinds if issubclass(one, BaseModel)), model)
    hidden = {name for name, field in model.model_fields.items() if field.exclude}
    return [name for name in model.model_fields if name not in hidden]
