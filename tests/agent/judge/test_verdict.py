"""What a judge is given: a text and an id to answer under, nothing that could leak."""

from dataclasses import fields

from agent.judge import Judgeable


def test_judge_sees_the_text_and_an_id_alone() -> None:
    assert [field.name for field in fields(Judgeable)] == ["id", "text"]


def test_input_hash_is_of_the_text_and_not_of_the_id() -> None:
    assert Judgeable("a", "text").input_hash == Judgeable("b", "text").input_hash
    assert Judgeable("a", "text").input_hash != Judgeable("a", "text.").input_hash
