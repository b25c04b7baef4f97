"""The daemon's log: no secret in it however it is spelled, every line whole, the disk's fate."""

import base64
import html
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from agent import config as configuration
from agent.config import Config, MonitoringSection
from agent.daemon import logs
from agent.daemon.logs import FILE_NAME, JsonLine, PlainLine, Redaction
from agent.errors import StoreError
from tests.disks import small_disk
from tests.feed_server import FeedServer

SECRET = "p@ss/wörd+\"quo'ted\\ & 100%~"  # pragma: allowlist secret
ADDRESS = "slack://TokenAAAA/TokenBBBB/Tok%2FenC+C/#channel"


def knowing(*secrets: str) -> Redaction:
    """A redaction that was told of these."""
    made = Redaction()
    held = {f"S{n}": SecretStr(one) for n, one in enumerate(secrets)}
    made.learn(Config().model_copy(update={"secrets": held}))
    return made


class Log:
    """The log of a folder while it is kept; `small` makes it rotate soon."""

    def __init__(self, folder: Path, *secrets: str, **chosen: Any) -> None:
        self.folder = folder
        self.stream = io.StringIO()
        self.redaction = knowing(*secrets)
        section = MonitoringSection(**chosen)
        self.started = logs.start(folder, section, self.redaction, self.stream)

    @property
    def raw(self) -> str:
        """Every byte that was written anywhere."""
        return "".join(path.read_text() for path in self.files) + self.stream.getvalue()

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    @property
    def lines(self) -> list[dict[str, Any]]:
        text = (self.folder / FILE_NAME).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    @property
    def shown(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Callable[..., Log]]:
    """Keeps a log that knows these secrets, to the end of the test."""
    kept: list[Log] = []

    def start(*secrets: str, folder: Path | None = None, **chosen: Any) -> Log:
        kept.append(Log(folder or tmp_path / "logs", *secrets, **chosen))
        return kept[-1]

    yield start
    for one in reversed(kept):
        logs.stop(one.started)


# No secret, wherever it comes in


def failing(secret: str) -> Exception:
    """An error that carries a secret in each of its parts, as it was raised."""
    try:
        try:
            raise KeyError(secret)
        except KeyError as cause:
            cause.add_note(f"asked with {secret}")
            raise ValueError(f"no entry for {secret!r}") from cause
    except ValueError as error:
        return error


def with_its_locals(secret: str) -> str:
    """A traceback that tells the value of every variable, as some libraries print it."""
    error = failing(secret)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format())


def raising_source(secret: str, folder: Path) -> Exception:
    """An error out of a line of a program in which somebody wrote the secret."""
    path = folder / "written.py"
    path.write_text(f"login = {secret!r} and 1 / 0\n", encoding="utf-8")
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {})  # noqa: S102
    except ZeroDivisionError as error:
        return error
    raise AssertionError("it divides by nothing")


PLACES: dict[str, Callable[[str], None]] = {
    "the message": lambda secret: logs.info(f"signed in with {secret}"),
    "an argument": lambda secret: logging.getLogger("other").error("sent %s of %d", secret, 3),
    "a named argument": lambda secret: logging.getLogger("other").error("%(k)r", {"k": secret}),
    "a field": lambda secret: logs.warn("refused", reply=secret),
    "a nested field": lambda secret: logs.warn("refused", reply={"said": [1, (secret, {secret})]}),
    "a name of a field": lambda secret: logs.warn("refused", reply={secret: {secret: 1}}),
    "bytes": lambda secret: logs.warn("refused", reply=b"401 " + secret.encode()),
    "bytes in a message": lambda secret: logs.warn(f"refused {secret.encode()!r}"),
    "an object": lambda secret: logs.warn("refused", reply=SimpleNamespace(text=secret)),
    "an error": lambda secret: logs.error("failed", error=ValueError(secret)),
    "a traceback": lambda secret: logs.error("failed", trace=failing(secret)),
    "its locals": lambda secret: logs.error("failed", error=with_its_locals(secret)),
    "a library's name": lambda secret: logging.getLogger(secret).error("failed"),
}


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "sk-proj-0123456789abcdef",  # pragma: allowlist secret
        "密钥密钥密钥密钥",
        "a\nb\tc\rd",
    ],
)
@pytest.mark.parametrize("place", PLACES)
def test_secret_is_hidden_wherever_it_comes_in(
    log: Callable[..., Log], place: str, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = log(secret)
    PLACES[place](secret)
    assert len(kept.lines) == 1
    assert "***" in kept.raw
    for one in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], repr(secret.encode())[2:-1]):
        assert one not in kept.raw
        assert one not in str(kept.lines)
    assert capsys.readouterr() == ("", "")


def test_line_of_a_program_that_holds_a_secret_is_not_shown_with_it(
    log: Callable[..., Log], tmp_path: Path
) -> None:
    kept = log(SECRET)
    logs.error("failed", trace=raising_source(SECRET, tmp_path))
    assert "written.py" in kept.raw
    assert "and 1 / 0" in kept.raw
    assert repr(SECRET)[1:-1] not in kept.raw


def test_traceback_says_where_and_why_without_the_secret(log: Callable[..., Log]) -> None:
    kept = log(SECRET)
    logs.error("failed", trace=failing(SECRET))
    (line,) = kept.lines
    assert line["trace"].count("Traceback") == 2
    assert "ValueError: no entry for" in line["trace"]
    assert line["trace"].count("***") >= 3


def test_number_that_is_a_secret_is_hidden_and_others_are_numbers(log: Callable[..., Log]) -> None:
    kept = log("12345678", "31.4159265")
    logs.info("sent", code=12345678, ratio=31.4159265, count=1234567, share=0.5, done=True, by=None)
    (line,) = kept.lines
    assert (line["code"], line["ratio"]) == ("***", "***")
    assert (line["count"], line["share"], line["done"], line["by"]) == (1234567, 0.5, True, None)


# No secret, however it is spelled


def basic(secret: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"me:{secret}".encode()).decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quoted for a path": quote,
    "quoted whole": lambda secret: quote(secret, safe=""),
    "quoted for a form": quote_plus,
    "quoted in lower case": lambda secret: _lowered(quote(secret, safe="")),
    "quoted twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "quoted by httpx": lambda secret: str(httpx.URL("https://x.example", params={"k": secret})),
    "JSON": lambda secret: json.dumps({"key": secret}),
    "JSON with its letters": lambda secret: json.dumps({"key": secret}, ensure_ascii=False),
    "JSON with its slashes": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"key": secret})),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "ASCII": ascii,
    "HTML": html.escape,
    "HTML by numbers": lambda s: html.escape(s).encode("ascii", "xmlcharrefreplace").decode(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64 in an address": lambda secret: quote(base64.b64encode(secret.encode()), safe=""),
    "base64 behind a name": basic,
    "base64 as SMTP has it": lambda s: base64.b64encode(f"\0you@me\0{s}".encode()).decode(),
    "base64 of JSON": lambda s: base64.b64encode(f'{{"k": "{s}", "n": 1}}'.encode()).decode(),
    "Bearer": lambda secret: f"{{'authorization': 'Bearer {secret}', 'accept': '*/*'}}",
}


def _lowered(quoted: str) -> str:
    """Its percent escapes in lower case, as some write them."""
    head, *rest = quoted.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def formatted(redaction: Redaction, event: str, **fields: Any) -> tuple[dict[str, Any], str]:
    """A line of the file, read back, and one of the stream."""
    record = logging.LogRecord(logs.LOGGER, logging.INFO, "", 0, event, (), None)
    record.fields = fields
    return json.loads(JsonLine(redaction).format(record)), PlainLine(redaction).format(record)


printable = st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" ")
secrets = st.text(printable, min_size=8, max_size=24) | st.text(
    st.sampled_from("ab/+\\\"'%&<> é密😀"), min_size=8, max_size=16
)


@given(secrets, st.sampled_from(sorted(SPELLINGS)), st.sampled_from("event field name".split()))
def test_no_spelling_of_a_printable_secret_of_eight_gets_through(
    secret: str, spelling: str, place: str
) -> None:
    assume(secret == secret.strip())
    said = SPELLINGS[spelling](secret)
    redaction = knowing(secret)
    given = {"event": f"x {said} y"} | ({place: {said: said}} if place != "event" else {})
    line, shown = formatted(redaction, given.pop("event"), **given)
    values = json.dumps(line, ensure_ascii=False)
    assert "***" in values
    assert "***" in shown
    for hidden in {secret, said} if said not in ("***", "") else {secret}:
        assert hidden not in str(line)
        assert hidden not in values
        assert hidden not in shown


@pytest.mark.parametrize(
    "piece", ["TokenAAAA", "TokenBBBB", "Tok/enC+C", "Tok%2fenC%2BC", "VG9rZW5BQUFB"]
)
def test_no_part_of_a_secret_address_is_shown(piece: str) -> None:
    line, shown = formatted(knowing(ADDRESS), f"POST https://hooks.example/services/{piece} 404")
    assert piece not in str(line)
    assert piece not in shown
    assert "hooks.example" in shown


@pytest.mark.parametrize(
    "said",
    [
        "key sk-svcacct-AbCdEf012345 was refused",  # pragma: allowlist secret
        "AKIAIOSFODNN7EXAMPLE",  # pragma: allowlist secret
        "xoxb-2345678901-abcdefgh",  # pragma: allowlist secret
        "ghp_0123456789abcdefghij0123456789abcdef",  # pragma: allowlist secret
        "{'authorization': 'Bearer eyJhbGciOi.J9', 'accept': '*/*'}",
        "Authorization: Basic bWU6c2VjcmV0",
        "authorization: bearer abcdef0123",
        "could not open https://me:hunter2hunter2@feeds.example/rss",  # pragma: allowlist secret
        "http://10.0.0.1:3128 behind "
        "http://me:hunter2hunter2@proxy:3128/",  # pragma: allowlist secret
    ],
)
def test_what_is_shaped_like_a_secret_is_hidden_though_nobody_told_of_it(said: str) -> None:
    _, shown = formatted(Redaction(), said)
    assert "***" in shown
    for secret in ("AbCdEf", "AKIA", "xoxb-2", "ghp_0", "eyJ", "bWU6", "abcdef0", "hunter2"):
        assert secret not in shown


def test_what_is_cut_off_or_told_in_two_parts_is_beyond_it() -> None:
    """Said honestly: whoever logs a secret in pieces gets it logged."""
    line, _ = formatted(
        knowing("correct-horse-42"), "key correct-hor...", a="correct-", b="horse-42"
    )
    assert line["event"] == "key correct-hor..."
    assert line["a"] + line["b"] == "correct-horse-42"


def test_words_that_are_no_secret_are_shown_as_they_are() -> None:
    said = "12 new items from 3 of 4 sources; «DeepSeek» 密, 100% & more at https://x.example/a?b=c"
    line, shown = formatted(knowing(SECRET, ADDRESS), said, error=said)
    assert line["event"] == line["error"] == said
    assert shown.endswith(f"{said} error={said}")


# Secrets that are known without being told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with a channel and a ping, and their secrets in .env beside it."""
    (tmp_path / configuration.FILE_NAME).write_text(
        '[monitoring]\nping_env = "PING"\n\n'
        '[[channels]]\nname = "chat"\nkind = "push"\nurl_env = "CHAT_URL"\n\n'
        '[[channels]]\nname = "mail"\nkind = "email"\nto = ["you@example.com"]\n'
        'sender = "t@example.com"\nhost = "mail.example.com"\nusername = "me"\n'
        'password_env = "MAIL_PASSWORD"\n',
        encoding="utf-8",
    )
    (tmp_path / ".env").write_text(
        f"PING=https://ping.example/5f0c-77aa\nCHAT_URL={ADDRESS}\nMAIL_PASSWORD=correct-horse-42\n"
        "OPENAI_API_KEY=local-key-of-no-known-shape\nUNUSED=nobody-asks-for-this\n",
        encoding="utf-8",
    )
    return tmp_path


def learned(folder: Path, redaction: Redaction | None = None) -> Redaction:
    made = redaction or Redaction()
    made.learn(configuration.load(folder / configuration.FILE_NAME))
    return made


@pytest.mark.parametrize(
    "secret",
    ["5f0c-77aa", "TokenAAAA", "correct-horse-42", "local-key-of-no-known-shape"]
    + [base64.b64encode(b"\0me\0correct-horse-42").decode()],
)
def test_secrets_of_the_env_file_are_hidden(folder: Path, secret: str) -> None:
    line, shown = formatted(learned(folder), f"it said {secret}", reply=secret)
    assert secret not in str(line) + shown


def test_secret_that_no_key_of_the_configuration_names_is_hidden_by_its_own_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SERVICE_TOKEN", "tok-tok-tok-1")
    monkeypatch.setenv("PROXY_PASSWORD", "correct horse")
    monkeypatch.setenv("HOME_TOWN", "Gormenghast")
    _, shown = formatted(learned(folder), "tok-tok-tok-1, correct%20horse, Gormenghast")
    assert shown.endswith("***, ***, Gormenghast")


def test_secret_of_an_edit_is_hidden_from_then_on_and_those_of_before_stay_so(folder: Path) -> None:
    redaction = learned(folder)
    env = folder / ".env"
    text = env.read_text(encoding="utf-8")
    env.write_text(text.replace("correct-horse-42", "battery-staple-7"), encoding="utf-8")
    _, shown = formatted(learned(folder, redaction), "correct-horse-42, then battery-staple-7")
    assert shown.endswith("***, then ***")


# Other programs in this process


def test_address_that_a_library_logs_is_hidden(
    log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = log("s3cret-t0ken", "very secret/path")
    monkeypatch.setattr(logging.getLogger("httpx"), "level", logging.INFO)
    logging.getLogger("httpx").manager._clear_cache()  # type: ignore[attr-defined]
    with FeedServer() as server:
        place = "/very%20secret%2Fpath?token=s3cret-t0ken"  # pragma: allowlist secret
        httpx.get(server.url(place))
    (line,) = kept.lines
    assert (line["by"], line["event"].count("***")) == ("httpx", 2)
    assert "127.0.0.1" in line["event"]
    assert "s3cret" not in kept.raw


def test_nothing_that_apprise_ever_says_tells_an_address(
    log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise import Apprise

    host = "json://me:s3cret-t0ken@127.0.0.1:9"  # pragma: allowlist secret
    address = f"{host}/hooks/very-secret-path?rto=1&cto=1"
    kept = log(address)
    for name in ("apprise", "urllib3"):
        monkeypatch.setattr(logging.getLogger(name), "level", 1)
    logging.getLogger("apprise").manager._clear_cache()  # type: ignore[attr-defined]
    service = Apprise()
    assert service.add(address)
    assert not service.notify("hello")
    assert len(kept.lines) > 10
    assert "HTTPConnectionPool" in kept.raw
    for secret in ("s3cret-t0ken", "very-secret-path"):
        assert secret not in kept.raw


def test_record_that_its_library_formats_wrongly_is_kept_and_clean(
    log: Callable[..., Log], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = log(SECRET)
    record = logging.LogRecord("other", logging.ERROR, "", 0, "%d of %d", (SECRET, 2), None)
    for handler in kept.started.handlers:
        handler.handle(record)
    assert [line["event"] for line in kept.lines] == ["%d of %d ('***', 2)"]
    assert SECRET not in kept.raw
    assert capsys.readouterr() == ("", "")


# Lines


HOSTILE = "a\x1b[31m\x9b2J\nFAKE 2026-01-01 error\r\u2028\u202e\x00\x7f tail"


def test_half_a_character_is_spelled_out() -> None:
    record = logging.LogRecord(logs.LOGGER, logging.INFO, "", 0, "half \ud800", None, None)
    line = logs.JsonLine(logs.Redaction()).format(record)
    assert line.isascii()
    assert json.loads(line)["event"] == "half \ud800"


def test_each_line_of_the_file_is_an_object_and_nothing_in_it_steers_a_terminal(
    log: Callable[..., Log],
) -> None:
    kept = log()
    logs.info(HOSTILE, reply=HOSTILE, more={HOSTILE: [HOSTILE]}, ratio=float("nan"))
    logs.error("failed", trace=ValueError(HOSTILE), job="judge")
    raw = (kept.folder / FILE_NAME).read_text(encoding="ascii")
    assert raw.count("\n") == len(kept.lines) == 2
    assert all(one.isprintable() for one in raw.replace("\n", ""))
    assert (kept.lines[0]["reply"], kept.lines[0]["ratio"]) == (HOSTILE, "nan")
    assert kept.lines[1]["trace"].startswith("ValueError: a")
    assert {"at", "level", "event"} <= kept.lines[0].keys()
    assert kept.lines[1]["level"] == "error"


def test_line_on_the_stream_is_one_line_without_control_characters(
    log: Callable[..., Log],
) -> None:
    kept = log()
    logs.warn(HOSTILE, reply=HOSTILE, nothing="", job="judge")
    logs.error("failed", trace=failing("why"), job="judge")
    first, second = kept.shown
    assert first.isprintable()
    assert "warning" in first
    assert "nothing=" not in first
    assert first.endswith("job=judge")
    assert second.endswith("Z error   failed job=judge")


def test_line_that_lacks_its_end_spoils_none_after_it(log: Callable[..., Log]) -> None:
    kept = log()
    logs.info("before")
    logs.stop(kept.started)
    path = kept.folder / FILE_NAME
    path.write_bytes(path.read_bytes()[:-9])
    again = log()
    logs.info("after")
    cut, whole = path.read_text(encoding="utf-8").splitlines()
    assert cut.startswith('{"at"')
    assert json.loads(whole)["event"] == "after"
    assert again.shown[0].endswith("after")


def test_value_without_end_is_cut_after_it_was_cleaned() -> None:
    line, _ = formatted(knowing(SECRET), "x" * (logs.LONGEST - 5) + SECRET)
    assert line["event"] == "x" * (logs.LONGEST - 5) + "***"
    assert len(formatted(Redaction(), "x" * 99_999)[0]["event"]) == logs.LONGEST


# The file


def test_log_rotates_at_its_size_and_keeps_so_many_files_for_its_owner_alone(
    log: Callable[..., Log],
) -> None:
    kept = log(log_megabytes=0.01, log_files=3)
    for n in range(100):
        logs.info("a line", n=n, pad="x" * 900)
    assert [path.name for path in kept.files] == [
        FILE_NAME,
        *(f"{FILE_NAME}.{n}" for n in (1, 2, 3)),
    ]
    assert {path.stat().st_mode & 0o777 for path in kept.files} == {0o600}
    assert all(path.stat().st_size <= 10_000 for path in kept.files)
    rows = [json.loads(line) for path in kept.files for line in path.read_text().splitlines()]
    assert sorted(row["n"] for row in rows) == list(range(100 - len(rows), 100))


def test_folder_of_the_log_is_for_its_owner_alone(log: Callable[..., Log]) -> None:
    assert log().folder.stat().st_mode & 0o777 == 0o700


def test_full_disk_loses_lines_of_the_file_and_nothing_else(
    log: Callable[..., Log], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        kept = log(SECRET, folder=disk.place / "logs", log_megabytes=0.02, log_files=2)
        logs.info("before")
        disk.fill(4096)
        for n in range(60):
            logs.info("meanwhile", n=n, pad="x" * 500, key=SECRET)
        assert len(kept.shown) == 61
        disk.free_all()
        logs.info("after")
        assert kept.lines[0]["event"] == "before"
        assert kept.lines[-1]["event"] == "after"
        disk.fill(100)
        for n in range(20):
            logs.info("again", n=n, pad="x" * 500)
        logs.stop(kept.started)
        assert capsys.readouterr() == ("", "")


def test_stream_that_is_gone_does_not_stop_the_file(
    log: Callable[..., Log], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = log()
    kept.stream.close()
    logs.info("still here")
    assert [line["event"] for line in kept.lines] == ["still here"]
    assert capsys.readouterr() == ("", "")


def test_folder_that_cannot_be_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError, match=str(tmp_path)):
        logs.start(tmp_path / "logs", MonitoringSection(), Redaction(), io.StringIO())


def test_stopped_it_leaves_logging_as_it_was(log: Callable[..., Log]) -> None:
    names = (logs.LOGGER, "apscheduler")
    before = [*logging.getLogger().handlers], [logging.getLogger(name).level for name in names]
    kept = log()
    assert logging.getLogger(logs.LOGGER).isEnabledFor(logging.INFO)
    assert not logging.getLogger("apscheduler").isEnabledFor(logging.WARNING)
    logs.stop(kept.started)
    logs.error("said to nobody")
    levels = [logging.getLogger(name).level for name in names]
    assert ([*logging.getLogger().handlers], levels) == before
    assert (kept.lines, kept.shown) == ([], [])
