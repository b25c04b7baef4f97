"""Secrets stay out of what other programs say, however they spell them."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.channels.redaction import redact

ADDRESS = "slack://TokenAAAA/TokenBBBB/Tok%2FenC+C/#channel"


@pytest.mark.parametrize(
    "said",
    [
        f"could not open {ADDRESS}",
        "404 for https://hooks.example/services/TokenAAAA/TokenBBBB",
        "bad token Tok/enC+C",
        f"Authorization: Basic {base64.b64encode(b'TokenAAAA').decode()}",
        f"got {quote('Tok/enC+C', safe='')}",
    ],
)
def test_no_part_of_an_address_is_repeated(said: str) -> None:
    found = redact(said, ADDRESS)
    assert "***" in found
    assert not [
        part for part in ("TokenAAAA", "TokenBBBB", "enC+C", "VG9rZW5BQUFB") if part in found
    ]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_password_is_hidden_in_every_spelling(password: str) -> None:
    plain = base64.b64encode(f"\0me\0{password}".encode()).decode()
    said = (
        f"x {password} y {base64.b64encode(password.encode()).decode()} z {plain} {quote(password)}"
    )
    found = redact(said, password)
    assert password not in found
    assert plain not in found


def test_password_of_words_is_hidden_where_a_line_breaks_in_it() -> None:
    found = redact("bad login: correct\n  horse\tbattery staple", "correct horse  battery staple")
    assert found == "bad login: ***"


def test_bytes_that_are_no_text_are_hidden_too() -> None:
    secret = b"p\xffss/word".decode(errors="surrogateescape")
    coded = base64.b64encode(b"p\xffss/word").decode()
    assert redact(f"{secret} {coded} p%FFss%2Fword", secret) == "*** *** ***"


def test_host_stays_so_that_the_reader_knows_where() -> None:
    secret = "json://user:password@hooks.example:8443/path"  # pragma: allowlist secret
    found = redact("no route to hooks.example:8443", secret)
    assert "hooks.example" in found


def test_said_on_one_line_and_not_too_long() -> None:
    assert redact("a\nb\r\nc", "") == "a b c"
    assert len(redact("x" * 9999, "")) == 300
