"""A look at 500 feeds beside `reader` (lemon24/reader) updating the same ones, in turn.

Promise: at least as many items a second. A server of its own process plays the feeds. Both store
what they read in SQLite; neither waits between requests, as all of them go to one host here.
"""

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

FEEDS, ENTRIES = 500, 10
ROUNDS = 3
NOW = datetime(2025, 1, 27, 12, tzinfo=UTC)
ENTRY = """<item><guid>{feed}-{n}</guid><title>Feed {feed} says {n} times that chips sell</title>
<link>https://feed{feed}.example/{n}</link><pubDate>Mon, 27 Jan 2025 08:{n:02}:00 GMT</pubDate>
<description>The cloud firms of place {feed} bought {n} more of them.</description></item>"""


def run() -> None:
    """Print both throughputs and their ratio."""
    command = [sys.executable, "-m", "benchmarks.feeds"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base = server.stdout.readline().strip()
        try:
            times = [(_ours(base), _reader(base)) for _ in range(ROUNDS)]
        finally:
            server.kill()
    ours, peer = (FEEDS * ENTRIES / median(side) for side in zip(*times, strict=True))
    print(f"{FEEDS} feeds: {ours:,.0f} items/s, reader {peer:,.0f} items/s")
    print(f"ratio {ours / peer:.2f} (promised at least 1)")


def _ours(base: str) -> float:
    from agent.collecting import collect
    from agent.workspace import writing

    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "config.toml"
        rows = "".join(
            f'[[sources]]\nname = "s{n}"\nkind = "feed"\nurl = "{base}/{n}"\n' for n in range(FEEDS)
        )
        config.write_text(
            f'[http]\nallow_private = ["127.0.0.1"]\ninterval = 0\n{rows}', encoding="utf-8"
        )
        with writing(config) as workspace:
            started = time.perf_counter()
            got, failures = collect(workspace, NOW)
            seconds = time.perf_counter() - started
    assert (got.new, failures) == (FEEDS * ENTRIES, ())
    return seconds


def _reader(base: str) -> float:
    import feedparser_sgmllib

    sys.modules.setdefault("sgmllib", feedparser_sgmllib)  # reader's own copy asks for the old name
    from reader import make_reader

    with tempfile.TemporaryDirectory() as name, make_reader(f"{name}/reader.sqlite") as reader:
        for n in range(FEEDS):
            reader.add_feed(f"{base}/{n}")
        started = time.perf_counter()
        reader.update_feeds(workers=8)
        seconds = time.perf_counter() - started
        assert reader.get_entry_counts().total == FEEDS * ENTRIES
    return seconds


class _Feeds(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """A feed for any path; its number is the path."""
        feed = self.path.strip("/")
        rows = "".join(ENTRY.format(feed=feed, n=n) for n in range(ENTRIES))
        body = (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>Feed {feed}</title>'
            f"<link>https://feed{feed}.example/</link>{rows}</channel></rss>"
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/rss+xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: this is no place for a log."""


if __name__ == "__main__":
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Feeds)
    print(f"http://127.0.0.1:{listener.server_port}", flush=True)
    listener.serve_forever()
