"""From feeds to the log: what is published, corrected, held and withdrawn is an event, once, and nothing is lost."""

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from indexer.appending import BATCH, Appender, Stopped
from indexer.events import MAX_REASON_CHARS, Event, Submission
from indexer.events import Outcome as Logged
from indexer.feeds.following import Follower
from indexer.feeds.formats import read_feed
from indexer.feeds.ports import Outcome
from indexer.feeds.sink import CLIENT, MAX_LISTED, LogSink, article_id_of
from indexer.feeds.sources import Source
from indexer.log import EventLog
from indexer.rejects import Reject, RejectsFile
from partition.types import MAX_ARTICLE_ID_BYTES
from tests.indexer.feed_corpus import NINJS_1
from tests.indexer.feed_server import FeedServer, answer
from tests.small_index import Clock, article

ORIGIN = "https://news.example/feed"
OTHER = "https://other.example/feed"


class _Filling:
    """A sink over a log, in a folder of its own."""

    def __init__(self, folder: Path, *, max_backlog: int | None = None) -> None:
        self.clock = Clock()
        self.log = EventLog(folder / "log.sqlite", partitions=2, max_backlog=max_backlog, now_ms=self.clock)
        self.rejects = RejectsFile(folder / "rejects.jsonl")
        self.stop = threading.Event()
        self.woken = 0
        self.when_woken: Callable[[], None] = lambda: None
        appender = Appender(self.log, stop=self.stop, logged=self._wake, retry_s=0.0)
        self.sink = LogSink(appender, self.rejects, now_ms=self.clock)

    def _wake(self) -> None:
        self.woken += 1
        self.when_woken()

    def feed(self, *entries: dict[str, Any], origin: str = ORIGIN) -> list[bool]:
        """Take a feed of these entries (ninjs), and flush."""
        feed = read_feed(orjson.dumps(list(entries)), None, origin)
        taken = [self.sink.take(entry, origin=origin) for entry in feed.entries]
        for reject in feed.rejects:
            self.sink.reject(reject)
        self.sink.flush()
        return taken

    def events(self, entry_id: str, origin: str = ORIGIN) -> list[Event]:
        """All events of an entry, the oldest first."""
        return self.log.history(article_id_of(origin, entry_id))[::-1]

    def kinds(self, entry_id: str) -> list[str]:
        """What happened to an entry."""
        return [event.kind for event in self.events(entry_id)]

    def listed(self) -> list[dict[str, Any]]:
        """The rejects."""
        path = self.rejects.path
        return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture
def filling(tmp_path: Path) -> Iterator[_Filling]:
    """An empty log and its sink."""
    made = _Filling(tmp_path)
    with made.log, made.rejects:
        yield made


def _entry(entry_id: str = "a", headline: str = "One", **more: Any) -> dict[str, Any]:
    return {"uri": entry_id, "headline": headline, "body_text": "Text", **more}


def test_an_entry_is_logged_once(filling: _Filling) -> None:
    """The same again logs nothing and wakes nobody; another text is a correction, also back to the first one."""
    for headline in ("One", "One", "Two", "Two", "One"):
        filling.feed(_entry(headline=headline))
    events = filling.events("a")
    assert [event.kind for event in events] == ["put", "correct", "correct"]
    assert [event.article.title for event in events if event.article] == ["One", "Two", "One"]
    assert filling.woken == 3
    assert filling.sink.statuses == {"corrected": 1}
    filling.feed(_entry())
    assert filling.sink.statuses == {"unchanged": 1}


def test_no_feed_touches_what_another_has_published(filling: _Filling) -> None:
    """Equal ids in two feeds are two articles; one of them is corrected and withdrawn without the other."""
    filling.feed(_entry("1", "Ours"))
    filling.feed(_entry("1", "Theirs"), origin=OTHER)
    filling.feed(_entry("1", "Theirs, corrected"), origin=OTHER)
    filling.feed(_entry("1", pubstatus="canceled"), origin=OTHER)
    assert filling.kinds("1") == ["put"]
    assert [event.kind for event in filling.events("1", OTHER)] == ["put", "correct", "withdraw"]
    assert filling.log.live_articles() == 1


@pytest.mark.parametrize(
    "entry_id",
    [
        "a",
        "tag:news.example,2026:1",
        "https://a.example/b?c=d",
        "x" * 495,
        "x" * 496,
        "é" * 300,
        "a\nb",
        "\ud800",
        "\0",
    ],
)
def test_any_id_of_an_entry_makes_an_id_of_an_article(filling: _Filling, entry_id: str) -> None:
    """However long and whatever is in it, and no two make the same."""
    article_id = article_id_of(ORIGIN, entry_id)
    assert len(article_id.encode()) <= MAX_ARTICLE_ID_BYTES
    others = {article_id_of(origin, other) for origin in (ORIGIN, OTHER) for other in ("b", "x" * 497, article_id)}
    assert article_id not in others | {article_id_of(OTHER, entry_id)}
    assert filling.sink.take({"id": entry_id, "title": "T", "number": 1}, origin=ORIGIN)
    filling.sink.flush()
    assert filling.log.standing(article_id).state == "live"


def test_the_rule_of_ids_stays() -> None:
    """Articles are known by it for ever."""
    assert article_id_of("https://news.example/feed", "tag:a,2026:1") == "79e264067139da0f:tag:a,2026:1"
    assert article_id_of("https://news.example/feed", "a\nb") == "79e264067139da0f~0c84cf75ee142f818515ab54bd107d86"


@pytest.mark.parametrize("status", ["withheld", "canceled"])
def test_withdrawals_carry_their_reason(filling: _Filling, status: str) -> None:
    """Once, however often the feed says so; what comes back is shown again."""
    filling.feed(_entry())
    for _ in range(2):
        filling.feed({"uri": "a", "pubstatus": status, "ednote": "see lawyers"})
    assert filling.kinds("a") == ["put", "withdraw"]
    assert filling.events("a")[-1].reason == f"{status}: see lawyers"
    assert filling.log.live_articles() == 0
    filling.feed(_entry())
    assert filling.kinds("a") == ["put", "withdraw", "put"]


def test_a_tombstone_is_a_withdrawal(filling: _Filling) -> None:
    """And its comment the reason, as much of it as fits."""
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a</id><title>T</title></entry></feed>'
    grave = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
        f'<at:deleted-entry ref="a" when="2026-01-01T00:00:00Z"><at:comment>{"no " * 500}</at:comment>'
        "</at:deleted-entry></feed>"
    )
    for content in (atom, grave):
        for entry in read_feed(content.encode(), None, ORIGIN).entries:
            filling.sink.take(entry, origin=ORIGIN)
        filling.sink.flush()
    withdrawn = filling.events("a")[-1]
    assert (withdrawn.kind, withdrawn.reason[:15]) == ("withdraw", "canceled: no no")
    assert len(withdrawn.reason) == MAX_REASON_CHARS


def test_what_is_unknown_is_not_withdrawn(filling: _Filling) -> None:
    """A tombstone of what was never here logs nothing."""
    filling.feed({"uri": "a", "pubstatus": "canceled"})
    assert filling.sink.statuses == {"absent": 1}
    assert filling.log.last_seq() == 0


def test_embargoes_are_held(filling: _Filling) -> None:
    """Until then, once; moved, it waits for the other moment; afterwards the same entry logs nothing."""
    for until in ("2023-11-15T00:00:00Z", "2023-11-15T00:00:00Z", "2023-11-15T01:00:00+00:30"):
        filling.feed(_entry(embargoed=until))
    assert filling.kinds("a") == ["hold", "hold"]
    assert filling.log.next_lift_ms() == 1_700_008_200_000
    assert filling.log.live_articles() == 0
    filling.clock.now_ms = 1_700_008_200_000
    assert filling.log.lift_due() == 1
    filling.feed(_entry(embargoed="2023-11-15T01:00:00+00:30"))
    assert filling.kinds("a") == ["hold", "hold", "lift"]


def test_an_embargo_may_end_in_a_withdrawal(filling: _Filling) -> None:
    """What was never shown is not shown."""
    filling.feed(_entry(embargoed="2030-01-01T00:00:00Z"))
    filling.feed(_entry(embargoed="2030-01-01T00:00:00Z", pubstatus="withheld"))
    assert filling.kinds("a") == ["hold", "cancel"]
    assert filling.log.next_lift_ms() is None


def test_what_is_no_article_is_listed_once(filling: _Filling) -> None:
    """With the feed, its place, its id and the reason, whoever found it; the others are taken."""
    wrong, unknown = _entry("long", "x" * 5000), _entry("d", "Drafted", pubstatus="draft")
    for _ in range(3):
        taken = filling.feed(_entry("a"), wrong, _entry("b", embargoed="soon"), _entry("c"), unknown)
        assert taken == [True, False, True, False]
    assert filling.listed() == [
        {
            "file": ORIGIN,
            "line": 2,
            "id": article_id_of(ORIGIN, "long"),
            "reason": "title is 5,000 characters long: at most 4,096 are allowed",
            "excerpt": "x" * 200,
        },
        {
            "file": ORIGIN,
            "line": 5,
            "id": article_id_of(ORIGIN, "d"),
            "reason": "status is 'draft', not one of usable, withheld and canceled",
            "excerpt": "Drafted",
        },
        {
            "file": ORIGIN,
            "line": 3,
            "id": "b",
            "reason": "embargoed 'soon' is no instant with its offset from UTC",
            "excerpt": "",
        },
    ]
    assert filling.log.last_seq() == 2


def test_a_feed_cannot_fill_the_disk_with_rejects(filling: _Filling) -> None:
    """Of each document so many are listed, and how many more there were."""
    for n in range(2):
        filling.feed(*(_entry(f"{n}/{m}", "x" * 5000) for m in range(MAX_LISTED + 50)), _entry(f"{n}"))
    listed = filling.listed()
    assert len(listed) == 2 * (MAX_LISTED + 1)
    assert {(reject["line"], reject["reason"]) for reject in listed if not reject["line"]} == {
        (0, "50 more entries are no articles")
    }
    assert filling.log.live_articles() == 2


def test_what_is_remembered_of_rejects_is_bounded(filling: _Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr("indexer.feeds.sink._MAX_REMEMBERED", 2)
    for name in ("a", "b", "a", "c", "b", "a"):
        filling.sink.reject(Reject(file=name, line=1, reason="r"))
    assert [reject["file"] for reject in filling.listed()] == ["a", "b", "c", "a"]


@pytest.mark.timeout(20)
def test_a_full_log_is_waited_for(tmp_path: Path) -> None:
    """As much as fits is logged; whoever indexes is woken; nothing is lost and nothing is logged twice."""
    filling = _Filling(tmp_path, max_backlog=7)
    with filling.log, filling.rejects:
        filling.when_woken = lambda: filling.log.applied(filling.log.last_seq(), 0)
        filling.feed(*(_entry(str(n)) for n in range(50)))
        assert filling.log.last_seq() == 50
        assert filling.sink.statuses == {"created": 50}
        assert filling.woken >= 50 // 7


def test_a_full_log_can_be_stopped(tmp_path: Path) -> None:
    """What was logged is there, and the next time only the rest is logged."""
    filling = _Filling(tmp_path, max_backlog=20)
    with filling.log, filling.rejects:
        filling.when_woken = filling.stop.set
        with pytest.raises(Stopped):
            filling.feed(*(_entry(str(n)) for n in range(50)))
        logged = filling.log.last_seq()
        assert 0 < logged <= 20
        filling.stop.clear()
        filling.when_woken = lambda: filling.log.applied(filling.log.last_seq(), 0)
        filling.feed(*(_entry(str(n)) for n in range(50)))
        assert filling.log.last_seq() == 50


def test_long_feeds_are_many_transactions(filling: _Filling) -> None:
    """Each of at most `BATCH`, in order, with one outcome for each entry."""
    sizes = []
    append = filling.log.append

    def counted(submissions: Iterable[Submission]) -> list[Logged]:
        submitted = list(submissions)
        sizes.append(len(submitted))
        return append(submitted)

    filling.log.append = counted  # type: ignore[method-assign]
    filling.feed(*(_entry(str(n)) for n in range(2 * BATCH + 1)))
    assert sizes == [BATCH, BATCH, 1]
    assert filling.sink.statuses == {"created": 2 * BATCH + 1}


def test_events_name_their_client(filling: _Filling) -> None:
    """Whoever looks into the log sees who wrote."""
    filling.feed(_entry())
    filling.log.append([Submission("x", article("x"), b"x")])
    rows = filling.log._db.execute("SELECT client FROM event ORDER BY seq").fetchall()
    assert [client or "" for (client,) in rows] == [CLIENT, ""]


def test_a_feed_comes_from_the_network_into_the_log(filling: _Filling, tmp_path: Path) -> None:
    """The whole way, twice, in the thread that owns the log; counts are of what the log took."""
    with FeedServer() as server:
        server.answers["/feed"] = answer(orjson.dumps([NINJS_1, _entry("b", "x" * 5000), _entry("c")]))
        url = f"{server.url}/feed"
        outcomes: list[Outcome] = []
        for _ in range(2):
            with Follower(
                [Source("url", url)], tmp_path / "feeds.sqlite", allow_private=True, chance=Random(1)
            ) as follower:
                follower.run(filling.sink, filling.stop, reporter=outcomes.append, once=True)
    assert [(one.kind, one.taken, one.rejected) for one in outcomes] == [("read", 2, 1)]
    assert filling.sink.statuses == {"held": 1, "created": 1}
    (event,) = filling.events(NINJS_1["uri"], url)
    assert event.kind == "hold"
    assert event.article
    assert event.article.authors == ("By Ann Author",)
