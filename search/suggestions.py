"""The body of suggestions: what users get who type, as JSON.

Contract: as of `answers.py`.

Not here: what is suggested (`completions.py`).
"""

from typing import Literal

import msgspec

from search.answers import Body, body_of
from search.completions import Completions
from search.parameters import FILTERS
from search.snapshot import Snapshot
from search.spellings import spelled
from web.times import iso

_PARAMETERS = {field: name for name, field in FILTERS.items()}


class SuggestedPhrase(msgspec.Struct):
    """Words in a row, of titles."""

    text: str
    """As the newest title writes them; words that were typed before them as they were typed."""
    articles: int
    """That have them in their title."""


class SuggestedName(msgspec.Struct):
    """A value for a filter."""

    text: str
    """As the newest article writes it."""
    filter: Literal["author", "section", "source", "tag"]
    """The parameter of a search that takes it."""
    articles: int
    """That have it."""


class SuggestedTitle(msgspec.Struct):
    """An article in whose title the typed words stand in a row."""

    id: str
    title: str
    published_at: str | None


class SuggestAnswer(msgspec.Struct):
    """What a beginning may become: of each kind those that are used most, and most recently, first."""

    phrases: list[SuggestedPhrase]
    names: list[SuggestedName]
    titles: list[SuggestedTitle]
    """The newest first."""
    as_of: str
    """When the state of the archive that answered was published."""


def suggest_body(snapshot: Snapshot, found: Completions, deadline_s: float) -> Body:
    """The body.

    Args:
        snapshot: of the archive.
        found: what is suggested.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        PartitionDamagedError
        LeafError: it took too long.
    """
    names = []
    for name in found.names:
        (text,) = spelled(snapshot, name.field, [name.value], (), deadline_s)
        names.append({"text": text, "filter": _PARAMETERS[name.field], "articles": name.articles})
    titles = [
        {
            "id": one.article_id,
            "title": one.title,
            "published_at": None if one.published_ms is None else iso(one.published_ms),
        }
        for one in found.titles
    ]
    phrases = [phrase._asdict() for phrase in found.phrases]
    body = {"phrases": phrases, "names": names, "titles": titles, "as_of": None}
    return body_of(body, as_of=iso(snapshot.state.published_ms))
