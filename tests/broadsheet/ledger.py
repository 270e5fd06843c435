"""What a live service has acknowledged, and whether its archive keeps to it.

Contract: a `Ledger` is told every write that was acknowledged, by the threads that sent it, and every page that
somebody was shown of the articles that are not quiet. `settle` compares it with a data folder that nobody serves any
more: each acknowledged write is exactly one event of the log, there are no others, the newest epoch and one made anew
from the log hold each article whole, as its last write says, and each page showed exactly one state of the log. The
first thing that is not so raises `AssertionError`.

Not here: who writes and reads (`callers.py`), what happens to the service meanwhile (the harnesses).
"""

import shutil
import threading
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from indexer.builder import InlineBuilder
from indexer.jobs import message_id
from indexer.log import EventLog, log_path
from indexer.projection import Projector
from indexer.publisher import IndexerLock, Retention
from tests import commands
from tests.small_index import contents

MADE_OF = "id", "title", "body", "section"
"""What is written of an article."""
QUIET = "quiet"
"""Section of articles that are written once, and are on no page."""


@dataclass(frozen=True, slots=True)
class Write:
    """One change that somebody asked for."""

    article_id: str
    title: str = ""
    """No other write has it; empty for a withdrawal."""

    @property
    def body(self) -> str:
        """A text that shows when it is not whole, or another's."""
        digest = blake2b(f"{self.article_id}\0{self.title}".encode(), digest_size=20).hexdigest()
        return " ".join([self.title, *(digest[at : at + 4] for at in range(0, 40, 4)), "whole"])

    @property
    def quiet(self) -> bool:
        """Whether nothing else is written of its article."""
        return self.article_id.startswith(QUIET)

    def fields(self) -> dict[str, str]:
        """As an article."""
        return {
            "id": self.article_id,
            "title": self.title,
            "body": self.body,
            "section": QUIET if self.quiet else "busy",
        }


class Acknowledged(NamedTuple):
    """A write that was answered with its outcome."""

    write: Write
    job: str
    line: int
    """Of its job; a single write is the first."""

    @property
    def message_id(self) -> bytes:
        """Under which the log knows it."""
        return message_id(bytes.fromhex(self.job), self.line)


class Shown(NamedTuple):
    """All that somebody was shown, and of which state."""

    seq: int
    digest: bytes


class Settled(NamedTuple):
    """What was found out."""

    events: int
    articles: int
    pages: int
    """Different states that were shown."""


def digest_of(articles: dict[str, str]) -> bytes:
    """Eight bytes that stand for the titles of all articles."""
    return blake2b(repr(sorted(articles.items())).encode(), digest_size=8).digest()


class Ledger:
    """Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.acknowledged: list[Acknowledged] = []
        self._versions: dict[bytes, int] = {}
        self._shown: set[Shown] = set()

    def acknowledge(self, writes: list[Acknowledged]) -> None:
        """They were answered."""
        with self._lock:
            self.acknowledged += writes

    def tell(self, job: str, versions: list[int]) -> None:
        """The results of a job said of its lines, in order, which versions they have made."""
        with self._lock:
            self._versions.update(
                (message_id(bytes.fromhex(job), line), version) for line, version in enumerate(versions, 1)
            )

    def show(self, seq: int, articles: dict[str, str]) -> None:
        """Somebody was shown these titles, as the state after an event."""
        with self._lock:
            self._shown.add(Shown(seq, digest_of(articles)))

    def settle(self, root: Path, aside: Path) -> Settled:
        """Compare with the archive at `root`; `aside` will be another one."""
        last, states = self._settle_log(root)
        _settle_check(root)
        expected = {article_id: write for article_id, write in last.items() if write.title}
        whole = contents(root)
        shown = {article_id: {name: stored[name] for name in MADE_OF} for article_id, stored in whole.items()}
        due = {article_id: write.fields() for article_id, write in expected.items()}
        assert shown == due, f"in the index: {_difference(shown, due)}"
        again = _made_anew(root, aside)
        assert again == whole, f"in an index made anew: {_difference(again, whole)}"
        wrong = [page for page in self._shown if states.get(page.seq) != page.digest]
        assert not wrong, f"{len(wrong)} pages showed what the log never held, such as one of state {wrong[0].seq}"
        return Settled(len(states) - 1, len(expected), len(self._shown))

    def _settle_log(self, root: Path) -> tuple[dict[str, Write], dict[int, bytes]]:
        """The last write of each article, and what was to be seen after each event."""
        with EventLog(log_path(root)) as log:
            rows = log._db.execute(
                "SELECT seq, kind, article_id, version, message_id FROM event LEFT JOIN"
                " (SELECT seq AS logged, message_id FROM message) ON seq = logged ORDER BY seq"
            ).fetchall()
            ids = log._db.execute("SELECT article_id FROM article").fetchall()
            bodies = {event.seq: event.article for (article_id,) in ids for event in log.history(article_id)}
        told = {one.message_id: one for one in self.acknowledged}
        assert len(told) == len(self.acknowledged), "two writes were told to be one"
        last: dict[str, Write] = {}
        titles: dict[str, str] = {}
        versions: Counter[str] = Counter()
        states = {0: digest_of({})}
        for seq, kind, article_id, version, message in rows:
            if kind != "statistics":
                one = told.pop(message, None)
                assert one, f"event {seq}, {kind} {article_id}, is of no write that was acknowledged, or there twice"
                versions[article_id] += 1
                assert version == versions[article_id], f"event {seq}: {version} follows {versions[article_id] - 1}"
                results = self._versions.get(message, version)
                assert version == results, f"event {seq} has version {version}; its job says {results}"
                write, body = one.write, bodies[seq]
                held = Write(article_id, body.title) if body else Write(article_id)
                assert held == write, f"event {seq} is {held}, and should be {write}"
                last[article_id] = write
                if write.title and not write.quiet:
                    titles[article_id] = write.title
                else:
                    titles.pop(article_id, None)
            states[seq] = digest_of(titles)
        lost = [one.write for one in told.values()]
        assert not lost, f"{len(lost)} writes were acknowledged and are not in the log, such as {lost[0]}"
        return last, states


def _difference(found: dict[str, dict[str, str]], due: dict[str, dict[str, str]]) -> str:
    differing = [key for key in {*found, *due} if found.get(key) != due.get(key)]
    return "; ".join(f"{key}: {found.get(key)} instead of {due.get(key)}" for key in sorted(differing)[:3])


def _settle_check(root: Path) -> None:
    done = commands.run("check", "--data", root)
    assert done.returncode == 0, done.stderr


def _made_anew(root: Path, aside: Path) -> dict[str, dict[str, str]]:
    """What an archive holds that is made of the log alone."""
    aside.mkdir()
    for path in (log_path(root), *root.glob("log.sqlite-wal")):
        shutil.copy(path, aside)
    with IndexerLock(aside), EventLog(log_path(aside)) as log:
        Projector(aside, log, InlineBuilder(), retention=Retention()).project()
    return contents(aside)
