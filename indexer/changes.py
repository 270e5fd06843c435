"""What became of articles, as readers are told it: the changes of all in order, and the versions of one.

Contract: what is told is true of the epoch it is told of. What a change names can be found there, until a later
change says otherwise; of what was logged later, waits under an embargo or is parked, nothing is told. The texts of an
article are told while it is to be seen: of one that was withdrawn only what happened when, of one that was taken down
nothing. Pages are bounded, however large the log is. The log is open only while a page is read, so that nobody keeps
its WAL from being cut short.

Not here: who waits for more (`watching.py`), HTTP (`change_routes.py`).
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from indexer.events import Event, Notice
from indexer.log import EventLog, log_path
from partition.manifest import RootManifest, State

MAX_VERSIONS = 100
MAX_TEXT_CHARS = 1 << 20
"""A page of versions whose texts have so many characters gets no further one."""
_BATCH = 10
"""Versions that are read together: each may have a megabyte."""


class NeverShownError(Exception):
    """No version of the article was ever to be seen."""


class TakenDownError(Exception):
    """The article was taken down."""


class Changes(NamedTuple):
    """A page of the feed."""

    state: State
    """Of which it is true."""
    notices: list[Notice]
    through: int
    """Everything up to this sequence has been told."""
    has_more: bool


class Versions(NamedTuple):
    """A page of the versions of an article, the newest first."""

    events: list[Event]
    has_more: bool


def changes(root: Path, manifest: RootManifest, after: int, limit: int) -> Changes:
    """What an epoch holds that was logged after a sequence.

    Raises:
        LogError
    """
    state = manifest.state
    if after >= state.applied_seq:
        return Changes(state, [], after, has_more=False)
    with EventLog(log_path(root)) as log:
        told = log.changes(after, state.applied_seq, limit + 1)
    has_more = len(told) > limit
    del told[limit:]
    true_until = _parked(manifest)
    notices = [one for one in told if one.seq <= true_until.get(one.article_id, one.seq)]
    return Changes(state, notices, told[-1].seq if has_more else state.applied_seq, has_more)


def versions(root: Path, manifest: RootManifest, article_id: str, before: int) -> Versions:
    """The versions of an article, below a sequence, that the epoch or an earlier one showed.

    Raises:
        NeverShownError, TakenDownError, LogError
    """
    through = _parked(manifest).get(article_id, manifest.applied_seq)
    with EventLog(log_path(root)) as log:
        if log.standing(article_id).state == "down":
            raise TakenDownError
        newest = log.history(article_id, before=through + 1, limit=1, told=True)
        if not newest:
            raise NeverShownError
        return _page(log, article_id, min(before, through + 1), readable=newest[0].notice != "withdrawn")


def was_withdrawn(root: Path, manifest: RootManifest, seq: int, article_id: str) -> bool:
    """Whether the last that is told of an article, as of an epoch and up to a sequence, is that it was withdrawn.

    Raises:
        LogError
    """
    through = min(seq, _parked(manifest).get(article_id, seq))
    with EventLog(log_path(root)) as log:
        newest = log.history(article_id, before=through + 1, limit=1, told=True)
    return bool(newest) and newest[0].notice == "withdrawn"


def _page(log: EventLog, article_id: str, before: int, *, readable: bool) -> Versions:
    events: list[Event] = []
    chars = 0
    while True:
        batch = log.history(article_id, before=before, limit=_BATCH, told=True)
        for event in batch:
            if event.kind == "retry":  # it shows the same version again
                continue
            if len(events) == MAX_VERSIONS or chars >= MAX_TEXT_CHARS:
                return Versions(events, has_more=True)
            article = event.article if readable else None
            chars += len(article.body) + len(article.summary) if article else 0
            events.append(replace(event, article=article))
        if len(batch) < _BATCH:
            return Versions(events, has_more=False)
        before = batch[-1].seq


def _parked(manifest: RootManifest) -> dict[str, int]:
    """Up to which sequence the epoch shows articles of which something is parked."""
    return {one.article_id: one.after_seq for one in manifest.parked}
