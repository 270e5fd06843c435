"""Takedowns: one article out of everything, with a receipt for each place.

    log         it is taken down there: shown no more, and nothing under its id is taken again
    epoch       the epoch that searches are answered from has applied it, and with it all earlier states; what
                was kept of it to find its copies by is gone
    caches      what was kept of earlier epochs is dropped
    rejects     lines of the file of rejects that tell of it are overwritten
    jobs        so are results of write requests
    exports     parts that hold it are written again without it
    bodies      its texts in the log are overwritten, and the WAL cut
    segments    an epoch of which no file, dictionary or list of words holds anything of it
    files       the files of earlier epochs are gone
    last caches once more, for what was on its way into one
    beyond      what no server can reach

Contract: each step can be done again. There is no undoing: a takedown that has begun ends, however often it is
broken off.

Not here: who does it (`saga_runner.py`), how files are written without it (`projection.py`, `partition/writer.py`).
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer import rejects
from indexer.events import Log, Submission
from indexer.jobs import JobStore, message_id
from indexer.sagas import Doing, NotYet, Step, Steps, Told
from partition.errors import MissingFile
from partition.manifest import Layout, RootManifest, read_manifest
from partition.types import Article

KIND = "takedown"
WAIT_S = 5.0
"""How long a step waits for the indexer before it gives others a turn."""
BEYOND = (
    "files that articles were indexed from",
    "copies of this folder, and what is left on the disk of files that were removed",
    "exports and pages that somebody has downloaded",
    "caches between here and readers, until they ask again",
    "words that it shared with other articles, in statistics of states that walks are still in",
)
_LOOK_S = 0.02
_PIECE_CHARS = 24
_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class Places:
    """Where an article can be, beside the index."""

    root: Path
    open_log: Callable[[], Log]
    announce: Callable[[], None]
    """Something was logged."""
    applied_seq: Callable[[], int]
    """What this process answers from has applied so much."""
    purge_caches: Callable[[], int]
    """Drop everything; returns how many answers."""
    jobs: JobStore
    redact_exports: Callable[[str], int]
    """Write parts that hold this article again; returns how many."""


def steps_of(places: Places) -> Steps:
    """The steps of every takedown of an archive; a saga's subject is `{"id": .., "reason": ..}`."""
    work = _Takedown(places)
    return (
        Step("log", work.take_down),
        Step("epoch", work.out_of_sight),
        Step("caches", work.caches),
        Step("rejects", work.rejects),
        Step("jobs", work.jobs),
        Step("exports", work.exports),
        Step("bodies", work.bodies),
        Step("segments", work.segments),
        Step("files", work.files),
        Step("last caches", work.caches),
        Step("beyond", lambda _doing: {"not_reached": list(BEYOND)}),
    )


class _Takedown:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._layout = Layout(places.root)

    def take_down(self, doing: Doing) -> Told:
        saga = doing.saga
        article_id = saga.subject["id"]
        submission = Submission(
            *(article_id, None, b"", "takedown"),
            reason=saga.subject["reason"],
            client=saga.client,
            message_id=message_id(saga.id, 1),
        )
        log = self._places.open_log()
        try:
            (outcome,) = log.append([submission])
            seq = outcome.seq or log.standing(article_id).seq
        finally:
            log.close()
        self._places.announce()
        return {"seq": seq}

    def out_of_sight(self, doing: Doing) -> Told:
        seq = doing.saga.receipt("log")["seq"]
        _wait(lambda: self._places.applied_seq() >= seq, doing)
        return {"applied_seq": self._places.applied_seq()}

    def caches(self, _doing: Doing) -> Told:
        return {"entries": self._places.purge_caches()}

    def rejects(self, doing: Doing) -> Told:
        article_id = doing.saga.subject["id"]
        return {"lines": rejects.forget(self._places.root / "rejects.jsonl", article_id, self._quotes(article_id))}

    def jobs(self, doing: Doing) -> Told:
        article_id = doing.saga.subject["id"]
        return {"lines": self._places.jobs.forget(article_id, self._quotes(article_id))}

    def exports(self, doing: Doing) -> Told:
        return {"parts": self._places.redact_exports(doing.saga.subject["id"])}

    def bodies(self, doing: Doing) -> Told:
        log = self._places.open_log()
        try:
            return {"events": log.destroy(doing.saga.subject["id"])}
        finally:
            log.close()

    def segments(self, doing: Doing) -> Told:
        seq = doing.saga.receipt("log")["seq"]
        self._places.announce()
        _wait(lambda: self._newest().purged_seq >= seq, doing)
        newest = self._newest()
        left = sorted(self._files() - _named(self._layout, newest))
        return {"epoch": newest.epoch, "left": [str(path.relative_to(self._places.root)) for path in left]}

    def files(self, doing: Doing) -> Told:
        left = {self._places.root / name for name in doing.saga.receipt("segments")["left"]}
        # What was being made then may be part of a later epoch: whatever it was made of was purged.
        _wait(lambda: not [path for path in left - _named(self._layout, self._newest()) if path.exists()], doing)
        return {"files": len(left)}

    def _quotes(self, article_id: str) -> Callable[[str], bool]:
        log = self._places.open_log()
        try:
            return quoting(_versions(log, article_id))
        finally:
            log.close()

    def _newest(self) -> RootManifest:
        while True:
            try:
                return read_manifest(self._layout, self._layout.newest_epoch())
            except MissingFile:  # replaced meanwhile
                continue

    def _files(self) -> set[Path]:
        epochs = {self._layout.manifest(epoch) for epoch in self._layout.published_epochs()}
        return epochs | set(self._layout.statistics.glob("*")) | set(self._places.root.glob("partitions/*/*"))


def _versions(log: Log, article_id: str) -> Iterator[Article]:
    """What the log holds of an article, the newest first, a few at a time."""
    before: int | None = None
    while events := log.history(article_id, before=before, limit=_VERSIONS):
        yield from (event.article for event in events if event.article)
        before = events[-1].seq


def quoting(versions: Iterable[Article]) -> Callable[[str], bool]:
    """Tells whether a text quotes one of these: its title, or twice `_PIECE_CHARS` characters in a row."""
    pieces: set[str] = set()
    titles: set[str] = set()
    for one in versions:
        whole = f"{one.title}\n{one.summary}\n{one.body}"
        # Pieces side by side: whatever is twice as long holds one of them whole.
        pieces |= {whole[at : at + _PIECE_CHARS] for at in range(0, len(whole) - _PIECE_CHARS + 1, _PIECE_CHARS)}
        if len(one.title) >= _PIECE_CHARS // 2:
            titles.add(one.title)

    def quotes(text: str) -> bool:
        starts = range(max(0, len(text) - _PIECE_CHARS + 1))
        return any(title in text for title in titles) or any(text[at : at + _PIECE_CHARS] in pieces for at in starts)

    return quotes


def _named(layout: Layout, manifest: RootManifest) -> set[Path]:
    named = {layout.manifest(manifest.epoch)} | {layout.statistics / one.file.name for one in manifest.statistics}
    for partition, record in enumerate(manifest.partitions):
        named |= {layout.partition(partition) / file.name for file in record.files}
    return named


def _wait(there: Callable[[], bool], doing: Doing) -> None:
    give_up_s = time.monotonic() + WAIT_S
    while not there():
        if time.monotonic() >= give_up_s or doing.stopping():
            raise NotYet
        time.sleep(_LOOK_S)
