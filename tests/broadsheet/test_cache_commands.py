"""`broadsheet cache stats`: what a server has counted is shown, and whoever is no server is told from one.

Not here: what is counted when (`tests/cache/`), help (`test_cli.py`).
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import Counter, Gauge
from typer.testing import CliRunner

from broadsheet import cache_commands
from broadsheet.cache_report import COUNTERS, NUMBERS, PREFIX, NoFiguresError, lines_of, read_figures
from broadsheet.cli import app
from broadsheet.settings import Settings
from cache import metrics
from tests import commands
from tests.api_server import ApiServer, eventually, free_port
from tests.archive import Archive, copied
from tests.indexer.feed_server import Answer, FeedServer, answer
from tests.redis_server import RedisServer
from web.keys import encode_keys, make_key

EVENTS = b'# TYPE broadsheet_cache_events_total counter\nbroadsheet_cache_events_total{result="load"} 1.0\n'
KEY, TEXT = make_key("prometheus", "read", created_at=datetime.now(UTC))


def counted(*arguments: str, **settings: Any) -> dict[str, Any]:
    """What `broadsheet cache stats --json` prints."""
    done = commands.run("cache", "stats", *arguments, "--json", **settings)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def shown(*arguments: str, **settings: Any) -> list[tuple[str, str]]:
    """The rows that `broadsheet cache stats` prints for people: heading and what is said."""
    done = commands.run("cache", "stats", *arguments, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    rows, heading = [], ""
    for line in done.stdout.splitlines()[1:]:
        heading = line[:18].rstrip() or heading
        rows.append((heading, " ".join(line[18:].split())))
    return rows


def redis_rows(url: str, redis_url: str) -> list[str]:
    """Those that say something of Redis itself."""
    return [said for heading, said in shown(url, redis_url=redis_url) if heading == "Redis server"]


def refused(*arguments: str, status: int = 1, **settings: Any) -> str:
    """The one line that says why there are no figures."""
    failed = commands.run("cache", "stats", *arguments, **settings)
    assert (failed.returncode, failed.stdout) == (status, ""), failed.stderr
    (line,) = failed.stderr.splitlines()
    assert line.startswith("broadsheet: ")
    assert line.isprintable()
    return line.removeprefix("broadsheet: ")


def test_what_a_server_has_counted(archive: Archive) -> None:
    """Where requests were answered, and the share of them that loaded nothing; without Redis nothing of Redis."""
    with ApiServer(archive.root) as server:
        before = counted(server.url)
        assert (before["url"], before["requests"], before["hit_rate"]) == (server.url, 0, None)
        assert ("hit rate", "there were no requests yet") in shown(server.url)
        for query in ("budget", "storm", "budget", "budget"):
            server.page({"q": query})
        after = counted(server.url + "/")
        assert after["events"] == {"memory": 2, "redis": 0, "shared": 0, "load": 2}
        assert (after["requests"], after["hit_rate"]) == (4, 0.5)
        assert (after["breaker_open"], after["flights"], after["redis_server"]) == (0, 0, None)
        assert set(after["writes"].values()) == {0}
        assert after["memory_bytes"] > after["memory_entries"] > 0
        assert shown(server.url) == [
            ("hit rate", "50.0%"),
            ("requests", "memory 2 50.0%"),
            ("requests", "redis 0 0.0%"),
            ("requests", "shared 0 0.0%"),
            ("requests", "loaded 2 50.0%"),
            *((heading, "none") for name, heading in COUNTERS.items() if name != "events"),
            ("memory", f"{after['memory_entries']} entries, {after['memory_bytes']:,} bytes"),
            ("flights", "0 now"),
            ("breaker", "closed"),
        ]
        # Whoever starts both by the same settings needs no address.
        assert counted(port=server.port) == counted(server.url)
    assert "cannot be reached (connection refused); start `broadsheet serve`" in refused(server.url)


def test_the_address_left_out_is_that_of_serve() -> None:
    """As `serve` has it by default; nobody needs to be there."""
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    port = free_port()
    assert refused(port=port).startswith(f"http://127.0.0.1:{port}: cannot be reached")
    assert refused(host="::1", port=port).startswith(f"http://[::1]:{port}: cannot be reached")


def test_with_redis(archive: Archive, redis_server: RedisServer) -> None:
    """What other processes kept is counted apart. Redis is asked for its memory, and if it is away, that is said."""
    redis_server.command(b"CONFIG", b"SET", b"maxmemory", b"64mb")
    with ApiServer(archive.root, redis_url=redis_server.url) as server:
        server.page({"q": "budget"})
        eventually(lambda: counted(server.url)["writes"]["kept"] == 1)
        assert counted(server.url)["leases"] == {"taken": 1, "waited": 0, "late": 0}
    with ApiServer(archive.root, redis_url=redis_server.url) as server:
        for _ in range(3):
            server.page({"q": "budget"})
        found = counted(server.url, redis_url=redis_server.url)
        assert found["events"] == {"memory": 2, "redis": 1, "shared": 0, "load": 0}
        assert found["hit_rate"] == 1
        redis = found["redis_server"]
        assert (redis["max_bytes"], redis["policy"], redis["evicted_keys"]) == (64 << 20, "noeviction", 0)
        assert 0 < redis["used_bytes"] < 64 << 20
        bound, policy, evicted = redis_rows(server.url, redis_server.url)
        assert re.fullmatch(r"[\d,]+ of 67,108,864 bytes", bound)
        assert policy == "policy noeviction: nothing more is kept once it is full, set allkeys-lfu"
        assert evicted == "0 keys evicted"
        redis_server.command(b"CONFIG", b"SET", b"maxmemory", b"0")
        assert redis_rows(server.url, redis_server.url)[0].endswith(" bytes, without a bound: set maxmemory")

        redis_server.hang()
        started_s = time.monotonic()
        found = counted(server.url, redis_url=redis_server.url)
        assert time.monotonic() - started_s < commands.TIMEOUT_S / 4
        assert [*found["redis_server"]] == ["problem"]
        server.page({"q": "storm"})
        rows = shown(server.url, redis_url=redis_server.url)
        assert ("breaker", "open: a process goes without Redis now") in rows
        assert ("Redis errors", "unavailable 1") in rows
        assert redis_rows(server.url, redis_server.url)[0].startswith("does not say: ")
        redis_server.kill()
        assert counted(server.url, redis_url=redis_server.url)["events"]["load"] == 1


def test_a_redis_that_refuses_is_quoted(server: ApiServer, redis_server: RedisServer) -> None:
    """It wants a password that the settings do not have."""
    redis_server.command(b"CONFIG", b"SET", b"requirepass", b"secret")
    (row,) = redis_rows(server.url, redis_server.url)
    assert re.match(r"does not say: authentication required", row, re.IGNORECASE)


def test_a_server_whose_reads_need_a_key(archive: Archive, tmp_path: Path) -> None:
    """The key is taken from the option or the environment, and no message shows it."""
    root = copied(archive.root, tmp_path / "copy")
    (root / "keys").write_bytes(encode_keys([KEY]))
    with ApiServer(root, public_reads=False) as server:
        lacking = refused(server.url)
        assert lacking.startswith(f"{server.url}: needs an access key (401); ")
        assert "--key or BROADSHEET_KEY" in lacking
        wrong = refused(server.url, "--key", TEXT[:-1])
        assert wrong.startswith(f"{server.url}: does not know this key (401); ")
        assert TEXT[:-1] not in wrong
        assert counted(server.url, "--key", TEXT)["requests"] == 0
        assert counted(server.url, key=TEXT)["requests"] == 0
        assert refused(server.url, key=TEXT[:-1]) == wrong
    unsendable = refused(server.url, "--key", f"{TEXT}\r\nHost: x", status=2)
    assert unsendable.startswith("the key is none that `broadsheet keys add` makes")
    assert TEXT not in unsendable


STRANGERS = {
    "another page": (answer(status="404 Not Found"), "answers GET /metrics with 404, as no running Broadsheet does"),
    "a proxy": (answer(status="403 Forbidden"), r"does not let you read /metrics \(403\)"),
    "a server in trouble": (answer(status="503 Oops"), "answers GET /metrics with 503"),
    "a redirect": (answer(status="302 Found", headers={"Location": "/elsewhere"}), "answers GET /metrics with 302"),
    "another exporter": (answer(b"# TYPE up gauge\nup 1\n"), "what it has at /metrics is not of a Broadsheet"),
    "a web page": (answer(b"<html>{</html>"), "what it has at /metrics is not of a Broadsheet"),
    "what is no text": (answer(b"\xff\x00\x1b[31m{" * 99), "what it has at /metrics is not of a Broadsheet"),
    "nothing": (answer(), "what it has at /metrics is not of a Broadsheet"),
    "no number": (answer(EVENTS.replace(b"1.0", b"NaN")), "what it has at /metrics is not of a Broadsheet"),
    "no end of a number": (answer(EVENTS.replace(b"1.0", b"+Inf")), "what it has at /metrics is not of a Broadsheet"),
    "no HTTP": (b"+OK\r\n", "breaks off, or does not speak HTTP"),
    "half an answer": (answer(EVENTS * 9)[:-9], "breaks off, or does not speak HTTP"),
}
"""Whoever may listen where a Broadsheet was expected: what it sends, and what is said of it."""


@pytest.mark.parametrize("who", STRANGERS)
def test_who_is_no_broadsheet(who: str) -> None:
    """One line names address and cure, with status 1. A redirect is not followed, so that no key goes elsewhere."""
    sent, said = STRANGERS[who]
    with FeedServer({"/below/metrics": sent, "/elsewhere": answer(EVENTS)}) as stranger:
        line = refused(f"{stranger.url}/below/", "--key", TEXT)
        assert re.match(rf"{re.escape(stranger.url)}/below: (what answers there )?{said}", line), line
        assert re.search(r"; (check the address|ask whoever runs the server)", line)
        assert stranger.settled() == 1


def test_a_name_that_is_no_host() -> None:
    """Unknown ones, and those that no host can have."""
    for host in ("nowhere.invalid", "a" * 70 + ".example"):
        assert refused(f"http://{host}").startswith(f"http://{host}: cannot be reached (")


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8000", "ftp://x", "http://:80", "http://[::1", "http://x:y", "http://x:0", "http://x/?q=a", "é"],
)
def test_an_address_of_no_server_is_status_2(url: str) -> None:
    """The line shows it, and how one looks."""
    line = refused(url, status=2)
    assert line == f"{url!r} is no address of a server; give one such as http://127.0.0.1:8000"


def test_settings_that_cannot_be_used_are_status_2() -> None:
    """Passwords in addresses are not shown."""
    assert "secret" not in refused("http://me:secret@127.0.0.1:1", status=2)
    assert "secret" not in refused("http://127.0.0.1:1", status=2, redis_url="redis://me:secret@/x")
    assert refused("http://127.0.0.1:1", status=2, port="eighty").startswith("BROADSHEET_PORT: ")


def test_labels_cannot_command_the_terminal() -> None:
    """Whatever a server counts by; in JSON neither."""
    name = b"broadsheet_cache_objections_total"
    strange = b"# TYPE %b counter\n%b" % (name, name) + b'{reason="\x1b[31m\xc2\x9b"} 2\n'
    with FeedServer({"/metrics": answer(EVENTS + strange)}) as stranger:
        assert ("objections", "[31m 2") in shown(stranger.url)
        assert counted(stranger.url)["objections"] == {" [31m ": 2}
        assert not any(b"Authorization" in request for request in stranger.requests)


def _in_pieces(piece: bytes, count: int, pause_s: float = 0, sent: list[int] | None = None) -> Answer:
    """An answer that does not say how long it is; `sent` gets the numbers of the pieces that were asked for."""

    def pieces(_request: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        for number in range(count):
            if sent is not None:
                sent.append(number)
            yield piece
            time.sleep(pause_s)

    return pieces


def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    """So many bytes and no more, but for what is under way."""
    sent: list[int] = []
    with FeedServer({"/metrics": _in_pieces(b"# " + b"x" * 99_997 + b"\n", 2_000, sent=sent)}) as stranger:
        assert ": has more than 8,000,000 bytes at /metrics" in refused(stranger.url)
    assert 80 <= len(sent) < 1_000


def test_whoever_drips_or_is_silent_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """For everything together, however little comes at a time."""
    monkeypatch.setattr(cache_commands, "TIMEOUT_S", 0.5)
    drops = _in_pieces(b"#", 40, pause_s=0.05)
    with FeedServer({"/metrics": drops}) as dripping, socket.create_server(("127.0.0.1", 0)) as silent:
        for url in (dripping.url, f"http://127.0.0.1:{silent.getsockname()[1]}"):
            failed = CliRunner().invoke(app, ["cache", "stats", url])
            assert failed.exit_code == 1
            assert f"{url}: no whole answer within 0.5 s; look at the server's log" in failed.stderr


def test_every_metric_of_the_cache_is_shown() -> None:
    """None is forgotten when one is added."""
    made = [one for one in vars(metrics).values() if isinstance(one, Counter | Gauge)]
    assert {PREFIX + name for name in (*COUNTERS, *NUMBERS)} == {
        family.name for one in made for family in one.describe()
    }


PIECES = ('broadsheet_cache_events{a="', "# TYPE ", " counter", *'"{}=\\1 \n\t\x1b', "inf", "-")


@example("a_total\t{, =a_total=}=# HELP ")
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_figures_or_none(text: str) -> None:
    """Reading raises nothing else, and what is read can be shown."""
    try:
        figures = read_figures(EVENTS.decode() + text)
    except NoFiguresError:
        return
    assert all(line.isprintable() for line in lines_of(figures, None))
