"""A small index for tests that look inside: its log, its projector, a clock, and what its epochs hold.

Contract: everything happens in this process and when told. What is read back (`contents`) was verified on the way:
every file, every article once and in its own partition.

Not here: awkward articles (`archive.py`), servers (`api_server.py`), commands (`commands.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from indexer.builder import Builder, InlineBuilder
from indexer.events import Outcome, Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector
from indexer.publisher import Retention
from indexer.routing import partition_of
from indexer.stories import stories_path
from partition.check import check_epoch
from partition.manifest import Layout, RootManifest, encode_manifest, read_manifest
from partition.reader import PartitionReader
from partition.types import Article


class Clock:
    """A clock in milliseconds that moves when told to, and one in seconds that nobody can put back."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000
        self._passed_s = 0.0

    def __call__(self) -> int:
        """The time."""
        return self.now_ms

    def monotonic(self) -> float:
        """Seconds that have passed."""
        return self._passed_s

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.put_s(seconds)
        self._passed_s += seconds

    def put_s(self, seconds: float) -> None:
        """Put the clock forward, or back."""
        self.now_ms += round(seconds * 1000)


def article(article_id: str, title: str = "A title", **fields: Any) -> Article:
    """An article of which only the id matters."""
    return Article(id=article_id, title=title, **fields)


def put(*articles: Article) -> list[Submission]:
    """What logs these articles."""
    return [Submission(one.id, one, repr(one).encode()) for one in articles]


def withdraw(*article_ids: str) -> list[Submission]:
    """What withdraws these articles."""
    return [Submission(article_id, None, b"", "withdraw") for article_id in article_ids]


def seqs(outcomes: list[Outcome]) -> list[int | None]:
    """The sequences of what was logged."""
    return [outcome.seq for outcome in outcomes]


class SmallIndex:
    """One archive, opened for writing; a context manager."""

    def __init__(
        self,
        root: Path,
        *,
        partitions: int = 3,
        retention: Retention | None = None,
        builder: Builder | None = None,
        clock: Clock | None = None,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.layout = Layout(root)
        self.clock = clock or Clock()
        self.log = EventLog(log_path(root), partitions=partitions, now_ms=self.clock)
        try:
            self.projector = Projector(
                *(root, self.log, builder or InlineBuilder()),
                retention=retention or Retention(),
                now_ms=self.clock,
                now_s=self.clock.monotonic,
            )
        except BaseException:
            self.log.close()
            raise

    def put(self, *articles: Article) -> list[int | None]:
        """Log articles in one transaction."""
        return seqs(self.log.append(put(*articles)))

    def withdraw(self, *article_ids: str) -> list[int | None]:
        """Log withdrawals in one transaction."""
        return seqs(self.log.append(withdraw(*article_ids)))

    def take_down(self, *article_ids: str) -> list[int | None]:
        """Log takedowns in one transaction."""
        return seqs(self.log.append([Submission(article_id, None, b"", "takedown") for article_id in article_ids]))

    def publish(self, *, merge: bool = False) -> RootManifest:
        """Bring the index up to the log."""
        return self.projector.project(merge=merge)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.close()


def newest(root: Path) -> RootManifest:
    """The newest epoch of an archive."""
    layout = Layout(root)
    return read_manifest(layout, layout.newest_epoch())


def claim(root: Path, manifest: RootManifest) -> None:
    """Replace a manifest by another, whose checksum is right."""
    Layout(root).manifest(manifest.epoch).write_bytes(encode_manifest(manifest))


def contents(root: Path, epoch: int | None = None) -> dict[str, dict[str, Any]]:
    """The stored articles of an epoch (the newest by default) by id, after `check_epoch` found it sound."""
    layout = Layout(root)
    manifest = newest(root) if epoch is None else read_manifest(layout, epoch)
    check_epoch(layout, manifest, partition_of, lambda _partition, _record: None)
    stored = {}
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            folder = layout.partition(partition)
            reader = PartitionReader(folder, record)
            for ordinal, segment in enumerate(reader.segments):
                for docnum in segment.live.nonzero()[0].tolist():
                    stored[segment.article_id(docnum)] = reader.stored(ordinal, docnum)
    return stored


@contextmanager
def small_dictionaries() -> Iterator[None]:
    """Ten articles are enough to train a dictionary on, as hundreds of thousands of bytes are otherwise."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("partition.documents.SAMPLES", 10)
        patched.setattr("partition.documents.DICTIONARY_BYTES", 400)
        patched.setattr("partition.build.SAMPLES", 10)
        yield


def files_of(root: Path, manifest: RootManifest) -> list[Path]:
    """Every file that an epoch consists of, its manifest first."""
    layout = Layout(root)
    return [
        layout.manifest(manifest.epoch),
        *(layout.statistics / one.file.name for one in manifest.statistics),
        *(
            layout.partition(partition) / file.name
            for partition, record in enumerate(manifest.partitions)
            for file in record.files
        ),
    ]


def titles(root: Path, epoch: int | None = None) -> dict[str, str]:
    """The title of each article in an epoch, after `check_epoch` found it sound."""
    return {article_id: stored["title"] for article_id, stored in contents(root, epoch).items()}


def expected(*articles: Article) -> dict[str, str]:
    """What `titles` must give."""
    return {one.id: one.title for one in articles}


def tree(root: Path) -> set[str]:
    """Every file and folder below `root`."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def named(root: Path) -> set[str]:
    """Everything that the log and the epochs of an archive account for: its `tree`, if nothing is left over."""
    layout = Layout(root)
    accounted = {log_path(root), stories_path(root), layout.epochs, layout.statistics}
    for epoch in layout.published_epochs():
        for path in files_of(root, read_manifest(layout, epoch)):
            accounted |= {path, *path.parents}
    return {str(path.relative_to(root)) for path in accounted if path.is_relative_to(root) and path != root}
