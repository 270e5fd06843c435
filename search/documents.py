"""The documents of a page: the stored fields of its matches, their snippets and highlights.

Contract: only what a page shows is kept.

Not here: what a snippet is (`snippets.py`), public names (`answers.py`).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from partition.analysis import language_of
from partition.types import DocAddress
from search.answers import STORED_NAMES
from search.leaf import Match
from search.parameters import SearchParameters
from search.query import Query, words_of
from search.single import STORY_FIELDS, stored_at, story_of
from search.snapshot import Snapshot
from search.snippets import MAX_SCANNED_CHARS, MarkedTexts


class _Texts(NamedTuple):
    """What is marked of an article."""

    document: dict[str, Any]
    body: str
    title: str


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
    texts: dict[str, list[_Texts]] = {}
    for match in matches:
        # One at a time: an article may have megabytes, of which a page seldom shows any.
        address = DocAddress(match.partition, match.segment, match.docnum)
        stored = stored_at(snapshot, address)
        if not fields.isdisjoint(STORY_FIELDS):
            stored |= story_of(snapshot, address)
        documents.append({name: stored[name] for name in fields if name in stored})
        if highlight or "snippet" in fields:
            body = (stored["body"] or stored["summary"])[:MAX_SCANNED_CHARS]
            of = _Texts(documents[-1], body, stored["title"])
            texts.setdefault(language_of(stored["language"]), []).append(of)
    for language, some in texts.items():
        titles = [one.title for one in some] if highlight else []
        marked = MarkedTexts([one.body for one in some], titles, words, language)
        if "snippet" in fields:
            for one, snippet in zip(some, marked.snippets(), strict=True):
                one.document["snippet"] = snippet
        if highlight:
            for one, highlights in zip(some, marked.highlights(), strict=True):
                one.document["highlights"] = highlights
    return documents


def documents_shown(
    parameters: SearchParameters, query: Query, snapshot: Snapshot, matches: list[Match]
) -> list[dict[str, Any]]:
    """What a page shows of its matches.

    Raises:
        PartitionDamagedError
    """
    fields = frozenset(STORED_NAMES.get(name, name) for name in parameters.fields)
    return documents_of(snapshot, matches, fields, words_of(query.node), highlight=parameters.highlight)
