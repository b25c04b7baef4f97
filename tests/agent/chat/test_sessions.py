"""Conversations are kept, taken up again, and written out with their sources."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.chat.answer import PLAIN, Answer, Citation
from agent.chat.sessions import Session
from agent.errors import StoreError
from agent.workspace import reading, writer_lock
from tests.agent.chat.conftest import NOW

ONE = Citation(1, "i1", "https://v.example/a", "its words", "A title", "Reuters", "2025-01-27", "c")
TWO = Citation(2, "", "", "The thesis stands.", "score", "", "", "thesis score")
ANSWER = Answer("It says so. [1]\n- And this. [2]", (ONE, TWO), False, PLAIN, ("a note",))


def test_conversation_is_taken_up_where_it_was_left(copied: Callable[..., Path]) -> None:
    with reading(copied()) as workspace:
        first = Session(workspace)
        first.add("one?", ANSWER, NOW)
        first.add("two?", ANSWER, NOW + timedelta(minutes=1))
        Session(workspace).add("other?", ANSWER, NOW + timedelta(minutes=2))
        first.add("three?", ANSWER, NOW + timedelta(minutes=3))
        again = Session.last(workspace)
        assert again.turns == [(question, ANSWER) for question in ("one?", "two?", "three?")]
        again.add("four?", ANSWER, NOW + timedelta(minutes=4))
        assert [turn.question for turn in again.before] == ["one?", "two?", "three?", "four?"]


def test_first_conversation_begins_empty(copied: Callable[..., Path]) -> None:
    with reading(copied()) as workspace:
        assert Session.last(workspace).turns == []


def test_turn_is_kept_while_a_pass_holds_the_folder(copied: Callable[..., Path]) -> None:
    path = copied()
    with reading(path) as workspace, writer_lock(path.parent / "data"):
        Session(workspace).add("now?", ANSWER, NOW)
        assert len(Session.last(workspace).turns) == 1


def test_turn_that_cannot_be_kept_was_still_said(
    copied: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with reading(copied()) as workspace:
        session = Session(workspace)
        with monkeypatch.context() as broken:
            broken.setattr("store.conversations.add", full)
            with pytest.raises(StoreError):
                session.add("one?", ANSWER, NOW)
        assert session.turns == [("one?", ANSWER)]
        session.add("two?", ANSWER, NOW)
        assert [question for question, _ in Session.last(workspace).turns] == ["two?"]


def test_export_has_every_word_and_every_source(copied: Callable[..., Path]) -> None:
    with reading(copied()) as workspace:
        session = Session(workspace)
        session.add("what?", ANSWER, NOW)
        text = session.as_markdown()
    lines = ("It says so. [1]", "- And this. [2]")
    for said in ("## what?", *lines, "<https://v.example/a>", "`thesis score`", "_a note_"):
        assert said in text


def test_export_is_read_as_words_and_nothing_else(copied: Callable[..., Path]) -> None:
    evil = "![x](https://track.example/p.png) <script>alert(1)</script> **b** # h"
    with reading(copied()) as workspace:
        session = Session(workspace)
        one = replace(ONE, title=evil, publisher=evil)
        session.add(evil, replace(ANSWER, text=f"- {evil} [1]", citations=(one,)), NOW)
        text = session.as_markdown()
    assert not re.search(r"(?<!\\)[<!]\w*(?<!\\)[\[s]", text.replace("<https://v.example/a>", ""))
    assert "<script" not in text.replace("\\<", "")
