"""From the entries of feeds to events in the log.

Contract: an entry is a submission like any other record (`submitting.py`). The same entry again logs nothing, with
another text it is a correction. An entry that is no article is listed among the rejects, once for as long as this
sink lives; of one document no more than `MAX_LISTED` are, and how many more there were, lest a feed fill the disk
with them. After `flush` everything that was taken is durable; while the log is full it waits (`appending.py`).

An article's id is `<space>:<entry id>`, where the space is the BLAKE2b-64 of the source's address, as it was given,
in 16 hexadecimal digits: publishers number from 1 as they like, and none may correct or withdraw what another has
published. An entry id that is too long, or holds what is not printable, is replaced by its BLAKE2b-128 after a `~`.
So the same story in two feeds is two articles, and a source that is given under another address begins anew.

Not here: reading feeds (`formats.py`), when they are asked (`following.py`).
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from indexer.appending import Appender
from indexer.article import ArticleInvalid
from indexer.events import Submission
from indexer.rejects import Reject, RejectsFile
from indexer.submitting import submission_of
from partition.types import MAX_ARTICLE_ID_BYTES

CLIENT = "follow"
"""As whose the log knows these events."""
MAX_LISTED = 100
"""Rejects of one document that are listed."""
_MAX_REMEMBERED = 10_000
"""Rejects that are not listed again."""


def article_id_of(origin: str, entry_id: str) -> str:
    """The id of the article that the source at `origin` calls `entry_id`."""
    space = blake2b(origin.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    octets = entry_id.encode(errors="surrogatepass")
    if len(octets) > MAX_ARTICLE_ID_BYTES - len(space) - 1 or not entry_id.isprintable():
        return f"{space}~{blake2b(octets, digest_size=16).hexdigest()}"
    return f"{space}:{entry_id}"


class LogSink:
    """A `Sink` (`ports.py`) over a log."""

    def __init__(
        self,
        appender: Appender,
        rejects: RejectsFile,
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Fill the log behind `appender`, and list in `rejects` what is no article."""
        self._appender = appender
        self._rejects = rejects
        self._now_ms = now_ms
        self._taken: list[Submission] = []
        self._remembered: dict[bytes, None] = {}
        self._listed = 0
        self._unlisted: Reject | None = None
        self.statuses: Counter[str] = Counter()
        """What became of the entries of the last flush (`events.Status`)."""

    def take(self, fields: Mapping[str, Any], *, origin: str) -> bool:
        """As `Sink` says."""
        article_id = article_id_of(origin, fields["id"])
        try:
            submission = submission_of({**fields, "id": article_id}, now_ms=self._now_ms())
        except ArticleInvalid as invalid:
            self.reject(
                Reject(
                    file=origin,
                    line=fields["number"],
                    reason=invalid.reason,
                    id=article_id,
                    excerpt=str(fields["title"]),
                )
            )
            return False
        self._taken.append(replace(submission, client=CLIENT))
        return True

    def reject(self, reject: Reject) -> None:
        """As `Sink` says. An entry stays in its feed for days, so it is listed once."""
        what = repr((reject.file, reject.id, reject.reason, reject.excerpt))
        key = blake2b(what.encode(errors="surrogatepass"), digest_size=16).digest()
        if key not in self._remembered:
            if len(self._remembered) == _MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = None
            self._listed += 1
            if self._listed <= MAX_LISTED:
                self._rejects.write(reject)
            else:
                reason = f"{self._listed - MAX_LISTED:,} more entries are no articles"
                self._unlisted = Reject(file=reject.file, line=0, reason=reason)

    def flush(self) -> None:
        """As `Sink` says.

        Raises:
            Stopped: the log is full, and somebody wants to stop.
            LogError: it cannot be written.
        """
        if self._unlisted:
            self._rejects.write(self._unlisted)
        self._listed, self._unlisted = 0, None
        taken, self._taken = self._taken, []
        self.statuses = Counter(outcome.status for outcome in self._appender.append(taken))
