"""Behaviours for tests.chat_server that stream: words, tool calls, and streams that break."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.chat_server import USAGE, Behaviour, ChatServer

STEP = 9
"""Characters to a chunk: sentences and marks are torn apart anywhere."""


def streams(text: str) -> Behaviour:
    """Say `text` in small pieces."""
    pieces = [text[i : i + STEP] for i in range(0, len(text), STEP)]
    return _streaming([{"content": piece} for piece in pieces], "stop")


def calls(tool: str, times: int = 1, **arguments: Any) -> Behaviour:
    """Ask for a tool, or so often in one message."""
    asked = [
        {
            "index": n,
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": tool, "arguments": json.dumps(arguments)},
        }
        for n in range(times)
    ]
    return _streaming([{"tool_calls": [call]} for call in asked], "tool_calls")


def ends(text: str, reason: str) -> Behaviour:
    """Say `text` and end for a reason, such as "length"."""
    return _streaming([{"content": text}] if text else [], reason)


def stalls(text: str, server: ChatServer) -> Behaviour:
    """Say `text` and then nothing more, until the server ends."""

    def behave(asked: dict[str, Any]) -> tuple[int, Any]:
        def send(handler: BaseHTTPRequestHandler) -> None:
            _begin(handler)
            _event(handler, {"index": 0, "delta": {"role": "assistant", "content": text}})
            server.closing.wait(30)

        return 200, send

    return behave


def answers(write: Callable[[str], str]) -> Behaviour:
    """Say what `write` makes of what the tools returned last."""

    def behave(asked: dict[str, Any]) -> tuple[int, Any]:
        told = [one["content"] for one in asked["messages"] if one["role"] == "tool"]
        return streams(write(told[-1] if told else ""))(asked)

    return behave


def breaks(text: str) -> Behaviour:
    """Say `text` and hang up in the middle."""
    pieces = [text[i : i + STEP] for i in range(0, len(text), STEP)]
    return _streaming([{"content": piece} for piece in pieces], "")


def _streaming(deltas: list[dict[str, Any]], finish: str) -> Behaviour:
    def behave(asked: dict[str, Any]) -> tuple[int, Any]:
        assert asked["stream"] is True

        def send(handler: BaseHTTPRequestHandler) -> None:
            _begin(handler)
            for delta in deltas:
                _event(handler, {"index": 0, "delta": {"role": "assistant", **delta}})
            if finish:
                _event(handler, {"index": 0, "delta": {}, "finish_reason": finish})
                _event(handler, None)
                _chunk(handler, b"data: [DONE]\n\n")
                _chunk(handler, b"")
            else:
                handler.close_connection = True

        return 200, send

    return behave


def _event(handler: BaseHTTPRequestHandler, choice: dict[str, Any] | None) -> None:
    body: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "small-1",
        "choices": [choice] if choice else [],
    }
    if choice is None:
        body["usage"] = {**USAGE, "total_tokens": 2090}
    _chunk(handler, f"data: {json.dumps(body)}\n\n".encode())


def _begin(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"  # chunks are none of 1.0's
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()


def _chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    """A piece, of which the other side knows that it is whole; the empty one is the last."""
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.wfile.flush()
