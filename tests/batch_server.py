"""A loopback server that plays the Batch API: files, batches, answers, and lost replies."""

import json
import re
from collections.abc import Callable
from threading import Lock
from typing import Any

from tests.chat_server import Behaviour, completion, judgement, says
from tests.loopback import Loopback, QuietHandler

Edit = Callable[[list[str]], list[str]]


class BatchServer(Loopback):
    """Takes batches and answers them when told to; `paid` counts answered questions by name.

    `finish(status)`   every running batch ends so; only the first `share` of it is answered
    `always(behaviour)` how a question is answered
    `lose_reply`       the next batch is made and its reply lost
    `edit`             what happens to the lines of an answer file
    `refuse`           a status that everything is answered with
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.batches: list[dict[str, Any]] = []
        self.paid: list[str] = []
        self.lose_reply = False
        self.refuse = 0
        self.edit: Edit = lambda lines: lines
        self._always: Behaviour = says(judgement())
        self._lock = Lock()
        outer = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                outer._handle(self, "POST", self.rfile.read(length))

            def do_GET(self) -> None:
                outer._handle(self, "GET", b"")

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def always(self, behaviour: Behaviour) -> None:
        self._always = behaviour

    def asked(self, batch: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The bodies of a batch's questions by name."""
        rows = map(json.loads, self.files[batch["input_file_id"]].splitlines())
        return {row["custom_id"]: row["body"] for row in rows}

    def finish(self, status: str = "completed", share: float = 1.0) -> None:
        for batch in self.batches:
            if batch["status"] != "in_progress":
                continue
            questions = list(self.asked(batch).items())
            answered = [] if status == "failed" else questions[: round(share * len(questions))]
            lines = []
            for name, body in answered:
                code, said = self._always(body)
                response = {"status_code": code, "request_id": "r", "body": said}
                lines.append(json.dumps({"id": "x", "custom_id": name, "response": response}))
                self.paid.append(name)
            output = f"file-out-{batch['id']}"
            self.files[output] = "\n".join(self.edit(lines)) + "\n"
            batch |= {"status": status, "output_file_id": output if lines else None}
            counts = {"total": len(questions), "completed": len(lines), "failed": 0}
            batch["request_counts"] = counts

    def _handle(self, handler: Any, method: str, data: bytes) -> None:
        with self._lock:
            path, _, query = handler.path.partition("?")
            status, body = self._answer(method, path.removeprefix("/v1"), query, data)
        if body is None:
            handler.close_connection = True
            handler.connection.close()
            return
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _answer(self, method: str, path: str, query: str, data: bytes) -> tuple[int, Any]:
        if self.refuse:
            return self.refuse, {"error": {"message": "Incorrect API key provided: sk-secret"}}
        if (method, path) == ("POST", "/files"):
            found = re.search(rb'filename="[^"]*"\r\n.*?\r\n\r\n(.*)\r\n--', data, re.S)
            assert found
            name = f"file-{len(self.files)}"
            self.files[name] = found[1].decode()
            file = {"id": name, "object": "file", "bytes": 1, "created_at": 0}
            return 200, {**file, "filename": "f", "purpose": "batch", "status": "processed"}
        if (method, path) == ("POST", "/batches"):
            batch = self._made(json.loads(data))
            lost, self.lose_reply = self.lose_reply, False
            return 200, None if lost else batch
        if path == "/batches":
            after = re.search(r"after=([\w-]+)", query)
            ids = [batch["id"] for batch in self.batches]
            start = ids.index(after[1]) + 1 if after else 0
            page = self.batches[start : start + 2]
            more = start + 2 < len(self.batches)
            return 200, {"object": "list", "data": page, "has_more": more}
        if found_file := re.fullmatch(r"/files/([\w-]+)/content", path):
            return 200, self.files[found_file[1]]
        wanted = path.removeprefix("/batches/")
        return 200, next(batch for batch in self.batches if batch["id"] == wanted)

    def _made(self, asked: dict[str, Any]) -> dict[str, Any]:
        batch = {"id": f"batch-{len(self.batches)}", "object": "batch", "created_at": 0}
        batch |= {**asked, "status": "in_progress", "output_file_id": None}
        batch |= {"request_counts": {"total": 0, "completed": 0, "failed": 0}}
        self.batches.append(batch)
        return batch


__all__ = ["BatchServer", "completion"]
