"""Sends, sends again, shuffles, breaks off, dies and replays, and compares the whole index with a model of dicts.

    python -m tests.indexer.replay_harness --count 10000 --seed 1 [--mutant first-wins]

Contract: each sequence is drawn at random for a new archive. Submissions of all kinds have message ids, and come
again later, in any order; transactions break off; the log is applied up to any point, by processes that may be killed
at any step, or all of it is built anew. After each publication the index holds what the model holds at the sequence
that its manifest says, each article in the version that was shown there. The first thing that is not so raises
`AssertionError`, which names the seed of its sequence. With one of the `MUTANTS` it must.

Not here: what a log must do (`log_contract.py`), services (`tests/broadsheet/live_kill_harness.py`).
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from indexer.events import Event, Submission
from indexer.log import EventLog
from indexer.log_messages import Messages
from indexer.projection import Projector
from indexer.publisher import Retention
from partition.manifest import Layout, RootManifest
from tests.indexer.death import dies_at
from tests.indexer.log_contract import IDS, OF_NO_PARTITION, Model
from tests.indexer.mutants import forgets_messages
from tests.small_index import SmallIndex, article, contents, newest

STEPS = 14
PARTITIONS = 2
_ACTIONS = ("put", "put", "put", "put", "withdraw", "restore", "retry", "takedown")
_DEADLY = 40
"""Changes of the file system that most publications stay below."""


class Sequence:
    """One archive, and its model."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._random = Random(seed)
        self._sent: list[Submission] = []
        self._model = Model()

    def run(self) -> None:
        """All of it."""
        with self._index() as index:
            self._log(index)
        steps: tuple[Callable[[SmallIndex], None], ...] = (
            *(self._log, self._log, self._log, self._break_off),
            *(self._apply, self._apply, self._die, self._rebuild),
        )
        for _ in range(STEPS):
            with self._index() as index:
                self._random.choice(steps)(index)
            self._compare()
        with self._index() as index:
            index.publish()
        assert self._applied() == self._model.seq
        self._compare()

    def _index(self) -> SmallIndex:
        return SmallIndex(self._root, partitions=PARTITIONS, retention=Retention(seconds=0))

    def _log(self, index: SmallIndex) -> None:
        new = [self._submission(len(self._sent) + number) for number in range(self._random.randint(1, 6))]
        self._sent += new
        batch = new + self._random.sample(self._sent, min(3, len(self._sent)))
        self._random.shuffle(batch)
        assert index.log.append(batch) == [self._model.submit(one, index.clock()) for one in batch]

    def _submission(self, number: int) -> Submission:
        action: Any = self._random.choice(_ACTIONS)
        article_id = self._random.choice(IDS)
        message = number.to_bytes(4, "big")
        if action != "put":
            return Submission(article_id, None, b"", action, message_id=message)
        title = f"Title {self._random.randint(0, 3)}"
        return Submission(article_id, article(article_id, title), title.encode(), message_id=message)

    def _break_off(self, index: SmallIndex) -> None:
        def broken() -> Iterator[Submission]:
            yield self._submission(10**6)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            index.log.append(broken())
        if self._random.random() < 0.3:
            self._model.seq += 1
            assert index.log.append_statistics() == self._model.seq

    def _apply(self, index: SmallIndex) -> None:
        applied = self._applied()
        through = self._random.randint(min(applied + 1, self._model.seq), self._model.seq)
        index.projector.project(through, merge=self._random.random() < 0.2)

    def _die(self, index: SmallIndex) -> None:
        index.log.close()

        def publish() -> None:
            with self._index() as other:
                other.publish()

        dies_at(self._random.randint(1, _DEADLY), publish)

    def _rebuild(self, index: SmallIndex) -> None:
        if self._model.seq:
            index.projector.rebuild()

    def _applied(self) -> int:
        return newest(self._root).applied_seq if Layout(self._root).newest_epoch() else 0

    def _compare(self) -> None:
        applied = self._applied()
        last = {one[2]: one for one in self._model.events if one[0] <= applied and one[1] not in OF_NO_PARTITION}
        due = {name: (one[3], one[4].title) for name, one in last.items() if one[4]}
        stored = contents(self._root) if applied else {}
        held = {name: (one["version"], one["title"]) for name, one in stored.items()}
        assert held == due, f"after event {applied} the index holds {held}, not {due}"


def _late_ones_taken() -> Iterable[Any]:
    return [patch.object(Messages, name, method) for name, method in forgets_messages().items()]


def _first_wins() -> Iterable[Any]:
    """Of several events of an article that are applied together, the first counts."""

    def read(self: EventLog, partition: int, after: int, through: int) -> Iterator[Event]:
        for event in reads(self, partition, after, through):
            same = [one for one in self.history(event.article_id) if after < one.seq <= through]
            yield [one for one in same if one.partition == partition][-1]

    reads = EventLog.read
    return (patch.object(EventLog, "read", read),)


def _position_ahead() -> Iterable[Any]:
    """An epoch says that it has applied one event more than it has."""

    def advance(self: Projector, manifest: RootManifest, through: int, **named: Any) -> RootManifest:
        done = advances(self, manifest, max(manifest.applied_seq, through - 1), **named)
        return replace(done, applied_seq=through)

    advances = Projector._advance
    compare = patch.object(Projector, "_compare", lambda *_given: None)
    return patch.object(Projector, "_advance", advance), compare


MUTANTS: dict[str, Callable[[], Iterable[Any]]] = {
    "late-ones-taken": _late_ones_taken,
    "first-wins": _first_wins,
    "position-ahead": _position_ahead,
}


def sequences(count: int, seed: int, mutant: str = "") -> Iterator[int]:
    """So many sequences; gives the number of each that was right.

    Raises:
        AssertionError: one was not.
    """
    for patched in MUTANTS[mutant]() if mutant else ():
        patched.start()
    try:
        for number in range(count):
            with tempfile.TemporaryDirectory(prefix="replay-") as folder:
                _one(Path(folder), seed * 1_000_003 + number)
            yield number + 1
    finally:
        patch.stopall()


def _one(root: Path, seed: int) -> None:
    try:
        Sequence(root, seed).run()
    except Exception as error:
        raise AssertionError(f"sequence {seed}: {error}") from error


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Replay random sequences of events.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    for done in sequences(given.count, given.seed, given.mutant):
        if done % 100 == 0 or done == given.count:
            sys.stdout.write(f"{done:,} sequences of {STEPS} steps: no divergence\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
