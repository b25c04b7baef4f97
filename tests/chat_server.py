"""A real OpenAI-compatible chat endpoint on the loopback that behaves as a script tells it to."""

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import Any

from tests.loopback import Loopback, QuietHandler

Behaviour = Callable[[dict[str, Any]], tuple[int, Any]]
"""What was asked -> (status, body); a body that is a function gets the handler."""
USAGE = {
    "prompt_tokens": 2000,
    "completion_tokens": 90,
    "prompt_tokens_details": {"cached_tokens": 1536},
}


def label(quote: str, category: str = "training_efficiency", **more: Any) -> dict[str, Any]:
    """A label as a well-behaved model gives it."""
    said = {"reason": "It says so.", "quote": quote, "category": category, "stance": "supports"}
    return {**said, "severity": 2, "claim": "", **more}


def judgement(*labels: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A whole answer; relevant when it has labels."""
    event = "A laboratory published a model" if labels else ""
    said = {"event": event, "relevant": bool(labels), "novelty": "new", "labels": list(labels)}
    return {**said, **more}


def completion(content: Any, **more: Any) -> dict[str, Any]:
    """The body of a 200; `content` that is not text is written as JSON."""
    text = content if isinstance(content, str | None) else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": more.pop("refusal", None)}
    choice = {"index": 0, "message": message, "finish_reason": more.pop("finish", "stop")}
    body = {"id": "c", "object": "chat.completion", "created": 0, "model": "small-1"}
    return {**body, "choices": [choice], "usage": USAGE, **more}


def says(content: Any, **more: Any) -> Behaviour:
    """Answer with this content."""
    return lambda asked: (200, completion(content, **more))


def fails(status: int, message: str = "no") -> Behaviour:
    """Answer with an error."""
    return lambda asked: (status, {"error": {"message": message}})


class ChatServer(Loopback):
    """Answers POST /v1/chat/completions; `asked` holds the body of every request.

    `script(...)`        the next requests get these behaviours, one each, in order
    `always(behaviour)`  every request after the script gets this; without it, "not relevant"
    With `keeps_alive` a connection serves one request after the other, as real endpoints do.
    `stall`              a behaviour that ends when the other side or the server hangs up
    """

    def __init__(self, *, keeps_alive: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.retry_after = "0"
        self._script: list[Behaviour] = []
        self._always: Behaviour = says(judgement())
        self._lock = Lock()
        outer = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1" if keeps_alive else "HTTP/1.0"
            timeout = 1.0  # for the next request on a connection that is kept

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer._lock:
                    outer.keys.append(self.headers["authorization"])
                    outer.asked.append(asked)
                    behaviour = outer._script.pop(0) if outer._script else outer._always
                outer._send(self, *behaviour(asked))

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, *behaviours: Behaviour) -> None:
        self._script = list(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        self._always = behaviour

    def stall(self, asked: dict[str, Any]) -> tuple[int, Any]:
        self.closing.wait(30)
        return 200, completion(judgement())

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
        if callable(body):
            body(handler)
            return
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.send_header("retry-after", self.retry_after)
        handler.send_header("retry-after-ms", "1" if self.retry_after == "0" else "")
        handler.end_headers()
        handler.wfile.write(data)


def item_of(asked: dict[str, Any]) -> str:
    """The item that a request is about, as it stands between its marks."""
    found = re.search(
        r"\[item (\w+)\]\n(.*)\n\[end of item \1\]", asked["messages"][1]["content"], re.S
    )
    assert found
    return found[2]
