"""What every event log must do, against a model of plain lists and dicts: `log_machine(open_log)` is a test case.

Not here: promises of one adapter about its files (`test_log.py`).
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from indexer.events import Log, LogFullError, Notice, NoticeKind, OtherSubmissionError, Outcome, Submission
from indexer.routing import partition_of
from partition.types import Article
from tests.small_index import Clock, article

Open = Callable[[Path, int | None, int | None, Clock], Any]
"""A folder, the partitions of a new log, its bound and a clock to a log that can be closed."""

IDS = [f"a/{number}" for number in range(8)]
OF_NO_PARTITION = {"hold", "cancel"}
"""Kinds of events that change nothing in the index."""
MESSAGES = [bytes([number // 3, number]) for number in range(9)]


@dataclass
class Known:
    """One article, as the model has it."""

    version: int = 0
    shown: tuple[int, Article] | None = None
    last: Article | None = None
    given: int = 0
    """The version that was shown last."""
    held: tuple[int, Article, int] | None = None
    down: bool = False


@dataclass
class Model:
    """What a log must hold: plain lists and dicts."""

    events: list[tuple[int, str, str, int, Article | None]] = field(default_factory=list)
    """All but statistics: sequence, kind, id, version, what is shown."""
    statistics: list[tuple[int, int]] = field(default_factory=list)
    articles: dict[str, Known] = field(default_factory=lambda: {one: Known() for one in IDS})
    messages: dict[bytes, tuple[str, Outcome]] = field(default_factory=dict)
    said: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)
    """What was submitted under a message id."""
    told: dict[int, Notice] = field(default_factory=dict)
    """What readers are told, by sequence."""
    lives: dict[int, int] = field(default_factory=dict)
    """How many articles were to be seen after some events."""
    seq: int = 0
    now_ms: int = 0
    reason: str = ""
    """Of the submission that is logged."""

    def _event(
        self, kind: str, article_id: str, version: int, content: Article | None, told: NoticeKind | None
    ) -> int:
        self.seq += 1
        self.events.append((self.seq, kind, article_id, version, content))
        if told:
            self.told[self.seq] = Notice(self.seq, told, article_id, version, self.now_ms, self.reason)
        return self.seq

    def contradicts(self, batch: Iterable[Submission]) -> bool:
        """Whether a message id comes again with something else; what is said, if not, is remembered."""
        said = dict(self.said)
        for one in batch:
            what = one.action, one.article_id, one.article, one.reason, one.embargoed_until_ms
            if one.message_id and said.setdefault(one.message_id, what) != what:
                return True
        self.said = said
        return False

    def submit(self, one: Submission, now_ms: int) -> Outcome:
        """One submission."""
        if one.message_id and one.message_id in self.messages:
            return self.messages[one.message_id][1]
        self.now_ms, self.reason = now_ms, one.reason
        outcome = self._submit(one, self.articles[one.article_id], now_ms)
        if one.message_id:
            self.messages[one.message_id] = one.article_id, outcome
        return outcome

    def _submit(self, one: Submission, known: Known, now_ms: int) -> Outcome:  # noqa: C901 - a case for each action
        shown = known.shown[0] if known.shown else 0
        if known.down:
            return Outcome("unchanged" if one.action == "takedown" else "blocked", None, known.version)
        if one.expected_version is not None and one.expected_version != shown:
            return Outcome("conflict", None, known.version)
        new = known.version + 1
        if one.action == "put":
            assert one.article
            same = known.shown is not None and known.shown[1] == one.article
            waits = one.embargoed_until_ms is not None and one.embargoed_until_ms > now_ms
            again = waits and known.held is not None and known.held[1:] == (one.article, one.embargoed_until_ms)
            if again or (same and (known.held is None or waits)):
                return Outcome("unchanged", None, known.held[0] if again and known.held else known.version)
            if same:
                known.held = None
                self._event("cancel", one.article_id, known.version, None, None)
                return Outcome("unchanged", None, known.version)
            if waits:
                known.held = new, one.article, one.embargoed_until_ms or 0
                return Outcome("held", self._event("hold", one.article_id, new, one.article, None), new)
            known.version = new
            status: Literal["corrected", "created"] = "corrected" if known.shown else "created"
            kind = "correct" if known.shown else "put"
            known.shown, known.last, known.held, known.given = (new, one.article), one.article, None, new
            return Outcome(status, self._event(kind, one.article_id, new, one.article, status), new)
        if one.action == "takedown":
            self.articles[one.article_id] = Known(new, down=True)
            seq = self._event("takedown", one.article_id, new, None, "taken_down" if known.last else None)
            return Outcome("taken down", seq, new)
        if one.action == "retry":
            return self._retry(one.article_id, known)
        if one.action == "withdraw":
            if not known.shown and not known.held:
                return Outcome("absent", None, known.version)
            if not known.shown:
                known.held = None
                seq = self._event("cancel", one.article_id, known.version, None, None)
                return Outcome("withdrawn", seq, known.version)
            known.version, known.shown, known.held = new, None, None
            return Outcome("withdrawn", self._event("withdraw", one.article_id, new, None, "withdrawn"), new)
        if known.shown or known.last is None:
            return Outcome("absent", None, known.version)
        known.version, known.shown, known.held, known.given = new, (new, known.last), None, new
        return Outcome("restored", self._event("restore", one.article_id, new, known.last, "restored"), new)

    def _retry(self, article_id: str, known: Known) -> Outcome:
        if not known.shown and known.last is None:
            return Outcome("absent", None, known.version)
        content = known.shown[1] if known.shown else None
        seq = self._event("retry", article_id, known.given, content, "corrected" if content else None)
        return Outcome("retried", seq, known.version)

    def lift(self, now_ms: int, at_most: int) -> int:
        """So much of what is due, in order of time."""
        self.now_ms, self.reason = now_ms, ""
        due = [(one.held[2], one.held[0], name) for name, one in self.articles.items() if one.held]
        due = [entry for entry in due if entry[0] <= now_ms]
        holds = {(event[2], event[3]): event[0] for event in self.events if event[1] == "hold"}
        due.sort(key=lambda entry: (entry[0], holds[entry[2], entry[1]]))
        for _until_ms, version, name in due[:at_most]:
            known = self.articles[name]
            assert known.held
            told: NoticeKind = "corrected" if known.shown else "created"
            known.given, known.last, _until_ms = known.held
            known.version = version
            known.shown, known.held = known.held[:2], None
            self._event("lift", name, version, known.last, told)
        return min(len(due), at_most)

    def live(self) -> int:
        """How many articles are there."""
        return sum(one.shown is not None for one in self.articles.values())


_LANGUAGES = {"One": "", "Two": "de-AT"}
_titles = st.sampled_from(tuple(_LANGUAGES))
_submissions = st.builds(
    lambda article_id, title, action, embargo_s, expected, message, reason: (
        *(article_id, title if action == "put" else None, action, embargo_s if action == "put" else None),
        *(expected, message, reason),
    ),
    st.sampled_from(IDS),
    _titles,
    st.sampled_from(("put", "put", "put", "withdraw", "restore", "takedown", "retry")),
    st.none() | st.none() | st.integers(-5, 20),
    st.none() | st.none() | st.integers(0, 3),
    st.none() | st.sampled_from(MESSAGES),
    st.sampled_from(("", "ends")),
)


def log_machine(open_log: Open) -> Any:  # noqa: C901 - a class made for one adapter
    """A test case that holds the logs which `open_log` opens to the contract."""

    class Machine(RuleBasedStateMachine):
        """Submissions of all kinds, failures, lifts, statistics and reopening."""

        @initialize(partitions=st.sampled_from((1, 3)))
        def start(self, partitions: int) -> None:
            """An empty log."""
            self.folder = Path(tempfile.mkdtemp(prefix="log-"))
            self.clock = Clock()
            self.log: Log = open_log(self.folder, partitions, None, self.clock)
            self.archive = self.log.archive
            self.model = Model()
            self.applied = self.per_s = 0

        def _submission(self, drawn: tuple[Any, ...]) -> Submission:
            article_id, title, action, embargo_s, expected, message, reason = drawn
            content = article(article_id, title, language=_LANGUAGES[title]) if title else None
            until_ms = None if embargo_s is None else self.clock.now_ms + embargo_s * 1000
            digest = title.encode() if title else b""
            return Submission(article_id, content, digest, action, until_ms, expected, reason, message_id=message)

        @rule(batch=st.lists(_submissions, max_size=8))
        def append(self, batch: list[Any]) -> None:
            """One transaction."""
            submitted = [self._submission(drawn) for drawn in batch]
            if self.model.contradicts(submitted):
                with pytest.raises(OtherSubmissionError):
                    self.log.append(submitted)
                return
            expected = [self.model.submit(one, self.clock.now_ms) for one in submitted]
            assert self.log.append(submitted) == expected

        @rule(batch=st.lists(_submissions, max_size=5))
        def append_and_fail(self, batch: list[Any]) -> None:
            """A transaction that breaks off never was."""

            def broken() -> Iterator[Submission]:
                yield from map(self._submission, batch)
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                self.log.append(broken())

        @rule(seconds=st.integers(0, 15), at_most=st.integers(1, 5))
        def wait_and_lift(self, seconds: int, at_most: int) -> None:
            """What is due is lifted, in order, so many at a time."""
            self.clock.pass_s(seconds)
            assert self.log.lift_due(at_most) == self.model.lift(self.clock.now_ms, at_most)

        @rule()
        def freeze(self) -> None:
            """A statistics event takes a sequence."""
            self.model.seq += 1
            assert self.log.append_statistics() == self.model.seq
            self.model.statistics.append((self.model.seq, self.model.live()))

        @rule(bounded=st.booleans())
        def reopen(self, *, bounded: bool) -> None:
            """Closing and opening changes nothing; a bound refuses what would be too much, and takes what is not."""
            self.log.close()
            bound = self.model.seq - self.applied + 1 if bounded else None
            self.log = open_log(self.folder, None, bound, self.clock)
            assert self.log.archive == self.archive
            if bound:
                two = [Submission(one, article(one, "Three"), b"Three") for one in IDS[:2]]
                if all(not self.model.articles[one.article_id].down for one in two):
                    with pytest.raises(LogFullError, match="changes wait to be indexed"):
                        self.log.append(two)
                self.append([])
                self.reopen(bounded=False)

        @rule(share=st.floats(0, 1), timed=st.booleans())
        def apply(self, share: float, *, timed: bool) -> None:
            """The index comes some way; how fast it was the last time stays, where nobody says."""
            self.applied += int((self.model.seq - self.applied) * share)
            self.per_s += timed
            self.log.applied(self.applied, self.per_s if timed else None)

        @rule(before=st.sampled_from((*MESSAGES, b"\xff")), at_most=st.integers(1, 3))
        def forget(self, before: bytes, at_most: int) -> None:
            """What was submitted under old ids counts as new."""
            old = sorted(one for one in self.model.messages if one < before)[:at_most]
            assert self.log.forget(before, at_most) == len(old)
            for one in old:
                del self.model.messages[one], self.model.said[one]

        @rule(after=st.integers(0, 60), count=st.integers(0, 60), limit=st.integers(1, 9))
        def follow(self, after: int, count: int, limit: int) -> None:
            """What readers are told in any range, and of an article before any sequence: as much as was asked for."""
            told = [one for seq, one in self.model.told.items() if after < seq <= after + count]
            assert self.log.changes(after, after + count, limit) == told[:limit]
            for name in IDS:
                mine = [one for one in self.model.told.values() if one.article_id == name and one.seq < after]
                found = self.log.history(name, before=after, limit=limit, told=True)
                notices = [(one.seq, one.notice, name, one.version, one.created_ms, one.reason) for one in found]
                assert notices == mine[::-1][:limit]

        @rule(after=st.integers(0, 60), count=st.integers(0, 60))
        def read(self, after: int, count: int) -> None:
            """Any range of events."""
            self._read_equals_the_model(after, after + count)

        def _read_equals_the_model(self, after: int, through: int) -> None:
            events = [
                event
                for event in self.model.events
                if after < event[0] <= through and event[1] not in OF_NO_PARTITION
            ]
            last = {event[2]: event for event in events}
            for partition in range(self.log.partitions):
                found = [
                    (event.seq, event.kind, event.article_id, event.version, event.article)
                    for event in self.log.read(partition, after, through)
                ]
                mine = (one for one in last.values() if partition_of(one[2], self.log.partitions) == partition)
                assert found == sorted(mine, key=lambda event: event[0])

        @invariant()
        def equals_the_model(self) -> None:
            """Everything that can be read."""
            log, model = self.log, self.model
            assert log.last_seq() == model.seq
            assert log.live_articles() == model.live()
            model.lives[model.seq] = model.live()
            assert {seq: log.live_articles(seq) for seq in model.lives} == model.lives
            downs = [event[0] for event in model.events if event[1] == "takedown"]
            for seq in model.lives:
                assert log.taken_down(seq) == sum(down > seq for down in downs)
            assert log.drain() == (model.seq - self.applied, self.per_s)
            assert log.statistics_events(0, model.seq) == model.statistics
            shown = [event for event in model.events if event[1] not in OF_NO_PARTITION]
            for through in model.lives:
                languages: dict[str, int] = {}
                for seq, _kind, _name, _version, content in shown:
                    if content and seq <= through:
                        languages.setdefault("de" if content.language else "en", seq)
                assert log.languages(through) == languages
            assert log.pending(0, model.seq) == Counter(partition_of(one[2], log.partitions) for one in shown)
            self._read_equals_the_model(0, model.seq)
            assert log.changes(0, model.seq, model.seq + 1) == list(model.told.values())
            live: set[str] = set()
            for notice in model.told.values():
                (live.discard if notice.kind in {"withdrawn", "taken_down"} else live.add)(notice.article_id)
            assert live == {name for name, known in model.articles.items() if known.shown}
            waiting = [one.held[2] for one in model.articles.values() if one.held]
            assert log.next_lift_ms() == min(waiting, default=None)
            for name, known in model.articles.items():
                standing = log.standing(name)
                assert standing.version == known.version
                assert (standing.state == "down") == known.down
                assert (standing.shown if standing.state == "live" else 0) == (known.shown or (0,))[0]
                found = [(one.seq, one.kind, one.version, one.article) for one in log.history(name)]
                mine = [(seq, kind, version, body) for seq, kind, id_, version, body in model.events if id_ == name]
                assert found == mine[::-1]
            for prefix in (b"", b"\0", b"\1", b"\2"):
                sent = [(key, *value) for key, value in sorted(model.messages.items()) if key.startswith(prefix)]
                assert log.outcomes(prefix, b"", 100) == sent
                for seqs in ([], [1], list(range(0, model.seq + 1, 2))):
                    assert log.led_to(prefix, seqs) == sum(outcome.seq in seqs for _key, _name, outcome in sent)
                if sent:
                    assert log.outcomes(prefix, sent[0][0], 2) == sent[1:3]

        @invariant()
        def says_what_events_brought(self) -> None:
            """In order, with the event before; and the events of each article."""
            log, model = self.log, self.model
            earlier: dict[str, int] = {}
            brought = []
            for seq, kind, name, _version, content in model.events:
                text = content if kind in {"put", "correct", "lift"} else None
                brought.append((seq, kind, name, earlier.get(name, 0), text))
                earlier[name] = seq
                assert log.text_of(seq) == text
            assert list(log.brought(0, model.seq)) == brought
            assert list(log.brought(2, 5)) == [one for one in brought if 2 < one[0] <= 5]
            for name in model.articles:
                assert log.chain(name) == [event[0] for event in model.events[::-1] if event[2] == name]

        def teardown(self) -> None:
            """Remove the log."""
            if hasattr(self, "log"):
                self.log.close()
                rmtree(self.folder)

    Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
    return Machine.TestCase
