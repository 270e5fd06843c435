"""Addresses whose answers are known: the same answers as by the long way, for no longer than they are right."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import msgspec
import pytest

from partition.manifest import State
from search.epochs import Epochs
from search.known import MAX_TARGET_BYTES, MAX_TARGETS, KnownTargets
from search.ports import Answer, Cache
from tests.api_server import ApiServer, eventually
from tests.archive import Archive, copied
from tests.redis_server import RedisServer
from web.keys import Key, encode_keys, make_key
from web.tallies import TELL_S

ADDRESSES = (
    "/v1/search?q=river&limit=2",
    "/v1/search?q=river&limit=2&min_seq=1&from=-30d",
    "/v1/search",
    "/v1/articles/n0011",
    "/v1/articles/n0011/similar?limit=3",
    "/v1/suggest?q=ri",
)
KEYS = "1:" + 32 * "5a"
"""Two servers sign cursors with the same."""
SHORTLY = {"age", "cache-status", "date", "server-timing", "x-request-id"}
"""Headers that may differ from answer to answer."""


@pytest.fixture(scope="module")
def served(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server of its own."""
    with ApiServer(copied(archive.root, tmp_path_factory.mktemp("known") / "copy"), cursor_keys=KEYS) as opened:
        yield opened


def is_short(response: httpx2.Response) -> bool:
    """Whether it was answered before it was understood: nothing was timed."""
    return "Server-Timing" not in response.headers


def lasting(response: httpx2.Response) -> dict[str, str]:
    """Its headers, but for those that may differ."""
    return {name: value for name, value in response.headers.items() if name not in SHORTLY}


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_same_as_by_the_long_way(served: ApiServer, address: str) -> None:
    """Body, status and headers; of GET and HEAD, with and without the tag of the answer."""
    first, second = served.client.get(address), served.client.get(address)
    assert first.status_code == 200
    assert (is_short(first), is_short(second)) == (False, True)
    assert second.content == first.content
    assert lasting(second) == lasting(first)
    assert second.headers["Cache-Status"].startswith("broadsheet; hit; ttl=")
    assert second.headers["Cache-Status"].endswith("; detail=memory")
    assert int(second.headers["Age"]) >= 0
    head = served.client.head(address)
    assert is_short(head)
    assert (head.content, lasting(head)) == (b"", lasting(first))


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_has_it_is_told_so_at_once(served: ApiServer, address: str) -> None:
    """By the answer's own tag; another tag is looked at by the long way."""
    etag = eventually(lambda: served.client.get(address)).headers["ETag"]
    short = served.client.get(address, headers={"If-None-Match": etag})
    long = served.client.get(address, headers={"If-None-Match": f'"other", {etag}'})
    assert is_short(short)
    assert short.status_code == long.status_code == 304
    assert lasting(short) == lasting(long)
    assert short.content == long.content == b""
    assert served.client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_memory_has_no_room_for_comes_from_redis(
    archive: Archive, tmp_path: Path, redis_server: RedisServer
) -> None:
    """As short; and when Redis has it no longer, or is gone, it is computed."""
    addresses = [f"/v1/search?q=river&limit=100&fields=id,title,body&facet_limit={n + 1}" for n in range(30)]
    root = copied(archive.root, tmp_path / "copy")
    with ApiServer(root, redis_url=redis_server.url, cache_bytes=65_536) as server:
        first = [server.client.get(address) for address in addresses]
        assert sum(len(response.content) for response in first) > 2 * 65_536
        second = [server.client.get(address) for address in addresses]
        assert [response.content for response in second] == [response.content for response in first]
        assert [lasting(response) for response in second] == [lasting(response) for response in first]
        far = [number for number, response in enumerate(second) if "detail=redis" in response.headers["Cache-Status"]]
        assert len(far) > 5
        assert all(is_short(response) for response in second)
        for disturb in (lambda: redis_server.command(b"FLUSHALL"), redis_server.kill):
            disturb()
            third = [server.client.get(address) for address in addresses]
            assert [response.content for response in third] == [response.content for response in first]
            assert any("fwd=miss" in response.headers["Cache-Status"] for response in third)


def test_requests_are_counted_and_named(served: ApiServer) -> None:
    """As if they had gone the long way."""
    address, line = ADDRESSES[0], 'requests_total{method="GET",route="/v1/search",status="200"} '

    def counted() -> int:
        text = served.client.get("/metrics").text
        return int(float(text.partition(line)[2].partition("\n")[0] or 0))

    served.client.get(address)
    time.sleep(3 * TELL_S)  # until what other tests asked is told
    before = counted()
    for _ in range(20):
        response = served.client.get(address, headers={"X-Request-Id": "mine"})
        assert is_short(response)
        assert response.headers["X-Request-Id"] == "mine"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    eventually(lambda: counted() == before + 20)
    assert len({served.client.get(address).headers["X-Request-Id"] for _ in range(10)}) == 10
    bad = served.client.get(address, headers={"X-Request-Id": "not an id"})
    assert bad.headers["X-Request-Id"] != "not an id"


def test_other_spellings_are_other_addresses_and_one_answer(served: ApiServer) -> None:
    """Each is known once it was asked, and none is computed again."""
    for address in ("/v1/search?q=water&limit=3", "/v1/search?limit=3&q=water", "/v1/search?limit=3&q=%77ater"):
        first, second = served.client.get(address), served.client.get(address)
        assert (is_short(first), is_short(second)) == (False, True)
        assert second.content == first.content
    assert "hit" in first.headers["Cache-Status"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("storm warning", "  Storm   WARNING "),
        ('"storm warning" OR river', '"Storm  Warning" OR River'),
        ("title:river -storm", "title:River  -STORM"),
    ],
)
def test_other_spellings_of_a_query_are_one_query(served: ApiServer, one: str, other: str) -> None:
    """Case and spaces say nothing: the same bytes, computed once, and links that go on."""
    first = served.client.get("/v1/search", params={"q": other, "limit": 2})
    second = served.client.get("/v1/search", params={"q": one, "limit": 2})
    assert first.content == second.content
    assert "; hit" in second.headers["Cache-Status"]
    if following := first.json()["page"]["next"]:
        assert served.client.get(following).json()["data"]


@pytest.fixture(scope="module")
def twin(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Another server on the same archive, of which nobody asks anything odd."""
    with ApiServer(copied(archive.root, tmp_path_factory.mktemp("twin") / "copy"), cursor_keys=KEYS) as opened:
        yield opened


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp", "Forwarded": "host=evil.example"},
        {"X-Original-URL": "/v1/search?q=other", "X-Rewrite-URL": "/livez", "X-HTTP-Method-Override": "DELETE"},
        {"Accept": "text/html", "Accept-Language": "nl", "Accept-Encoding": "br", "Accept-Charset": "utf-16"},
        {
            "Range": "bytes=0-3",
            "If-Range": '"x"',
            "If-Match": '"x"',
            "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT",
        },
        {
            "Cookie": "session=mine",
            "Authorization": "Basic bWU6bWU=",
            "Cache-Control": "no-store",
            "Pragma": "no-cache",
        },
        {"If-None-Match": "*", "X-Request-Id": "poison"},
        {"If-None-Match": 'W/"0-x", "' + 'y" , "' * 200 + '"'},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_of_one_shapes_the_answer_of_another(
    served: ApiServer, twin: ApiServer, headers: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Whoever asks first, and however: others get what they would have got."""
    address = f"/v1/search?q=river&limit=3&facet_limit={len(request.node.name) % 90 + 1}&total=exact"
    for _ in range(2):
        served.client.get(address, headers=headers)
    right = twin.client.get(address)
    for _ in range(2):
        found = served.client.get(address)
        assert (found.status_code, found.content) == (200, right.content)
        assert lasting(found) == lasting(right)


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ("q=river&limit=2&q=", None),
        ("q=river&limit=2&limit=2", None),
        ("q=river&limit=2&Limit=3", None),
        ("q=river%00&limit=2", "q=river&limit=2"),
        ("q=river;limit=2", "q=river&limit=2"),
        ("q=r%69ver&limit=2", "q=river&limit=2"),
        ("limit=2&q=river", "q=river&limit=2"),
        ("q=river&limit=%32", "q=river&limit=2"),
        ("q=%D1%80iver&limit=2", "q=river&limit=2"),
    ],
)
def test_no_address_stands_for_another(served: ApiServer, twin: ApiServer, odd: str, plain: str | None) -> None:
    """Order, case, doubles and encodings of parameters: each is answered as by a server that knows no other."""
    right = twin.client.get(f"/v1/search?{plain}") if plain else None
    answers = [served.client.get(f"/v1/search?{odd}") for _ in range(2)]
    other = twin.client.get(f"/v1/search?{odd}")
    assert {answer.status_code for answer in answers} == {other.status_code}
    if other.status_code == 200:
        assert {answer.content for answer in answers} == {other.content}
    if right:
        assert served.client.get(f"/v1/search?{plain}").content == right.content


def test_refusals_are_not_known(served: ApiServer) -> None:
    """They are made anew, with their own request id."""
    for address in ("/v1/search?limit=0", "/v1/articles/nobody", "/v1/search?q=river&allow_partial=no"):
        ids = set()
        for _ in range(3):
            response = served.client.get(address)
            assert response.status_code in {400, 404}
            assert response.json()["request_id"] == response.headers["X-Request-Id"]
            ids.add(response.headers["X-Request-Id"])
        assert len(ids) == 3


def test_other_methods_go_the_long_way(served: ApiServer) -> None:
    """What is known of an address is known of reading it."""
    served.client.get(ADDRESSES[0])
    assert served.client.post(ADDRESSES[0]).status_code == 405
    assert served.client.options(ADDRESSES[0]).status_code == 405


def test_nobody_gets_what_needs_a_key(archive: Archive, tmp_path: Path) -> None:
    """However often it was given to others; and nobody's cache may hand it on."""
    root = copied(archive.root, tmp_path / "copy")
    key, secret = make_key("reader", "read", created_at=datetime.now(UTC))

    def write(*keys: Key) -> None:
        (root / "keys.new").write_bytes(encode_keys(keys))
        (root / "keys.new").replace(root / "keys")

    write(key)
    with ApiServer(root, public_reads=False) as server:
        mine = {"Authorization": f"Bearer {secret}"}
        responses = [server.client.get(ADDRESSES[0], headers=mine) for _ in range(3)]
        assert [is_short(one) for one in responses] == [False, True, True]
        assert all(lasting(one) == lasting(responses[0]) for one in responses)
        assert responses[2].headers["Cache-Control"].startswith("private")
        assert responses[2].headers["Vary"] == "Authorization"
        for headers in (
            {},
            {"Authorization": f"Bearer {secret[:-1]}{'1' if secret[-1] == '0' else '0'}"},
            {"If-None-Match": responses[0].headers["ETag"]},
        ):
            assert server.client.get(ADDRESSES[0], headers=headers).status_code == 401
        write()
        eventually(lambda: server.client.get(ADDRESSES[0], headers=mine).status_code == 401)


def test_no_page_of_another_site_gets_it(served: ApiServer) -> None:
    """Reading is allowed as far as it is the long way."""
    served.client.get(ADDRESSES[0])
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        long = served.client.get(f"{ADDRESSES[0]}&total=none", headers=headers)
        short = served.client.get(ADDRESSES[0], headers=headers)
        assert long.status_code == short.status_code


class Kept:
    """A cache that has everything."""

    def again(self, name: str, state: str) -> Any:
        """It."""
        assert state
        made_from = State(epoch=1, published_ms=0, applied_seq=1, indexed_through_ms=0)
        body = msgspec.msgpack.encode(Answer(name.encode(), "digest", made_from, None, None, complete=True))
        return SimpleNamespace(body=body, where="memory", age_s=1.5, ttl_s=3.5, stale_s=None)


def known_by(clock: list[float], epochs: Any) -> KnownTargets:
    """Nothing yet."""
    return KnownTargets(cast("Epochs", epochs), cast("Cache", Kept()), lambda: clock[0])


class Manifest:
    """As much of one as a state's name needs."""

    archive, lineage, epoch, identity = "a", 0, 1, b"i"


def test_all_is_forgotten_in_another_epoch_and_in_another_hour() -> None:
    """The same address may ask for something else then; and what was computed before is not remembered for after."""
    clock, epochs = [0.0], SimpleNamespace(current=Manifest())
    known = known_by(clock, epochs)

    def hour() -> None:
        clock[0] += 3600

    def epoch() -> None:
        epochs.current = Manifest()

    for upheaval in (hour, epoch):
        known.remember(b"/a?", known.moment(), "name", None, [(b"age", b"7"), (b"x", b"y")], b'"e"')
        found = known.find(b"/a?", None)
        assert found
        assert found.body == b"name"
        assert dict(found.headers) == {
            b"x": b"y",
            b"etag": b'"e"',
            b"age": b"1",
            b"cache-status": b"broadsheet; hit; ttl=3; detail=memory",
        }
        assert known.find(b"/a?", b'"other"') is None
        begun = known.moment()
        upheaval()
        assert known.find(b"/a?", None) is None
        known.remember(b"/a?", begun, "name", None, [], b'"e"')
        assert known.find(b"/a?", None) is None
    clock[0] += 1
    assert known.moment() == known.moment()


def test_what_is_known_is_bounded() -> None:
    """In number and in length."""
    known = known_by([0.0], SimpleNamespace(current=Manifest()))
    moment = known.moment()
    for number in range(MAX_TARGETS + 10):
        known.remember(b"/%d?" % number, moment, "name", None, [], b"")
    assert len(known._targets) <= MAX_TARGETS
    assert known.find(b"/%d?" % (MAX_TARGETS + 9), None)
    known.remember(bytes(MAX_TARGET_BYTES + 1), moment, "name", None, [], b"")
    assert known.find(bytes(MAX_TARGET_BYTES + 1), None) is None
