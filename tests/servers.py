"""Real servers on the loopback: an OpenAI-compatible embedding endpoint that can misbehave."""

import base64
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np

from tests.loopback import Loopback, QuietHandler

Answer = tuple[int, Any]
DIMENSION = 8


class EmbeddingServer(Loopback):
    """Answers POST /v1/embeddings; `asked` holds the texts of every request, `keys` its keys.

    `refuse(words)`      400 for a request in which a text has these words
    `fail(status, n)`    the next n requests get this status
    `bend(change)`       `change` is given the rows of an answer and gives back the whole body
    """

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.keys: list[str] = []
        self.models: list[str] = []
        self._refused = ""
        self._refusal = 400
        self._failures: list[int] = []
        self._bend: Callable[[list[dict[str, Any]]], Any] | None = None
        outer = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.keys.append(self.headers["authorization"])
                outer._send(self, *outer._answer(self.path, body))

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def refuse(self, words: str, status: int = 400) -> None:
        self._refused, self._refusal = words, status

    def fail(self, status: int, times: int) -> None:
        self._failures = [status] * times

    def bend(self, change: Callable[[list[dict[str, Any]]], Any]) -> None:
        self._bend = change

    def _answer(self, path: str, body: dict[str, Any]) -> Answer:
        texts = body["input"]
        self.asked.append(texts)
        self.models.append(body["model"])
        if path != "/v1/embeddings":
            return 404, {"error": {"message": f"no {path}"}}
        if self._failures:
            return self._failures.pop(), {"error": {"message": f"failed on {self.keys[-1]}"}}
        if self._refused and any(self._refused in text for text in texts):
            return self._refusal, {"error": {"message": f"refused; you sent {self.keys[-1]}"}}
        rows = [_row(i, text, body.get("encoding_format")) for i, text in enumerate(texts)]
        if self._bend:
            return 200, self._bend(rows)
        return 200, {"object": "list", "model": body["model"], "data": rows}

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
        text = isinstance(body, str)
        data = (body if text else json.dumps(body)).encode()
        handler.send_response(status)
        handler.send_header("content-type", "text/html" if text else "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.send_header("retry-after-ms", "1")
        handler.end_headers()
        handler.wfile.write(data)


def vector_of(text: str) -> np.ndarray:
    """The vector that the server gives a text: not of unit length, so that we must make it so."""
    return np.array([1 + text.count(letter) for letter in "aeiounst"], dtype=np.float32)


def _row(index: int, text: str, encoding: str | None) -> dict[str, Any]:
    vector: Any = vector_of(text)
    spelled = base64.b64encode(vector.tobytes()).decode() if encoding == "base64" else None
    return {"object": "embedding", "index": index, "embedding": spelled or vector.tolist()}
