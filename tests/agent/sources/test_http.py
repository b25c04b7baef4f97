"""The guarded client against a real server, and the addresses it must never reach."""

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import Any

import pytest

from agent.config import HttpSection
from agent.errors import SourceError
from agent.sources.connection import is_public
from agent.sources.http import REDIRECTS, Client
from agent.sources.politeness import Sleep
from tests.feed_server import FeedServer

LOCAL = ("127.0.0.1",)
PUBLIC = "93.184.216.34"

HOSTILE_URLS = [
    # loopback and this host, in every spelling that a resolver takes
    ("http://127.0.0.1/", "not a public address"),
    ("http://127.0.0.53/", "not a public address"),
    ("http://127.1/", "not a public address"),
    ("http://2130706433/", "not a public address"),
    ("http://0177.0.0.1/", "Invalid IPv4 address"),
    ("http://0x7f000001/", "not a public address"),
    ("http://0x7f.1/", "not a public address"),
    ("http://0.0.0.0/", "not a public address"),
    ("http://0/", "not a public address"),
    ("http://[::1]/", "not a public address"),
    ("http://[::]/", "not a public address"),
    ("http://public.example@127.0.0.1/", "not a public address"),
    ("http://public.example\\@127.0.0.1/", "not a public address"),
    # private, shared, link-local and the metadata services of the clouds
    ("http://10.0.0.5/", "not a public address"),
    ("http://172.16.3.4/", "not a public address"),
    ("http://192.168.1.1/", "not a public address"),
    ("http://3232235777/", "not a public address"),
    ("http://100.64.0.1/", "not a public address"),
    ("http://100.127.255.254/", "not a public address"),
    ("http://169.254.169.254/latest/meta-data/", "not a public address"),
    ("http://192.0.0.192/opc/v2/", "not a public address"),
    ("http://[fe80::1]/", "not a public address"),
    ("http://[fd00:ec2::254]/", "not a public address"),
    ("http://[fec0::1]/", "not a public address"),
    # IPv4 in the clothes of IPv6
    ("http://[::ffff:127.0.0.1]/", "not a public address"),
    ("http://[::ffff:10.0.0.1]/", "not a public address"),
    ("http://[::127.0.0.1]/", "not a public address"),
    ("http://[64:ff9b::7f00:1]/", "not a public address"),
    ("http://[64:ff9b::a9fe:a9fe]/", "not a public address"),
    ("http://[64:ff9b:1::1]/", "not a public address"),
    ("http://[2002:7f00:1::]/", "not a public address"),
    ("http://[2001:0:7f00:1::1]/", "not a public address"),
    # multicast, reserved, examples
    ("http://224.0.0.1/", "not a public address"),
    ("http://255.255.255.255/", "not a public address"),
    ("http://240.0.0.1/", "not a public address"),
    ("http://192.0.2.7/", "not a public address"),
    ("http://[ff02::1]/", "not a public address"),
    ("http://[2001:db8::1]/", "not a public address"),
    # a name of which only one address is private
    ("http://half.example/", "half.example is at 10.1.2.3"),
    ("http://nowhere.example/", "cannot be resolved"),
    # not the web, or no address at all
    ("file:///etc/passwd", "not an http(s) address"),
    ("ftp://public.example/feed", "not an http(s) address"),
    ("gopher://public.example/", "not an http(s) address"),
    ("data:text/xml,<rss/>", "not an http(s) address"),
    ("public.example/feed", "not an http(s) address"),
    ("//public.example/feed", "not an http(s) address"),
    ("http://", "not an http(s) address"),
    ("http:///feed", "not an http(s) address"),
    ("", "not an http(s) address"),
    ("http://[::1", "Invalid"),
    ("http://public.example:port/", "Invalid port"),
    ("http://public.example/\r\nX-Injected: 1", "Invalid"),
    ("http://" + "a" * 70_000, "too long"),
]


class Names:
    """A resolver that knows a few names and reads numbers; `asked` counts the questions."""

    def __init__(self, **known: list[str]) -> None:
        self.asked: list[str] = []
        self._known = {f"{name}.example": found for name, found in known.items()}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host in self._known:
            return self._known[host]
        return [str(entry[4][0]) for entry in _numeric(host, port)]


_system = socket.getaddrinfo  # as it was before conftest guards it: numbers never leave the machine


def _numeric(host: str, port: int) -> list:
    return _system(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(names: Names | None = None, sleep: Sleep = time.sleep, **settings: object) -> Client:
        given = {"timeout": 5.0, "allow_private": LOCAL, "interval": 0.0, "retries": 0}
        section = HttpSection.model_validate({**given, **settings})
        made.append(Client(section, names, sleep))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(("url", "reason"), HOSTILE_URLS, ids=[u[:50] for u, _ in HOSTILE_URLS])
def test_hostile_address_is_refused_with_its_reason(
    client: Callable[..., Client], url: str, reason: str
) -> None:
    names = Names(half=[PUBLIC, "10.1.2.3"])
    with pytest.raises(SourceError) as refused:
        client(names, allow_private=()).get("s", url)
    assert reason in refused.value.message
    assert refused.value.source == "s"
    assert refused.value.way_out


@pytest.mark.parametrize(
    "address", ["8.8.8.8", PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]
)
def test_public_address_is_let_through(address: str) -> None:
    assert is_public(address)


def test_allowed_private_host_is_let_through(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "hello")
    assert client().get("s", server.url()).body == b"hello"


def test_allowing_one_private_host_allows_no_other(
    client: Callable[..., Client], server: FeedServer
) -> None:
    with pytest.raises(SourceError, match="not a public address"):
        client(Names(other=["127.0.0.1"])).get("s", server.url(host="other.example"))
    assert server.seen == []


def test_connection_goes_to_the_address_that_was_checked(client: Callable[..., Client]) -> None:
    """A name that turns private between check and connection gains nothing."""
    names = Names(rebinding=[PUBLIC])
    with pytest.raises(AssertionError, match=f"tried to .* '{PUBLIC}'"):
        client(names).get("s", "http://rebinding.example/")
    assert names.asked == ["rebinding.example"]


def test_server_is_told_the_name_and_not_the_address(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "hello")
    names = Names(intranet=["127.0.0.1"])
    answer = client(names, allow_private=("intranet.example",)).get(
        "s", server.url(host="intranet.example")
    )
    assert answer.body == b"hello"
    assert answer.url == server.url(host="intranet.example")
    assert server.seen[0][1]["host"] == f"intranet.example:{server.port}"


def test_second_address_is_tried_when_the_first_is_dead(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "hello")
    names = Names(twice=["::1", "127.0.0.1"])  # the server listens on IPv4 alone
    answer = client(names, allow_private=("twice.example",)).get(
        "s", server.url(host="twice.example")
    )
    assert answer.body == b"hello"


def test_tls_asks_for_the_name_and_not_the_address(client: Callable[..., Client]) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, pytest.raises(OSError):  # it has no certificate to show
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, args=(listener,))
        thread.start()
        names = Names(secure=["127.0.0.1"])
        port = listener.getsockname()[1]
        with pytest.raises(SourceError):
            client(names, allow_private=("secure.example",)).get(
                "s", f"https://secure.example:{port}/"
            )
        thread.join()
    assert asked == ["secure.example"]


def test_redirect_is_followed(client: Callable[..., Client], server: FeedServer) -> None:
    server.redirect("/old", "/new")
    server.put("/new", "moved")
    answer = client().get("s", server.url("/old"))
    assert (answer.body, answer.url) == (b"moved", server.url("/new"))


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254, which is not a public"),
        ("http://inner.example/", "10.1.2.3, which is not a public"),
        ("//10.0.0.1/", "10.0.0.1, which is not a public"),
        ("file:///etc/passwd", "not an http(s) address"),
        ("http://[::1", "Invalid"),
    ],
)
def test_each_hop_of_a_redirect_is_checked_again(
    client: Callable[..., Client], server: FeedServer, target: str, reason: str
) -> None:
    server.redirect("/a", "/b")
    server.redirect("/b", target)
    with pytest.raises(SourceError) as refused:
        client(Names(inner=["10.1.2.3"])).get("s", server.url("/a"))
    assert reason in refused.value.message
    assert [path for path, _ in server.seen] == ["/a", "/b"]


def test_redirects_in_a_circle_end(client: Callable[..., Client], server: FeedServer) -> None:
    server.redirect("/a", "/a")
    with pytest.raises(SourceError, match="more than 5 redirects"):
        client().get("s", server.url("/a"))
    assert len(server.seen) == REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [(404, "correct the url"), (410, "correct the url"), (403, "drop the source")]
    + [(code, "tried again") for code in (400, 429, 500, 503)],
)
def test_refusal_is_an_error_with_advice(
    client: Callable[..., Client], server: FeedServer, status: int, advice: str
) -> None:
    server.put("/feed", "<rss/>", status=status)
    with pytest.raises(SourceError, match=f"answered {status}") as refused:
        client().get("s", server.url())
    assert advice in refused.value.way_out


def test_marks_come_back_and_are_sent_again(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "x", etag='"1"', last_modified="Mon, 27 Jan 2025 00:00:00 GMT")
    one = client()
    first = one.get("s", server.url())
    assert (first.etag, first.last_modified) == ('"1"', "Mon, 27 Jan 2025 00:00:00 GMT")
    assert not first.unchanged
    second = one.get("s", server.url(), etag=first.etag, last_modified=first.last_modified)
    assert second.unchanged
    assert second.body == b""


def test_304_that_nobody_asked_for_is_an_error_and_not_nothing_new(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "", status=304)
    with pytest.raises(SourceError, match="answered 304"):
        client().get("s", server.url())


def test_mark_that_cannot_be_sent_is_left_out(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "x", etag='"é"')
    one = client()
    first = one.get("s", server.url())
    assert one.get("s", server.url(), etag=first.etag).body == b"x"


def test_we_say_who_we_are(client: Callable[..., Client], server: FeedServer) -> None:
    server.put("/feed", "x")
    client(user_agent="me/1 (+mailto:me@example.com)").get("s", server.url())
    assert server.seen[0][1]["user-agent"] == "me/1 (+mailto:me@example.com)"


def test_cookie_of_one_source_is_not_shown_to_another(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "x", set_cookie="id=1; Path=/")
    names = Names(one=["127.0.0.1"], two=["127.0.0.1"])
    both = client(names, allow_private=("one.example", "two.example"))
    both.get("one", server.url(host="one.example"))
    both.get("two", server.url(host="two.example"))
    assert "cookie" not in server.seen[1][1]


def test_endless_body_is_cut(client: Callable[..., Client], server: FeedServer) -> None:
    server.behave("/feed", server.flood)
    with pytest.raises(SourceError, match="larger than 100,000 bytes"):
        client(max_bytes=100_000).get("s", server.url())


def test_size_is_counted_after_decompression(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", gzip.compress(b" " * 3_000_000), content_encoding="gzip")
    with pytest.raises(SourceError, match="larger than 1,000,000 bytes"):
        client(max_bytes=1_000_000).get("s", server.url())


def test_compressed_body_is_unpacked(client: Callable[..., Client], server: FeedServer) -> None:
    server.put("/feed", gzip.compress(b"hello"), content_encoding="gzip")
    assert client().get("s", server.url()).body == b"hello"


def test_body_that_does_not_unpack_is_an_error(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", b"not gzip at all", content_encoding="gzip")
    with pytest.raises(SourceError, match="/feed"):
        client().get("s", server.url())


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_server_that_takes_for_ever_is_left(
    client: Callable[..., Client], server: FeedServer, manner: str
) -> None:
    server.behave("/feed", getattr(server, manner))
    with pytest.raises(SourceError, match="took longer than 0.3 s"):
        client(timeout=0.3).get("s", server.url())


def test_body_cut_off_by_the_clock_is_not_taken_for_the_whole(
    client: Callable[..., Client], server: FeedServer
) -> None:
    def slow(handler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")  # the body ends where the line does
        while not server.closing.wait(0.02):
            handler.wfile.write(b"x")

    server.behave("/feed", slow)
    with pytest.raises(SourceError, match="took longer than 0.3 s"):
        client(timeout=0.3).get("s", server.url())


def test_body_shorter_than_announced_is_an_error(
    client: Callable[..., Client], server: FeedServer
) -> None:
    def short(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<rss")

    server.behave("/feed", short)
    with pytest.raises(SourceError, match="/feed"):
        client().get("s", server.url())


@pytest.mark.parametrize("port", [1, 99_999])
def test_nobody_listening_is_an_error(client: Callable[..., Client], port: int) -> None:
    with pytest.raises(SourceError, match="127.0.0.1"):
        client().get("s", f"http://127.0.0.1:{port}/")


# Politeness: what is worth another try, and when


def busy(server: FeedServer, times: int, **headers: str) -> None:
    """503 for so many requests, then a page."""
    left = [503] * times

    def answer(handler: Any) -> None:
        status = left.pop() if left else 200
        handler.send_response(status)
        for name, value in (headers if status == 503 else {}).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "2")
        handler.end_headers()
        handler.wfile.write(b"ok")

    server.behave("/feed", answer)


def test_busy_server_is_asked_again_with_growing_pauses(
    client: Callable[..., Client], server: FeedServer
) -> None:
    busy(server, 2)
    slept: list[float] = []
    assert client(sleep=slept.append, retries=2).get("s", server.url()).body == b"ok"
    assert len(server.seen) == 3
    assert 0 <= slept[0] <= 0.5
    assert 0 <= slept[1] <= 1.0


def test_retries_end(client: Callable[..., Client], server: FeedServer) -> None:
    busy(server, 9)
    with pytest.raises(SourceError, match="answered 503"):
        client(sleep=lambda _: None, retries=2).get("s", server.url())
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_refusal_that_will_not_pass_is_not_asked_again(
    client: Callable[..., Client], server: FeedServer, status: int
) -> None:
    server.put("/feed", "", status=status)
    with pytest.raises(SourceError):
        client(sleep=lambda _: None, retries=2).get("s", server.url())
    assert len(server.seen) == 1


def test_short_retry_after_is_waited_out(client: Callable[..., Client], server: FeedServer) -> None:
    busy(server, 1, retry_after="3")
    slept: list[float] = []
    assert client(sleep=slept.append, retries=1).get("s", server.url()).body == b"ok"
    assert 3.0 <= slept[0] <= 3.5


def test_long_retry_after_ends_the_look_and_is_remembered(
    client: Callable[..., Client], server: FeedServer
) -> None:
    busy(server, 9, retry_after="7200")
    with pytest.raises(SourceError, match="left alone for 7,200 s") as refused:
        client(sleep=lambda _: pytest.fail("waited"), retries=2).get("s", server.url())
    assert refused.value.wait == 7200.0
    assert len(server.seen) == 1


def test_lost_connection_is_tried_again(client: Callable[..., Client], server: FeedServer) -> None:
    lines = iter([b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"])
    server.behave("/feed", lambda handler: handler.wfile.write(next(lines)))
    assert client(sleep=lambda _: None, retries=1).get("s", server.url()).body == b"ok"


def test_hostile_address_is_not_asked_again(client: Callable[..., Client]) -> None:
    names = Names(inner=["10.1.2.3"])
    with pytest.raises(SourceError, match="not a public address"):
        client(names, sleep=lambda _: pytest.fail("waited"), retries=3).get(
            "s", "http://inner.example/"
        )


def test_status_that_is_accepted_is_an_answer(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "why", status=400)
    answer = client().get("s", server.url(), accept=(400,))
    assert (answer.status, answer.body) == (400, b"why")


def test_requests_to_one_host_are_kept_apart(
    client: Callable[..., Client], server: FeedServer
) -> None:
    server.put("/feed", "x")
    slept: list[float] = []
    one = client(sleep=slept.append, interval=60.0)
    for _ in range(3):
        one.get("s", server.url())
    assert [round(pause, -1) for pause in slept] == [60.0, 120.0]
