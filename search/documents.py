"""The documents of a page: the stored fields of its matches, their snippets and highlights.

Contract: only what a page shows is kept.

Not here: what a snippet is (`snippets.py`), public names (`answers.py`).
"""

from collections.abc import Iterable
from typing import Any

from partition.errors import IndexFileError
from search.leaf import Match
from search.snapshot import PartitionDamagedError, Snapshot
from search.snippets import MAX_SCANNED_CHARS, MarkedTexts


def documents_of(
    snapshot: Snapshot,
    matches: Iterable[Match],
    fields: frozenset[str],
    words: frozenset[str],
    *,
    highlight: bool = False,
) -> list[dict[str, Any]]:
    """These stored fields, `snippet` among them, of each match.

    Args:
        snapshot: that the matches were found in.
        matches: of a page.
        fields: names.
        words: what is marked (`query.words_of`).
        highlight: whether each document has `highlights`, too.

    Raises:
        PartitionDamagedError
    """
    documents: list[dict[str, Any]] = []
    bodies, titles = [], []
    for match in matches:
        # One at a time: an article may have megabytes, of which a page seldom shows any.
        stored = _stored(snapshot, match)
        documents.append({name: stored[name] for name in fields if name in stored})
        if highlight or "snippet" in fields:
            bodies.append((stored["body"] or stored["summary"])[:MAX_SCANNED_CHARS])
        if highlight:
            titles.append(stored["title"])
    if not bodies:
        return documents
    marked = MarkedTexts(bodies, titles, words)
    if "snippet" in fields:
        for document, snippet in zip(documents, marked.snippets(), strict=True):
            document["snippet"] = snippet
    if highlight:
        for document, highlights in zip(documents, marked.highlights(), strict=True):
            document["highlights"] = highlights
    return documents


def _stored(snapshot: Snapshot, match: Match) -> dict[str, Any]:
    leaf = snapshot.partitions.leaf(match.partition)
    assert leaf is not None, "its match was found in it"
    try:
        return leaf.reader.stored(match.segment, match.docnum)
    except IndexFileError as error:
        raise PartitionDamagedError(match.partition, error) from None
