"""Secrets in what other programs say: whatever spelling they come back in, they are hidden."""

import base64
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from agent.channels.redaction import LONGEST, SHORTEST, redact
from tests.fuzz.mutation import NASTY
from tests.fuzz.running import fuzz

SECRETS = (
    st.text(min_size=4, max_size=40)
    | st.from_regex(r"(slack|json|mailto)s?://[\w%+/@:.-]{8,60}", fullmatch=True)
    | st.text("\udc80\udcffab/%+=@: ", min_size=4, max_size=20)
)
NOISE = st.text(max_size=20) | st.sampled_from(NASTY)
WAYS = {
    "as it is": lambda secret: secret,
    "quoted": lambda secret: quote(secret, safe=""),
    "as a path": quote,
    "as a form": quote_plus,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "repr": repr,
    "over lines": lambda secret: secret.replace(" ", "\n  "),
}


@st.composite
def said(draw: Any) -> tuple[str, str]:
    """A secret, and words of a server with it."""
    secret = draw(SECRETS)
    try:
        spelled = WAYS[draw(st.sampled_from(list(WAYS)))](secret)
    except UnicodeEncodeError:  # half of a surrogate pair: an environment may hold such bytes
        spelled = secret
    return secret, f"{draw(NOISE)}{draw(st.sampled_from(['', ' ', '/']))}{spelled} {draw(NOISE)}"


def hide(example: tuple[str, str]) -> None:
    """What is left is one short line without the secret."""
    secret, text = example
    if len("".join(secret.split()).strip("*")) < SHORTEST:
        return
    found = redact(text, secret)
    assert len(found) <= LONGEST
    assert "\n" not in found
    assert secret not in found
    assert " ".join(secret.split()) not in found
    try:
        coded = [quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")]
    except UnicodeEncodeError:
        return
    assert not [one for one in coded if one in found]


def test_no_spelling_of_a_secret_is_repeated() -> None:
    fuzz(said(), hide)
