"""Behaviours for tests.chat_server that stream: words, tool calls, and streams that break."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.chat_server import USAGE, Behaviour

STEP = 9
"""Characters to a chunk: sentences and marks are torn apart anywhere."""


def streams(text: str) -> Behaviour:
    """Say `text` in small pieces."""
    pieces = [text[i : i + STEP] for i in range(0, len(text), STEP)]
    return _streaming([{"content": piece} for piece in pieces], "stop")


def calls(tool: str, **arguments: Any) -> Behaviour:
    """Ask for a tool."""
    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": tool, "arguments": json.dumps(arguments)},
    }
    return _streaming([{"tool_calls": [call]}], "tool_calls")


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
            handler.send_response(200)
            handler.send_header("content-type", "text/event-stream")
            length = "" if finish else "1000000"
            if length:
                handler.send_header("content-length", length)
            handler.end_headers()
            for delta in deltas:
                _event(handler, {"index": 0, "delta": {"role": "assistant", **delta}})
            if finish:
                _event(handler, {"index": 0, "delta": {}, "finish_reason": finish})
                _event(handler, None)
                handler.wfile.write(b"data: [DONE]\n\n")
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
    handler.wfile.write(f"data: {json.dumps(body)}\n\n".encode())
    handler.wfile.flush()
