"""What an answer was made of, by which it is known, when it is asked for again, whether it still is the answer.

An answer is kept with its dependence. It was made from one state of the archive, and is as good in a later one if
nothing that it was made of changed in between (`changed.py`), nor what all answers are made of: the frozen
statistics, the number of partitions, and what was taken down.

Contract: `objection` and `changed` together may refuse an answer that is still right, and never let one pass that is
wrong. A dependence is bytes wherever it is kept.

Source: the validity intervals of D. Ports et al., "Transactional Consistency and Automatic Management in an
Application Data Cache", OSDI 2010; here they are not told by the writer, but searched for in the versions that the
index keeps.

Not here: where answers are kept (`cache/`), what the keys are (`service.py`).
"""

from hashlib import blake2b
from typing import Literal

import msgspec

from partition.manifest import RootManifest
from search.broker import LeafError
from search.deadline import DeadlineError
from search.leaf import PartitionDamagedError
from search.query import Filters, Node
from search.snapshot import Snapshot
from search.spelling import expanded, meant_by
from search.spellings import spelled

Objection = Literal["unreadable", "archive", "redaction", "statistics", "newer", "old", "changed", "unknown"]
"""Why an answer is no good: not ours; of another archive, or one that was built anew or has other
partitions; something was taken down since; scores are others; of a state that this process does not know yet; of one
so old that it is not known what changed; something that it was made of changed; that could not be found out."""


class Sought(msgspec.Struct, frozen=True, array_like=True):
    """Articles that count, whichever they are: those that match."""

    node: Node
    filters: Filters
    words: bytes = b""
    """Digest of what words that are spelled alike stood for: all articles decide that, also those that the filters
    leave out. Empty where there are none."""


def sought(node: Node, filters: Filters, executed: Node) -> Sought:
    """What is sought; `executed` is the same with words of the archive in place of `Near` (`spelling.expanded`)."""
    return Sought(node, filters, _words(node, executed))


def _words(node: Node, executed: Node) -> bytes:
    return b"" if executed == node else blake2b(msgspec.msgpack.encode(executed), digest_size=8).digest()


class Spelling(msgspec.Struct, frozen=True, array_like=True):
    """How the archive writes a value of a facet."""

    facet: str
    value: str
    written: str


class Dependence(msgspec.Struct, frozen=True, array_like=True):
    """What an answer was made of."""

    archive: str
    lineage: int
    partitions: int
    erased_seq: int
    seq: int
    """The state."""
    statistics: int
    pinned: bool = False
    """Whether it is about that state, however the archive goes on: a page that a cursor leads to."""
    everything: bool = False
    """Whether any change counts."""
    sought: tuple[Sought, ...] = ()
    articles: tuple[int, ...] = ()
    """`types.hash64` of their ids."""
    stories: tuple[int, ...] = ()
    spellings: tuple[Spelling, ...] = ()
    scored: bool = True
    """Whether it would be another under other statistics: not if nothing was found."""
    meant: tuple[tuple[str, str | None], ...] = ()
    """Words of the query, and what each was probably meant to be (`spelling.meant_by`)."""

    def stamp(self) -> bytes:
        """What is kept with the answer."""
        return msgspec.msgpack.encode(self)


_read = msgspec.msgpack.Decoder(Dependence).decode


def read_stamp(stamp: bytes) -> Dependence | None:
    """What was kept; `None` if it is not of this code's."""
    try:
        return _read(stamp)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def dependence(snapshot: Snapshot, *, pinned: bool = False) -> Dependence:
    """Of an answer that is made of this state, and of nothing in it yet."""
    manifest, seq = snapshot.manifest, snapshot.state.applied_seq
    return Dependence(
        archive=manifest.archive,
        lineage=manifest.lineage,
        partitions=len(manifest.partitions),
        erased_seq=manifest.erased_seq,
        seq=seq,
        statistics=manifest.statistics_at(seq).number,
        pinned=pinned,
    )


def objection(one: Dependence | None, manifest: RootManifest) -> Objection | None:
    """What at first sight speaks against an answer in the state of an epoch; `changed` takes a second look."""
    if one is None:
        return "unreadable"
    if (one.archive, one.lineage, one.partitions) != (manifest.archive, manifest.lineage, len(manifest.partitions)):
        return "archive"
    if one.erased_seq != manifest.erased_seq:
        return "redaction"
    if one.seq > manifest.applied_seq:
        return "newer"
    if one.seq < manifest.since_seq:
        return "old"
    if not one.pinned and one.scored and one.statistics != manifest.statistics_epoch:
        return "statistics"
    return None


def is_settled(one: Dependence, manifest: RootManifest) -> bool:
    """Whether no second look is needed, where there is no objection."""
    return one.pinned or one.seq == manifest.applied_seq


def changed(one: Dependence, snapshot: Snapshot, deadline_s: float) -> Objection | None:
    """Whether anything that an answer was made of is not what it was, in a later state than its own."""
    if snapshot.partitions.damaged:
        return "unknown"
    try:
        changes = snapshot.changes()
        if one.seq < changes.since_seq:
            return "old"
        different = changes.any_since(one.seq) and (
            one.everything
            or (one.articles and changes.of_articles(one.seq, one.articles))
            or (one.stories and changes.of_stories(one.seq, one.stories))
            or any(
                changes.matching(one.seq, snapshot.plan(some.node), some.filters, deadline_s)
                or some.words != _words(some.node, expanded(some.node, snapshot, deadline_s))
                for some in one.sought
            )
            or not _written_so(one, snapshot, deadline_s)
        )
        # Which words are slips also depends on the statistics, of which an answer without scores makes nothing else.
        different = different or any(meant_by(form, snapshot, deadline_s) != meant for form, meant in one.meant)
    except (DeadlineError, PartitionDamagedError, LeafError):
        return "unknown"
    return "changed" if different else None


def _written_so(one: Dependence, snapshot: Snapshot, deadline_s: float) -> bool:
    """Whether the archive still writes values of facets as it did."""
    by_facet: dict[str, list[Spelling]] = {}
    for spelling in one.spellings:
        by_facet.setdefault(spelling.facet, []).append(spelling)
    return all(
        spelled(snapshot, facet, [some.value for some in spellings], (), deadline_s)
        == [some.written for some in spellings]
        for facet, spellings in by_facet.items()
    )
