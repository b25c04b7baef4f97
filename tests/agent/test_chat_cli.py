"""`thesis ask` and `thesis chat` as a person and a script meet them."""

import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent.chat.answer import PLAIN, Answer, Citation
from agent.chat.answering import Chat, Showing
from agent.chat.sessions import Session
from agent.chat_page import plain, show, sources, words
from agent.chat_terminal import Terminal
from agent.workspace import reading
from store import private
from store.database import FILE_NAME
from store.vectors import FOLDER, WATERMARK
from tests.agent.chat.conftest import NOW, copied, demo_config  # noqa: F401  # fixtures
from tests.chat_server import ChatServer
from tests.command import thesis
from tests.talk_server import calls, streams

Copied = Callable[..., Path]
READY = "\x1b[?2004h"
"""What a line that waits for its reader begins with."""
EVIL = "a\x1b[31mb\u202ec [x](javascript:y) **bold** `code` <b> # head\x07"


def test_answer_is_words_then_sources_and_pipes_clean(copied: Copied) -> None:  # noqa: F811
    done = thesis("ask", "Who invested in Tenstorrent?", "--config", copied())
    assert done.code == 0
    assert "\x1b" not in done.out
    lines = done.out.splitlines()
    assert re.match(r"- Bezos invests in Tenstorrent .*\[1\]$", lines[1])
    assert re.match(r"\[1\] Bezos invests .* https://www\.bloomberg\.com/", lines[2])


def test_json_is_the_contract(copied: Copied) -> None:  # noqa: F811
    answer = thesis("ask", "Who invested in Tenstorrent?", "--json", "--config", copied()).json
    assert {"answer", "citations", "refused"} <= set(answer)
    assert {"n", "item_id", "url", "quote"} <= set(answer["citations"][0])
    assert answer["refused"] is False


def test_question_may_come_from_a_pipe_and_a_past_day_may_be_asked(
    copied: Copied,  # noqa: F811
) -> None:
    path = copied()
    question = b"How strong is the thesis?"
    done = thesis("ask", "-", "--as-of", "2025-01-27", "--config", path, stdin=question)
    score = thesis("score", "--as-of", "2025-01-27", "--json", "--config", path).json["score"]
    assert f"{score:.1f} of 100 as of 2025-01-27" in done.out


def test_refusal_is_an_answer_and_nothing_is_a_mistake(copied: Copied) -> None:  # noqa: F811
    path = copied()
    done = thesis("ask", "What did Positron say?", "--json", "--config", path)
    assert (done.code, done.json["refused"]) == (0, True)
    assert thesis("ask", " ", "--config", path).code == 2
    assert thesis("ask", "x", "--as-of", "soon", "--config", path).code == 2


def test_folder_without_data_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    done = thesis("ask", "anything", "--config", tmp_path / "config.toml")
    assert done.code == 1
    assert "there is no data" in done.err


def test_questions_of_a_pipe_are_answered_one_a_line(copied: Copied) -> None:  # noqa: F811
    path = copied()
    given = (
        b"/score\nWho invested in Tenstorrent?\n/show 1\n/nonsense\n/show 9\n/quit\nnever asked\n"
    )
    done = thesis("chat", "--as-of", "2025-04-30", "--config", path, stdin=given)
    assert done.code == 0
    assert "The thesis stands at" in done.out
    assert "Bezos invests in Tenstorrent" in done.out
    assert "there is no command '/nonsense'" in done.out
    assert "the last answer has no source '9'" in done.out
    assert "never asked" not in done.out


def test_commands_look_things_up_and_write_them_out(
    copied: Copied,  # noqa: F811
    tmp_path: Path,
) -> None:
    path, out = copied(), tmp_path / "out.md"
    given = (
        "/why between 2025-01-24 and 2025-01-28\n/for training efficiency\n/against\n/fronts\n"
        f"/kpis\n/alerts\n/sources\n/help\n/export {out}\n/why soon\n/for nothing\n/open 1\n"
        f"/export {tmp_path / 'no' / 'x.md'}\n/new\n/show 1\n"
    )
    done = thesis("chat", "--as-of", "2025-04-30", "--config", path, stdin=given.encode())
    assert done.code == 0
    text = out.read_text(encoding="utf-8")
    for said in ("2025-01-24 to the end of 2025-01-28", "For the thesis:", "Against the thesis:"):
        assert said in text
    assert "'soon' is no day or period" in done.out
    assert "there is no front 'nothing'" in done.out
    assert "cannot be written" in done.out
    assert done.out.count("/export") >= 1


def test_conversation_goes_on(copied: Copied) -> None:  # noqa: F811
    path = copied()
    thesis("ask", "How strong is the thesis?", "--config", path)
    thesis("ask", "Who invested in Tenstorrent?", "--continue", "--config", path)
    out = path.parent / "out.md"
    thesis("chat", "--continue", "--config", path, stdin=f"/export {out}\n".encode())
    text = out.read_text(encoding="utf-8")
    assert text.index("How strong is the thesis?") < text.index("Who invested in Tenstorrent?")
    again = thesis("chat", "--continue", "--config", path, stdin=f"/export {out}\n".encode())
    assert "cannot be written: File exists" in again.out


def test_answer_is_given_even_if_it_cannot_be_kept(copied: Copied) -> None:  # noqa: F811
    path = copied()
    with closing(sqlite3.connect(path.parent / "data" / FILE_NAME)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = thesis("ask", "Who invested in Tenstorrent?", "--config", path)
    assert done.code == 0
    assert "Bezos invests in Tenstorrent" in done.out
    assert "the answer was not kept" in done.err


def test_index_that_is_no_text_is_survived(copied: Copied) -> None:  # noqa: F811
    path = copied()
    (path.parent / "data" / FOLDER / WATERMARK).write_bytes(b"\xff\xfe\x00" * 99)
    done = thesis("ask", "Who invested in Tenstorrent?", "--config", path)
    assert done.code == 0
    assert "Bezos invests in Tenstorrent" in done.out


def test_items_are_found_by_chinese_words(copied: Copied) -> None:  # noqa: F811
    rows = thesis("items", "--match", "昇腾", "--json", "--config", copied()).json
    assert rows
    assert all("昇腾" in row["title"] for row in rows)


def test_command_that_takes_nothing_says_so(copied: Copied) -> None:  # noqa: F811
    done = thesis("chat", "--config", copied(), stdin=b"/kpis all\n")
    assert "/kpis takes nothing behind it" in done.out


def test_stop_during_a_command_ends_the_command_alone(copied: Copied) -> None:  # noqa: F811
    with reading(copied()) as workspace:
        terminal = Terminal(Stopped(workspace), Session(workspace), lambda: NOW)
        assert terminal.take("/why 7d")
        assert terminal.take("why?")


class Stopped(Chat):
    """A chat in which Ctrl-C is pressed at once."""

    def ask(self, *_: object, **__: object) -> Answer:
        raise KeyboardInterrupt

    def look(self, *_: object, **__: object) -> Answer:
        raise KeyboardInterrupt


def test_tool_of_any_name_is_only_shown(copied: Copied) -> None:  # noqa: F811
    class Odd(Chat):
        def ask(self, *_: object, showing: Showing | None = None, **__: object) -> Answer:
            assert showing is not None
            showing.step("x[/b]\x1b[31m")
            return Answer("Nothing.", (), True, PLAIN)

    with reading(copied()) as workspace:
        assert Terminal(Odd(workspace), Session(workspace), lambda: NOW).take("anything?")


def test_hostile_words_steer_no_screen(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    one = Citation(1, "i", "https://v.example/a", EVIL, EVIL, EVIL, "2025-01-27", EVIL)
    answer = Answer(f"- {EVIL} [1]\n1. {EVIL} [1]", (one,), False, PLAIN, (EVIL,))
    console = Console(width=80, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(words(answer.text))
        console.print(sources(answer))
    page = captured.get()
    show(answer)
    piped = capsys.readouterr()
    for text in (page, piped.out, piped.err):
        assert not re.search(r"\x1b\[31m|\u202e|\x07", text)
        links = re.findall(r"\x1b\]8;[^;]*;([^\x1b]*)\x1b", text)
        assert set(links) <= {"", "https://v.example/a"}
    shown = " ".join(re.sub(r"\x1b\[[\d;]*m", "", page).split())
    assert "[x](javascript:y) **bold** `code` <b> # head" in shown
    assert max(len(line) for line in page.splitlines()) <= 80 + 20
    assert plain("a\nb\x1bc") == "a\nbc"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://v.example/a", "https://v.example/a"),
        ("HTTP://v.example/a", "HTTP://v.example/a"),
        ("file:///etc/passwd", ""),
        ("javascript:alert(1)", ""),
        ("--new-window", ""),
        ("", ""),
    ],
)
def test_a_browser_is_sent_to_web_pages_only(url: str, page: str) -> None:
    assert Citation(1, "i", url, "", "", "", "", "thesis show i").page == page


def test_a_title_cannot_pass_for_a_second_source(capsys: pytest.CaptureFixture[str]) -> None:
    title = "One\u2028[2] Two\x0b[3] Three"
    one = Citation(1, "i", "https://v.example/a", "", title, "", "", "thesis show i")
    show(Answer("It is so [1]", (one,), False, PLAIN))
    assert capsys.readouterr().out.count("\n") == 2


class Person:
    """Somebody at a terminal: types, and waits for what the screen says."""

    def __init__(self, path: Path, *more: str) -> None:
        self.master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent", "chat", "--config", str(path), *more],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)
        self.seen = ""

    def types(self, text: str) -> None:
        os.write(self.master, text.encode())

    def reads(self, wanted: str, seconds: float = 40.0) -> str:
        """Everything since the last time, once `wanted` is in it."""
        ends = time.monotonic() + seconds
        while wanted not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"{wanted!r} did not come: {self.seen[-2000:]!r}"
            try:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:
                break
            if "\x1b[6n" in self.seen:  # where is the cursor? a terminal answers
                self.seen = self.seen.replace("\x1b[6n", "")
                os.write(self.master, b"\x1b[1;1R")
        text, self.seen = self.seen, ""
        return text

    def leaves(self) -> int:
        """How it left; what it still says is read, or it would wait for that."""
        with suppress(OSError):
            while os.read(self.master, 65536):
                pass
        return self._process.wait(30)

    def ends(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self.master)


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_person_asks_completes_and_stops_an_answer(copied: Copied) -> None:  # noqa: F811
    with ChatServer() as server:
        path = copied(f'[judge]\nbase_url = "{server.url}"\n')
        server.script(
            calls("search_evidence", query="Bezos invests in Tenstorrent, valuation"),
            streams("Bezos invests in Tenstorrent at a $2.6 billion valuation [1]."),
            server.stall,
        )
        person = Person(path, "--as-of", "2025-04-30")
        try:
            person.reads("ask, or /help")
            person.reads(">")
            person.types("Who invested in Tenstorrent?\r")
            page = person.reads("bloomberg.com")
            assert "$2.6 billion" in page
            person.types("And what now?\r")
            deadline = time.monotonic() + 20
            while len(server.asked) < 3 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.3)
            person.types("\x03")
            person.reads("stopped")
            person.types("/sc")
            person.reads("/score")
            person.types("ore\r")
            person.reads("The thesis stands")
            person.reads(READY)
            person.types("\x04")
            assert person.leaves() == 0
        finally:
            person.ends()
    history = path.parent / "data" / "chat_history"
    assert "Who invested in Tenstorrent?" in history.read_text(encoding="utf-8")
    assert not private.is_loose(history)
