"""What became of articles, as it is told: true of the epoch, in order, bounded, and silent about what waits.

Not here: HTTP (`test_http_changes.py`), what any log must tell (`log_contract.py`).
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from indexer.changes import MAX_VERSIONS, NeverShownError, TakenDownError, changes, versions, was_withdrawn
from indexer.events import MAX_HISTORY, Submission
from indexer.log import log_path
from partition.build import SegmentBuilder
from partition.changes import Put
from partition.manifest import RootManifest
from partition.types import Article
from tests.small_index import SmallIndex, article, contents, newest, put, titles

FOR_EVER = 1 << 53


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    """An empty archive."""
    with SmallIndex(tmp_path) as made:
        yield made


def hold(index: SmallIndex, one: Article, seconds: int) -> None:
    """Log an article that waits."""
    until_ms = index.clock.now_ms + seconds * 1000
    index.log.append([Submission(one.id, one, repr(one).encode(), embargoed_until_ms=until_ms)])


def act(index: SmallIndex, article_id: str, action: Any, reason: str = "") -> None:
    """Log something else."""
    index.log.append([Submission(article_id, None, b"", action, reason=reason)])


def told(root: Path, *, after: int = 0, limit: int = 3) -> list[tuple[int, str, str, int]]:
    """Everything that is told after a sequence, in pages."""
    manifest = newest(root)
    found: list[tuple[int, str, str, int]] = []
    while True:
        page = changes(root, manifest, after, limit)
        assert len(page.notices) <= limit
        found += [(one.seq, one.kind, one.article_id, one.version) for one in page.notices]
        assert page.through >= after
        after = page.through
        if not page.has_more:
            assert after == max(after, manifest.applied_seq)
            return found


def seen(root: Path, article_id: str, before: int = FOR_EVER) -> list[tuple[int, int, str | None, str | None]]:
    """The versions of an article: version, sequence, kind, and title where the text is told."""
    page = versions(root, newest(root), article_id, before)
    return [(one.version, one.seq, one.notice, one.article.title if one.article else None) for one in page.events]


def withdrawn(root: Path, article_id: str, seq: int | None = None) -> bool:
    """Whether the last that is told of an article, perhaps up to a sequence, is its withdrawal."""
    manifest = newest(root)
    return was_withdrawn(root, manifest, manifest.applied_seq if seq is None else seq, article_id)


def test_each_kind_of_change_is_told(index: SmallIndex) -> None:
    """By what it does to what is to be seen, whatever it was that did it."""
    index.put(article("a", "One"), article("b"))
    index.put(article("a", "Two"))
    index.withdraw("a")
    act(index, "a", "restore")
    act(index, "b", "takedown", "by order")
    hold(index, article("a", "Three"), 5)
    hold(index, article("c", "New"), 5)
    index.clock.pass_s(5)
    assert index.log.lift_due() == 2
    act(index, "a", "retry")
    index.publish()
    assert [entry[1:3] for entry in told(index.root)] == [
        ("created", "a"),
        ("created", "b"),
        ("corrected", "a"),
        ("withdrawn", "a"),
        ("restored", "a"),
        ("taken_down", "b"),
        ("corrected", "a"),
        ("created", "c"),
        ("corrected", "a"),
    ]
    page = changes(index.root, newest(index.root), 5, 1)
    assert [(one.reason, one.created_ms) for one in page.notices] == [("by order", index.clock.now_ms - 5000)]


def test_what_waited_and_was_withdrawn_leaves_no_trace(index: SmallIndex) -> None:
    """Neither in the feed nor among the versions; a takedown of what nobody saw is not told either."""
    index.put(article("a", "One"))
    hold(index, article("a", "Two"), 5)
    for name in ("b", "c"):
        hold(index, article(name, "Secret"), 5)
    index.withdraw("b")
    act(index, "c", "takedown")
    act(index, "d", "takedown")
    index.clock.pass_s(9)
    index.withdraw("a")
    hold(index, article("a", "Three"), 5)
    index.withdraw("a")
    index.publish()
    assert [entry[1:3] for entry in told(index.root)] == [("created", "a"), ("withdrawn", "a")]
    assert [entry[2] for entry in seen(index.root, "a")] == ["withdrawn", "created"]
    with pytest.raises(NeverShownError):
        seen(index.root, "b")
    assert index.log.lift_due() == 0
    assert titles(index.root) == {}
    assert [withdrawn(index.root, name) for name in ("a", "b", "c", "d", "nobody")] == [True, *4 * [False]]
    act(index, "a", "restore")
    index.publish()
    assert titles(index.root) == {"a": "One"}


def test_nothing_is_told_before_it_is_indexed(index: SmallIndex) -> None:
    """The log may be ahead: a change is told by the first epoch that has it."""
    index.put(article("a", "One"))
    first = index.publish()
    index.put(article("a", "Two"), article("b"))
    assert [entry[2] for entry in told(index.root)] == ["a"]
    assert [entry[0] for entry in seen(index.root, "a")] == [1]
    with pytest.raises(NeverShownError):
        seen(index.root, "b")
    index.publish()
    assert [entry[2] for entry in told(index.root, after=first.applied_seq)] == ["a", "b"]
    assert changes(index.root, first, first.applied_seq, 9).notices == [], "whoever has the older epoch open"


def test_after_the_end_there_is_nothing(tmp_path: Path) -> None:
    """However far, and without a look at the log."""
    with SmallIndex(tmp_path) as index:
        index.put(article("a"))
        manifest = index.publish()
    log_path(tmp_path).unlink()
    for after in (manifest.applied_seq, FOR_EVER):
        page = changes(tmp_path, manifest, after, 9)
        assert (page.notices, page.through, page.has_more) == ([], after, False)


def test_versions_are_those_that_were_seen(index: SmallIndex) -> None:
    """The newest first, each with its text; a retry is none; before any of them one can go on."""
    index.put(article("a", "One"))
    index.put(article("a", "Two"))
    act(index, "a", "retry")
    hold(index, article("a", "Three"), 5)
    index.clock.pass_s(5)
    index.log.lift_due()
    index.publish()
    assert seen(index.root, "a") == [
        (3, 5, "corrected", "Three"),
        (2, 2, "corrected", "Two"),
        (1, 1, "created", "One"),
    ]
    assert [entry[1] for entry in seen(index.root, "a", before=5)] == [2, 1]
    assert seen(index.root, "a", before=1) == []


def test_texts_are_told_while_their_article_is_to_be_seen(index: SmallIndex) -> None:
    """Of one that is withdrawn only what happened; restored, it is told again. Taken down, nothing is, at once."""
    index.put(article("a", "One"))
    index.withdraw("a")
    index.publish()
    assert seen(index.root, "a") == [(2, 2, "withdrawn", None), (1, 1, "created", None)]
    assert seen(index.root, "a", before=2) == [(1, 1, "created", None)]
    act(index, "a", "restore")
    assert seen(index.root, "a")[0][2] == "withdrawn", "not yet"
    index.publish()
    assert seen(index.root, "a") == [
        (3, 3, "restored", "One"),
        (2, 2, "withdrawn", None),
        (1, 1, "created", "One"),
    ]
    act(index, "a", "takedown")
    with pytest.raises(TakenDownError):
        seen(index.root, "a")


def test_a_text_that_is_damaged_hides_no_other(index: SmallIndex) -> None:
    """It is left out, and its version stands."""
    index.put(article("a", "One"))
    index.put(article("a", "Two"))
    index.publish()
    with sqlite3.connect(log_path(index.root)) as db:
        db.execute("UPDATE event SET body = x'01' WHERE seq = 1")
    db.close()
    assert seen(index.root, "a") == [(2, 2, "corrected", "Two"), (1, 1, "created", None)]


def test_many_versions_come_in_pages(index: SmallIndex) -> None:
    """A hundred at a time, fewer if they are long; nothing is repeated or skipped."""
    many = 2 * MAX_VERSIONS + 50
    index.log.append([one for number in range(many) for one in put(article("a", str(number)))])
    index.log.append([one for number in range(5) for one in put(article("b", str(number), body="x" * 400_000))])
    index.publish()

    def pages(article_id: str) -> Iterator[list[int]]:
        before = FOR_EVER
        while True:
            page = versions(index.root, newest(index.root), article_id, before)
            yield [one.version for one in page.events]
            before = page.events[-1].seq
            if not page.has_more:
                return

    found = list(pages("a"))
    assert list(map(len, found)) == [MAX_VERSIONS, MAX_VERSIONS, 50]
    assert [version for page in found for version in page] == list(range(many, 0, -1))
    assert list(pages("b")) == [[5, 4, 3], [2, 1]]


def test_the_feed_is_read_by_its_index(index: SmallIndex) -> None:
    """So that a page costs the same, however many events before it and between are not told."""
    index.put(article("a"))
    for number in range(3):
        hold(index, article("b", str(number)), 5)
    index.put(article("c"))
    db = index.log._db
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    assert len(index.log.changes(0, 9, 9)) == 2
    db.set_trace_callback(None)
    (statement,) = statements
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert plan == ["SEARCH event USING INDEX event_notice (seq>? AND seq<?)"]


def test_the_history_of_an_article_is_bounded(index: SmallIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was submitted under its id, only its last events are looked through."""
    monkeypatch.setattr("indexer.log_reading.MAX_HISTORY", 50)
    index.put(article("a", "Shown"))
    for number in range(48):
        hold(index, article("a", str(number)), 5)
    index.publish()
    assert [entry[3] for entry in seen(index.root, "a")] == ["Shown"]
    assert len(index.log.history("a")) == 49
    for number in range(2):
        hold(index, article("a", f"again {number}"), 5)
    assert len(index.log.history("a")) == 50
    assert index.log.history("a", told=True) == []
    assert MAX_HISTORY == 10_000


class Poison:
    """Articles whose body is `poison` cannot be indexed, until they can."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.potent = True
        add = SegmentBuilder.add

        def fails(builder: SegmentBuilder, put: Put) -> None:
            if put.article.body == "poison" and self.potent:
                raise ZeroDivisionError("nobody thought of this")
            add(builder, put)

        patched.setattr(SegmentBuilder, "add", fails)


def test_what_is_parked_is_not_told(index: SmallIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was before it in the same round is; a retry that succeeds is told."""
    poison = Poison(monkeypatch)
    index.put(article("a", "One"))
    index.publish()
    index.put(article("a", "Two"))
    index.withdraw("a")
    index.put(article("a", "Three", body="poison"), article("b", "New", body="poison"), article("c"))
    index.publish()
    act(index, "b", "retry")
    index.publish()
    assert {(one.article_id, one.seq, one.after_seq) for one in newest(index.root).parked} == {
        ("a", 4, 3),
        ("b", 7, 1),
    }
    assert titles(index.root) == {"c": "A title"}
    assert [entry[:3] for entry in told(index.root)] == [
        *((1, "created", "a"), (2, "corrected", "a"), (3, "withdrawn", "a")),
        (6, "created", "c"),
    ]
    assert [entry[3] for entry in seen(index.root, "a")] == [None, None, None]
    assert withdrawn(index.root, "a")
    assert not withdrawn(index.root, "a", 2)
    with pytest.raises(NeverShownError):
        seen(index.root, "b")
    poison.potent = False
    act(index, "a", "retry")
    act(index, "b", "retry")
    index.publish()
    assert [entry[:3] for entry in told(index.root, after=7)] == [(8, "corrected", "a"), (9, "corrected", "b")]
    assert [entry[3] for entry in seen(index.root, "a")] == ["Three", None, "Two", "One"]
    assert [entry[3] for entry in seen(index.root, "b")] == ["New"]
    assert not withdrawn(index.root, "a")


IDS = [f"a/{number}" for number in range(3)]


class Replay(RuleBasedStateMachine):
    """Everything that can happen to articles, and two who follow: one from the beginning, one from where it was."""

    @initialize()
    def start(self) -> None:
        """An empty archive."""
        self.folder = Path(tempfile.mkdtemp(prefix="feed-"))
        self.patched = pytest.MonkeyPatch()
        self.poison = Poison(self.patched)
        self.index = SmallIndex(self.folder, partitions=2)
        self.followed: dict[str, int] = {}
        self.through = 0

    @rule(name=st.sampled_from(IDS), title=st.sampled_from("XYZ"), body=st.sampled_from(("", "poison")))
    def put(self, name: str, title: str, body: str) -> None:
        """A version, perhaps one that cannot be indexed."""
        self.index.put(article(name, title, body=body))

    @rule(name=st.sampled_from(IDS), title=st.sampled_from("XYZ"), seconds=st.integers(1, 9))
    def hold(self, name: str, title: str, seconds: int) -> None:
        """A version that waits."""
        hold(self.index, article(name, title), seconds)

    @rule(name=st.sampled_from(IDS), action=st.sampled_from(("withdraw", "withdraw", "restore", "retry", "retry")))
    def act(self, name: str, action: str) -> None:
        """What is no version."""
        act(self.index, name, action)

    @rule(name=st.just(IDS[0]))
    def take_down(self, name: str) -> None:
        """One of them, or soon there would be none left."""
        act(self.index, name, "takedown")

    @rule(seconds=st.integers(1, 9))
    def lift(self, seconds: int) -> None:
        """Time passes."""
        self.index.clock.pass_s(seconds)
        self.index.log.lift_due()

    @rule()
    def freeze(self) -> None:
        """An event of no article."""
        self.index.log.append_statistics()

    @rule(potent=st.booleans())
    def cure(self, *, potent: bool) -> None:
        """What could not be indexed can be, or the other way round."""
        self.poison.potent = potent

    @precondition(lambda self: self.index.log.last_seq())
    @rule(limit=st.integers(1, 4))
    def publish(self, limit: int) -> None:
        """Both know what is to be seen, and which version of it."""
        manifest = self.index.publish()
        shown = {name: stored["version"] for name, stored in contents(self.folder).items()}
        assert self._replayed(manifest, {}, 0, limit) == shown
        self.followed = self._replayed(manifest, self.followed, self.through, limit)
        self.through = manifest.applied_seq
        assert self.followed == shown
        for name in IDS:
            try:
                page = versions(self.folder, manifest, name, FOR_EVER)
            except NeverShownError:
                assert name not in shown
            except TakenDownError:
                assert self.index.log.standing(name).state == "down"
            else:
                assert (page.events[0].notice != "withdrawn") == (name in shown)
                if name in shown:
                    assert page.events[0].version == shown[name]
                assert len({one.version for one in page.events}) == len(page.events)

    def _replayed(self, manifest: RootManifest, known: dict[str, int], after: int, limit: int) -> dict[str, int]:
        known = dict(known)
        while True:
            page = changes(self.folder, manifest, after, limit)
            for one in page.notices:
                assert after < one.seq <= page.through
                known[one.article_id] = one.version
                if one.kind in {"withdrawn", "taken_down"}:
                    del known[one.article_id]
            after = page.through
            if not page.has_more:
                return known

    def teardown(self) -> None:
        """Remove it."""
        if hasattr(self, "index"):
            self.index.__exit__(None, None, None)
            self.patched.undo()
            rmtree(self.folder)


Replay.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestReplay: Any = Replay.TestCase
