"""Stories: which articles tell the same in the same words, decided event by event in the order of the log.

    band     a band of an article that began a story (`likeness.py`), and the sequence of its event
    label    an event -> its story, and the event with which its article came to that; an event without a row has
             begun a story of its own, which bears its sequence as its name

An article whose text is like that of an article that began a story belongs to that story; one whose text is like no
other begins one. So a story does not drift: all that are in it are like its first. A correction is looked at anew,
and stays where it is if it can. A withdrawal changes nothing: what is restored is where it was. What was taken down
is like nothing any more, and what was kept of it for that goes.

Contract: a function of the log up to a sequence, whatever the partitions, and at whichever moments it is asked for.
What was decided stays, whatever is taken down later and whichever `ALGORITHM` comes: it is kept in a file beside the
log. Should that be lost, it is decided anew, without what was destroyed meanwhile. It is written by whoever holds the
`IndexerLock`; any number of processes read.

Not here: when articles are alike (`likeness.py`), what is shown of a story (`search/stories.py`).
"""

import contextlib
import sqlite3
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import orjson

from indexer.events import Brought, Log, LogError
from indexer.likeness import ALGORITHM, Compared, Text, alike, texts_of
from indexer.log import EventLog, log_path
from partition.types import Article

MAX_CANDIDATES = 4
"""Stories that an article is compared with: those it has the most bands in common with, of these the latest."""
MAX_OF_BAND = 16
"""Stories that are looked at for one band: the latest. A form that is filled in every day has some bands always."""
BATCH = 4000
"""Events of one transaction, at most."""
BATCH_CHARS = 16 << 20
"""Characters of their texts, about."""
_REMEMBERED_WORDS = 1_000_000
"""Of articles that are ready to be compared: some sixty bytes each."""
_FORMAT = 1
_BUSY_S = 10.0
"""How long others may be writing."""
_SCHEMA = f"""
PRAGMA user_version = {_FORMAT};
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS band (hash INTEGER, seq INTEGER, PRIMARY KEY (hash, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS label (seq INTEGER PRIMARY KEY, story INTEGER NOT NULL, joined INTEGER NOT NULL);
"""


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """An error of SQLite is one of the stories."""
    try:
        yield
    except sqlite3.Error as error:
        cure = "put that right and run again, or remove the file and run: broadsheet rebuild"
        raise LogError(f"{path}: the stories cannot be used ({error}); {cure}") from None


class Label(NamedTuple):
    """To what an event belongs."""

    story: int
    """The sequence of the event that began it."""
    joined: int
    """That of the event with which this article came to it."""


def stories_path(root: Path) -> Path:
    """Where an archive's stories are kept."""
    return root / "stories.sqlite"


Bands = dict[int, deque[int]]
"""Some bands, and the latest stories that have them, in order."""
Follow = Callable[[Path, int], None]
"""Decides the stories of the archive in a folder up to a sequence, in whichever process."""


def follow_stories(root: Path, through: int) -> None:
    """A `Follow`: in this process.

    Raises:
        LogError
    """
    with EventLog(log_path(root)) as log, Stories(root) as stories:
        stories.follow(log, through)


class Stories:
    """The stories of the archive in `root`; belongs to one thread."""

    def __init__(self, root: Path) -> None:
        """Open what was decided; made if it is not there.

        Raises:
            LogError: it cannot be used.
        """
        self._path = stories_path(root)
        with _explained(self._path), contextlib.ExitStack() as undo:
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=_BUSY_S)
            undo.callback(self._db.close)
            self._db.execute("PRAGMA journal_mode = WAL")
            # What a loss of power takes is decided again, alike.
            self._db.execute("PRAGMA synchronous = NORMAL")
            (form,) = self._db.execute("PRAGMA user_version").fetchone()
            if form == 0:
                self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            elif form != _FORMAT:
                raise LogError(
                    f"{self._path} has format {form}, not {_FORMAT}; remove it and run: broadsheet rebuild"
                )
            undo.pop_all()
        self._known: dict[str, Any] = {}
        """The settings."""
        self._remembered: OrderedDict[int, Compared | None] = OrderedDict()
        self._remembered_words = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def follow(self, log: Log, through: int) -> None:
        """Decide what was not decided yet, up to a sequence.

        Raises:
            LogError
        """
        with _explained(self._path):
            after = self._begin(log)
            for batch in _batches(log.brought(after, through)):
                self._decide_all(log, batch)
            self._set("decided", max(after, through))

    def rewrite(self) -> None:
        """Leave nothing in the file of what was forgotten.

        Raises:
            LogError: also when somebody reads it just now.
        """
        with _explained(self._path):
            self._db.execute("VACUUM")
            (busy, _pages, _moved) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LogError(f"{self._path} is being read; what was taken down stands in its WAL still: try again")

    def labels(self, after: int, through: int) -> dict[int, Label]:
        """Of the events in (after, through], as far as these have not begun a story of their own.

        Raises:
            LogError
        """
        query = "SELECT seq, story, joined FROM label WHERE seq > ? AND seq <= ?"
        with _explained(self._path):
            return {seq: Label(story, joined) for seq, story, joined in self._db.execute(query, (after, through))}

    def _set(self, name: str, value: Any) -> None:
        if self._known.get(name) != value:
            self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))
            self._known[name] = value

    def _begin(self, log: Log) -> int:
        """How far it was decided, of this log and by this algorithm."""
        self._known = dict(self._db.execute("SELECT name, value FROM setting"))
        decided, last = int(self._known.get("decided", 0)), log.last_seq()
        if self._known.get("archive", log.archive) != log.archive:
            last = 0  # of another log, in the place of which this one has come
        if decided > last:  # the log is an older copy
            with self._transaction():
                for table in ("band", "label"):
                    self._db.execute(f"DELETE FROM {table} WHERE seq > ?", (last,))  # noqa: S608 - our tables
                self._set("decided", decided := last)
        self._set("archive", log.archive)
        if self._known.get("algorithm", ALGORITHM) != ALGORITHM:
            self._sign_anew(log, decided)
        self._set("algorithm", ALGORITHM)
        return decided

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _sign_anew(self, log: Log, through: int) -> None:
        """Find the bands of all that have begun a story; what was decided stays."""
        with self._transaction():
            self._db.execute("DELETE FROM band")
            for batch in _batches(log.brought(0, through)):
                known = self.labels(batch[0].seq - 1, batch[-1].seq)
                rows = [(band, seq) for seq, text in _texts(batch).items() if seq not in known for band in text.bands]
                self._db.executemany("INSERT OR IGNORE INTO band VALUES (?, ?)", sorted(rows))
                self._forget(_taken_down(log, batch))

    def _decide_all(self, log: Log, batch: Sequence[Brought]) -> None:
        """A takedown comes last, if there is one: it changes what there is in bands."""
        texts = _texts(batch)
        every = np.array([band for text in texts.values() for band in text.bands], np.int64)
        distinct, counts = np.unique(every, return_counts=True)
        bands = self._bands(distinct.tolist())
        for band in distinct[counts > 1].tolist():
            bands.setdefault(band, deque(maxlen=MAX_OF_BAND))
        labels = self._labels_of([one.previous for one in batch if one.previous])
        rows: list[tuple[int, int]] = []
        found: dict[int, Label] = {}
        for one in batch:
            if one.kind == "takedown":
                continue
            previous = labels.get(one.previous, Label(one.previous, one.previous)) if one.previous else None
            text = texts.get(one.seq)
            label = Label(one.seq, one.seq)
            if text is None:  # nothing new is shown
                label = previous or label
            elif previous or not bands.keys().isdisjoint(text.bands):
                label = self._decide(log, one.seq, text, previous, bands)
            if label != (one.seq, one.seq):
                labels[one.seq] = found[one.seq] = label
            elif text:
                rows += [(band, one.seq) for band in text.bands]
                for band in bands.keys() & text.bands:
                    bands[band].append(one.seq)
        rows.sort()  # in order of the key, so that neighbours in the tree are written together
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO band VALUES (?, ?)", rows)
            self._forget(_taken_down(log, batch))
            self._db.executemany(
                "INSERT OR REPLACE INTO label VALUES (?, ?, ?)", ((seq, *label) for seq, label in found.items())
            )
            self._set("decided", batch[-1].seq)

    def _bands(self, wanted: list[int]) -> Bands:
        """Of some bands those that articles which have begun a story have: the latest of these, in order."""
        query = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM band WHERE hash = value)"
        latest = "SELECT seq FROM band WHERE hash = ? ORDER BY seq DESC LIMIT ?"
        bands: Bands = {}
        for (band,) in self._db.execute(query, (orjson.dumps(wanted).decode(),)).fetchall():
            seqs = [seq for (seq,) in self._db.execute(latest, (band, MAX_OF_BAND))]
            bands[band] = deque(reversed(seqs), MAX_OF_BAND)
        return bands

    def _labels_of(self, seqs: Sequence[int]) -> dict[int, Label]:
        query = "SELECT seq, story, joined FROM label WHERE seq IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(query, (orjson.dumps(seqs).decode(),))
        return {seq: Label(story, joined) for seq, story, joined in rows}

    def _forget(self, gone: set[int]) -> None:
        for seq in gone & self._remembered.keys():
            self._drop(seq)
        if gone:
            query = "DELETE FROM band WHERE seq IN (SELECT value FROM json_each(?))"
            self._db.execute(query, (orjson.dumps(sorted(gone)).decode(),))

    def _decide(self, log: Log, seq: int, text: Text, previous: Label | None, bands: Bands) -> Label:
        own = Compared(text)
        for story in self._candidates(text, previous, bands):
            other = self._compared(log, story)
            if other and alike(own, other):
                return previous if previous and previous.story == story else Label(story, seq)
        self._remember(seq, own)
        return Label(seq, seq)

    def _candidates(self, text: Text, previous: Label | None, bands: Bands) -> list[int]:
        """Stories that it may belong to: its own first, then those with which it has the most in common."""
        shared = Counter(story for band in text.bands for story in bands.get(band, ()))
        if previous:
            shared[previous.story] += len(text.bands)
        return sorted(shared, key=lambda story: (-shared[story], -story))[:MAX_CANDIDATES]

    def _compared(self, log: Log, seq: int) -> Compared | None:
        if seq in self._remembered:
            self._remembered.move_to_end(seq)
            return self._remembered[seq]
        article = log.text_of(seq)
        return self._remember(seq, Compared(texts_of([article])[0]) if article else None)

    def _remember(self, seq: int, compared: Compared | None) -> Compared | None:
        self._remembered[seq] = compared
        self._remembered_words += _words_of(compared)
        while self._remembered_words > _REMEMBERED_WORDS:
            self._drop(next(iter(self._remembered)))
        return compared

    def _drop(self, seq: int) -> None:
        self._remembered_words -= _words_of(self._remembered.pop(seq))


def _words_of(compared: Compared | None) -> int:
    return 1 + (compared.text.words if compared else 0)


def _chars_of(article: Article) -> int:
    return len(article.body) + len(article.summary) + sum(map(len, (*article.authors, *article.tags)))


def _batches(events: Iterator[Brought]) -> Iterator[list[Brought]]:
    """Some at a time; up to a takedown."""
    batch: list[Brought] = []
    chars = 0
    for event in events:
        batch.append(event)
        chars += _chars_of(event.article) if event.article else 0
        if len(batch) >= BATCH or chars >= BATCH_CHARS or event.kind == "takedown":
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _taken_down(log: Log, batch: Sequence[Brought]) -> set[int]:
    """All events of articles that are taken down here."""
    return {seq for one in batch if one.kind == "takedown" for seq in log.chain(one.article_id)}


def _texts(batch: Sequence[Brought]) -> dict[int, Text]:
    brought: list[tuple[int, Article]] = [(one.seq, one.article) for one in batch if one.article]
    texts = texts_of([article for _seq, article in brought])
    return {seq: text for (seq, _), text in zip(brought, texts, strict=True)}
