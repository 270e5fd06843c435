"""Readers beside a publisher that dies again and again, at every step: each answer is that of exactly one epoch.

    python -m tests.indexer.torn_harness --readers 4 --reads 1000000 [--mutant named-too-soon]

Contract: what the archive holds after event n of its log is known for every n (`state`). A publisher goes through the
events a few at a time and is killed before each change that it makes to the file system (`death.py`), until it
survives. Meanwhile readers open the newest epoch, again and again, and compare all that it holds with what its
manifest says was applied. The first read that fails, or is not so, raises `AssertionError`. With a mutant it
must.

Not here: what is left behind by the dead (`test_deaths.py`), random moments (`kill_harness.py`).
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

from indexer import publisher
from indexer.publisher import Retention
from partition.manifest import Layout, read_manifest
from partition.reader import PartitionReader
from tests.indexer.death import dies_at
from tests.indexer.mutants import write_in_pieces
from tests.small_index import SmallIndex, article

ARTICLES = 12
PARTITIONS = 2
EVENTS = 7
"""Logged before each publication, besides one statistics event."""
_RETENTION = Retention(seconds=30)
"""Longer than any read takes."""


def state(seq: int) -> dict[str, str]:
    """The title of each article after event `seq`: most events put the next one, some withdraw it."""
    titles: dict[str, str] = {}
    for event in range(max(1, seq - 3 * ARTICLES), seq + 1):
        article_id = f"a/{event % ARTICLES}"
        if event % (EVENTS + 1) == 0:
            continue  # statistics
        if _withdraws(event):
            titles.pop(article_id, None)
        else:
            titles[article_id] = f"Title {event}"
    return titles


def _withdraws(event: int) -> bool:
    # Never an article that is not there: the event before that met it was a put.
    met = event - ARTICLES
    return event % 5 == 0 and met > 0 and met % (EVENTS + 1) != 0 and met % 5 != 0


def _log_more(root: Path, first: int) -> None:
    with SmallIndex(root, partitions=PARTITIONS, retention=_RETENTION) as index:
        for event in range(first, first + EVENTS):
            article_id = f"a/{event % ARTICLES}"
            if _withdraws(event):
                given = index.withdraw(article_id)
            else:
                given = index.put(article(article_id, f"Title {event}", body=f"word{event} and others " * 5))
            assert given == [event]
        assert index.log.append_statistics() == first + EVENTS


def _named_too_soon() -> None:
    publisher.write_durably = write_in_pieces  # type: ignore[attr-defined]


MUTANTS: dict[str, Callable[[], None]] = {"named-too-soon": _named_too_soon}


def _publish(root: Path, mutant: str = "") -> None:
    if mutant:
        MUTANTS[mutant]()  # in a process that ends soon
    with SmallIndex(root, partitions=PARTITIONS, retention=_RETENTION) as index:
        index.publish()


def look(root: Path) -> int:
    """Open the newest epoch and compare; returns the last event that it has applied."""
    layout = Layout(root)
    manifest = read_manifest(layout, layout.newest_epoch())
    held = {}
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            reader = PartitionReader(layout.partition(partition), record)
            for ordinal, segment in enumerate(reader.segments):
                for docnum in segment.live.nonzero()[0].tolist():
                    held[segment.article_id(docnum)] = reader.stored(ordinal, docnum)["title"]
    due = state(manifest.applied_seq)
    assert held == due, f"epoch {manifest.epoch}, applied through {manifest.applied_seq}: {held}, not {due}"
    return manifest.applied_seq


def _read(root: Path) -> None:
    """What a reader does, until nobody listens to it any more: a line for each hundred reads."""
    with contextlib.suppress(BrokenPipeError):
        while True:
            for _read in range(100):
                look(root)
            sys.stdout.write("a hundred\n")
            sys.stdout.flush()


@contextlib.contextmanager
def _reading(root: Path, readers: int) -> "Iterator[tuple[list[int], list[subprocess.Popen[str]]]]":
    """Hundreds of reads so far, by reader."""
    command = [sys.executable, "-m", "tests.indexer.torn_harness", "--look-at", str(root)]
    counts = [0] * readers
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) for _ in counts]

        def count(at: int) -> None:
            lines = running[at].stdout
            assert lines
            for _line in lines:
                counts[at] += 1

        counting = [Thread(target=count, args=(at,)) for at in range(readers)]
        for thread in counting:
            thread.start()
        try:
            yield counts, running
        finally:
            for one in running:
                one.kill()
            for thread in counting:
                thread.join()


def deaths_beside_readers(
    root: Path, *, readers: int, reads: int, mutant: str = ""
) -> Iterator[tuple[int, int, int]]:
    """Publish, and die, until there were so many reads; (reads, deaths, epochs) after each publication.

    Raises:
        AssertionError: a reader saw something else than one whole epoch; its trace is on standard error.
    """
    _log_more(root, 1)
    _publish(root)
    seq, deaths = EVENTS + 1, 0
    with _reading(root, readers) as (counts, running):
        while sum(counts) * 100 < reads or not all(counts):
            _log_more(root, seq + 1)
            seq += EVENTS + 1
            step = 1
            while dies_at(step, partial(_publish, root, mutant)):
                deaths += 1
                step += 1
                assert look(root) in {seq, seq - EVENTS - 1}
                ended = [one.pid for one in running if one.poll() is not None]
                assert not ended, "a reader found something wrong"
            assert look(root) == seq
            yield sum(counts) * 100, deaths, Layout(root).newest_epoch()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Read while publishers die.")
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    parser.add_argument("--look-at", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.look_at:
        _read(given.look_at)
        return
    with tempfile.TemporaryDirectory(prefix="torn-") as folder:
        root = Path(folder) / "archive"
        for reads, deaths, epochs in deaths_beside_readers(
            root, readers=given.readers, reads=given.reads, mutant=given.mutant
        ):
            sys.stdout.write(f"{reads:>10,} reads, {deaths:>6,} deaths, {epochs:>5,} epochs\n")
            sys.stdout.flush()
    sys.stdout.write("every read was of one whole epoch\n")


if __name__ == "__main__":
    main()
