"""The event log against a model of plain lists and dicts.

Not here: promises one by one (`test_log.py`).
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from indexer.log import EventLog, Submission
from indexer.routing import partition_of
from partition.types import Article
from tests.small_index import article, put, withdraw


@dataclass
class Model:
    """What a log must hold: plain lists and dicts."""

    events: list[tuple[int, str, str, int, Article | None]] = field(default_factory=list)
    statistics: list[tuple[int, int]] = field(default_factory=list)
    articles: dict[str, tuple[int, Article | None]] = field(default_factory=dict)
    """Version and content by id; `None` when withdrawn."""
    seq: int = 0

    def append(self, submission: Submission) -> int | None:
        """One submission, and its sequence if it changes anything."""
        article_id, new = submission.article_id, submission.article
        version, old = self.articles.get(article_id, (0, None))
        if new == old:
            return None
        self.seq += 1
        self.articles[article_id] = (version + 1, new)
        self.events.append((self.seq, "put" if new else "withdraw", article_id, version + 1, new))
        return self.seq

    def live(self) -> int:
        """How many articles are there."""
        return sum(content is not None for _version, content in self.articles.values())


_ids = st.sampled_from([f"a/{number}" for number in range(12)])
_submissions = st.builds(
    lambda article_id, title: (put(article(article_id, title)) if title else withdraw(article_id))[0],
    _ids,
    st.sampled_from(("One", "Two", None)),
)


class Log(RuleBasedStateMachine):
    """Puts, corrections, withdrawals, failures, statistics and reopening, against the model."""

    @initialize(partitions=st.sampled_from((1, 3)))
    def start(self, partitions: int) -> None:
        """An empty log."""
        self.folder = Path(tempfile.mkdtemp(prefix="log-"))
        self.log = EventLog(self.folder / "log.sqlite", partitions=partitions)
        self.model = Model()

    @rule(batch=st.lists(_submissions, max_size=8))
    def append(self, batch: list[Submission]) -> None:
        """One transaction."""
        assert self.log.append(batch) == [self.model.append(submission) for submission in batch]

    @rule(batch=st.lists(_submissions, max_size=5))
    def append_and_fail(self, batch: list[Submission]) -> None:
        """A transaction that breaks off never was."""

        def broken() -> Iterator[Submission]:
            yield from batch
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.log.append(broken())

    @rule()
    def freeze(self) -> None:
        """A statistics event takes a sequence."""
        self.model.seq += 1
        assert self.log.append_statistics() == self.model.seq
        self.model.statistics.append((self.model.seq, self.model.live()))

    @rule(known=st.booleans())
    def reopen(self, *, known: bool) -> None:
        """Closing and opening changes nothing."""
        partitions = self.log.partitions
        self.log.close()
        self.log = EventLog(self.folder / "log.sqlite", partitions=partitions if known else None)

    @rule(after=st.integers(0, 60), count=st.integers(0, 60))
    def read(self, after: int, count: int) -> None:
        """Any range of events."""
        self._read_equals_the_model(after, after + count)

    def _read_equals_the_model(self, after: int, through: int) -> None:
        last = {event[2]: event for event in self.model.events if after < event[0] <= through}
        for partition in range(self.log.partitions):
            found = [
                (event.seq, event.kind, event.article_id, event.version, event.article)
                for event in self.log.read(partition, after, through)
            ]
            mine = (event for event in last.values() if partition_of(event[2], self.log.partitions) == partition)
            assert found == sorted(mine, key=lambda event: event[0])

    @invariant()
    def equals_the_model(self) -> None:
        """Everything that can be read."""
        assert self.log.last_seq() == self.model.seq
        assert self.log.live_articles() == self.model.live()
        assert self.log.statistics_events(0, self.model.seq) == self.model.statistics
        partitions = Counter(partition_of(event[2], self.log.partitions) for event in self.model.events)
        assert self.log.pending(0, self.model.seq) == partitions
        self._read_equals_the_model(0, self.model.seq)

    def teardown(self) -> None:
        """Remove the log."""
        if hasattr(self, "log"):
            self.log.close()
            rmtree(self.folder)


Log.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestLog: Any = Log.TestCase
