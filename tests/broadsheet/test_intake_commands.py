"""`follow` and `import`, as scripts and people use them: exit statuses, messages, and what is in the archive then."""

import fcntl
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from indexer.log import EventLog
from partition.manifest import Layout
from tests import commands
from tests.api_server import eventually
from tests.indexer.crawl_harness import make_crawl, page, record
from tests.indexer.feed_server import FeedServer, answer
from tests.small_index import titles

_DUE = r"due \d{4}-\d\d-\d\dT[\d:.]+Z"


def _rss(*names: str) -> bytes:
    items = "".join(f"<item><guid isPermaLink='false'>{name}</guid><title>{name}</title></item>" for name in names)
    return f"<rss><channel><title>T</title>{items}</channel></rss>".encode()


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server without answers yet."""
    with FeedServer() as running:
        yield running


def test_following_once(server: FeedServer, tmp_path: Path) -> None:
    """What was new is searchable when it ends; asked again, it says when the next is due, and asks nobody."""
    server.answers["/feed"] = answer(_rss("One", "Two"))
    root = tmp_path / "archive"
    given = ("follow", f"{server.url}/feed", "--data", root, "--once", "--allow-private", "--every", "600")
    done = commands.run(*given, builders=1)
    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert re.fullmatch(rf"{server.url}/feed: 2 created, 0 rejected; {_DUE}", first)
    assert re.fullmatch(
        rf"1 sources, asked 1 times: 1 read, 0 not changed, 0 failed; 2 created, 0 rejected; the next is {_DUE}", last
    )
    assert sorted(titles(root).values()) == ["One", "Two"]
    again = commands.run(*given, builders=1)
    assert again.stdout.startswith("1 sources, asked 0 times: ")
    assert len(server.requests) == 1


def test_following_tells_what_failed(server: FeedServer, tmp_path: Path) -> None:
    """A list of sources: one is gone, one is broken, one is read; status 1, the others are in the archive."""
    server.answers = {"/ok": answer(_rss("One")), "/gone": answer(status="410 Gone"), "/bad": answer(b"<rss>")}
    sources = tmp_path / "sources.txt"
    sources.write_text("".join(f"{server.url}{path}\n" for path in ("/gone", "/bad", "/ok")))
    root = tmp_path / "archive"
    given = ("follow", sources, "--data", root, "--once", "--allow-private")
    done = commands.run(*given, builders=1)
    assert done.returncode == 1
    assert re.search(rf"^{server.url}/bad: the XML is broken .*; {_DUE}$", done.stderr, re.MULTILINE)
    assert f"{server.url}/gone: the server answers 410 Gone; remove this source; asked no more: " in done.stderr
    assert done.stderr.endswith("broadsheet: 2 of 3 sources could not be read\n")
    assert list(titles(root).values()) == ["One"]
    assert f"{server.url}/gone: asked no more: " in commands.run(*given, builders=1).stderr


def test_private_hosts_need_leave(server: FeedServer, tmp_path: Path) -> None:
    """Without `--allow-private` nothing is sent, and it is said why."""
    done = commands.run("follow", f"{server.url}/feed", "--data", tmp_path / "archive", "--once")
    assert done.returncode == 1
    assert "127.0.0.1 is at 127.0.0.1, which is no public address; allow private addresses" in done.stderr
    assert server.settled() == 0


def test_entries_that_are_no_articles_are_status_3(tmp_path: Path) -> None:
    """A feed in a file; the rejects are listed."""
    path = tmp_path / "feed.xml"
    path.write_bytes(_rss("One", "x" * 5000))
    done = commands.run("follow", path, "--data", tmp_path / "archive", "--once", builders=1)
    assert done.returncode == 3
    assert done.stderr == f"rejected entries are in {tmp_path / 'archive' / 'rejects.jsonl'}\n"
    assert "1 created, 1 rejected; due " in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_goes_on_until_it_is_told(server: FeedServer, tmp_path: Path, number: signal.Signals) -> None:
    """Corrections and withdrawals reach the archive while it runs; an interrupt ends it with status 0."""
    root = tmp_path / "archive"
    server.answers["/feed"] = answer(b'[{"uri": "a", "headline": "One"}, {"uri": "b", "headline": "Two"}]')
    given = ("follow", f"{server.url}/feed", "--data", root, "--allow-private", "--every", "1")
    with commands.start(*given, builders=1) as process:
        eventually(lambda: Layout(root).newest_epoch() and sorted(titles(root).values()) == ["One", "Two"])
        server.answers["/feed"] = answer(b'[{"uri": "a", "headline": "New"}, {"uri": "b", "pubstatus": "canceled"}]')
        eventually(lambda: list(titles(root).values()) == ["New"])
        os.killpg(process.pid, number)
        output, errors = process.communicate(timeout=commands.TIMEOUT_S)
    assert (process.returncode, errors) == (0, b"")
    assert b"1 corrected, 1 withdrawn, 0 rejected; due " in output
    assert b"the next is due " in output.splitlines()[-1]


def test_following_ends_embargoes(server: FeedServer, tmp_path: Path) -> None:
    """Also when nobody else indexes, soon after each has ended: its own, and one that was logged before."""
    root = tmp_path / "archive"
    for name, seconds in (("before", 8), ("own", 12)):
        until = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
        server.answers[f"/{name}"] = answer(orjson.dumps([{"uri": name, "headline": name, "embargoed": until}]))
    given = ("--data", root, "--allow-private")
    assert commands.run("follow", f"{server.url}/before", "--once", *given, builders=1).returncode == 0
    with commands.start("follow", f"{server.url}/own", *given, builders=1) as process:
        try:
            eventually(lambda: Layout(root).newest_epoch() and len(titles(root)) == 2, timeout_s=40)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=commands.TIMEOUT_S)
    assert process.returncode == 0


def test_who_indexes_already_is_not_disturbed(tmp_path: Path) -> None:
    """While another process holds the lock, articles are logged all the same; the next run indexes them."""
    root = tmp_path / "archive"
    root.mkdir()
    path = tmp_path / "feed.xml"
    path.write_bytes(_rss("One"))
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = commands.run("follow", path, "--data", root, "--once", builders=1)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (root / "epochs").exists()
    with EventLog(root / "log.sqlite") as log:
        assert log.live_articles() == 1
    path.write_bytes(_rss("One", "Two"))
    other = tmp_path / "other.xml"
    other.write_bytes(_rss("Three"))
    assert commands.run("follow", other, "--data", root, "--once", builders=1).returncode == 0
    assert sorted(titles(root).values()) == ["One", "Three"]


def test_importing(tmp_path: Path) -> None:
    """Every page is accounted for, and searchable; again, nothing is read."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    make_crawl(folder, pages=60)
    root = tmp_path / "archive"
    done = commands.run("import", folder, "--data", root, builders=1)
    assert done.returncode == 3
    assert done.stderr == f"rejected pages are in {root / 'rejects.jsonl'}\n"
    *_, summary, rejected, passed = done.stdout.splitlines()
    found = re.fullmatch(
        r"3 files, 3 read to their end; (\d+) pages: (\d+) accepted \((\d+) new or changed\), (\d+) rejected; "
        r"3 passed over; [\d.]+ s",
        summary,
    )
    assert found
    assert int(found[1]) == int(found[2]) + int(found[4])
    assert rejected.startswith("rejected: 6 the page has no text, 1 the ")
    assert passed == "passed over: 3 not HTML"
    with EventLog(root / "log.sqlite") as log:
        assert len(titles(root)) == log.live_articles()
    again = commands.run("import", folder, "--data", root, builders=1)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("3 files, 3 read to their end; 0 pages: ")


def test_an_interrupted_import_goes_on(tmp_path: Path) -> None:
    """Status 130 and no traceback; the next run reads the rest."""
    path = tmp_path / "crawl.warc"
    path.write_bytes(b"".join(record(f"http://news.example/{n}", page(f"Story {n}")) for n in range(1500)))
    root = tmp_path / "archive"
    with commands.start("import", path, "--data", root, builders=1) as process:
        assert process.stdout
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=commands.TIMEOUT_S)
    assert process.returncode == 130
    assert errors == b"broadsheet: interrupted; what was imported stays, run again to go on\n"
    done = commands.run("import", path, "--data", root, builders=1)
    assert done.returncode == 0
    found = re.search(r"1 files, 1 read to their end; ([\d,]+) pages: ", done.stdout)
    assert found
    assert 0 < int(found[1].replace(",", "")) < 1500
    assert len(titles(root)) == 1500
