"""What can be asked for, as keyword arguments, and how it is written in an address.

Contract: the names are those of the API (`from_` is `from`), and a test holds them to it. Values are checked by the
server, which names each that cannot be used; only what it cannot see is refused here.

Not here: what each means (`docs/reference.md`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Literal, TypeAlias, TypedDict
from urllib.parse import quote, urlencode

Day: TypeAlias = str | date
"""A day, an instant with an offset, or a text such as `-7d`."""
Several: TypeAlias = str | Sequence[str]
"""One, or several of which any will do."""


class Bounds(TypedDict, total=False):
    """When, and what kind of."""

    date_field: Literal["published", "modified", "indexed"]
    from_: Day
    to: Day
    section: Several
    source: Several
    author: Several
    tag: Several
    language: Several


class Finding(Bounds, total=False):
    """What decides which articles are found, and in which order."""

    sort: Literal["relevance", "newest", "oldest"]
    recency: Literal["off", "low", "high"]
    half_life: str


class Searching(Finding, total=False):
    """Everything that a search takes beside `q`."""

    strict: bool
    collapse: Literal["story", "none"]
    limit: int
    cursor: str
    fields: Several
    highlight: bool
    facets: Several
    facet_limit: int
    total: Literal["exact", "none"]
    allow_partial: bool
    timeout_ms: int
    min_seq: int
    explain: bool
    explain_id: str


class Likening(Bounds, total=False):
    """Everything that a look for similar articles takes."""

    limit: int
    fields: Several
    highlight: bool
    timeout_ms: int
    min_seq: int


class Suggesting(TypedDict, total=False):
    """Everything that suggestions take beside `q`."""

    limit: int
    timeout_ms: int
    min_seq: int


_LISTS = {"fields", "facets"}
"""Of which the values are written as one, with commas."""


def pairs_of(options: Mapping[str, object]) -> list[tuple[str, str]]:
    """Names and values as they stand in an address.

    Raises:
        ValueError: a time without a time zone.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in options.items():
        texts = [_text(name, value)] if _single(value) else [_text(name, one) for one in _each(value)]
        if name in _LISTS:
            texts = [",".join(texts)]
        pairs += [(name.removesuffix("_"), text) for text in texts]
    return pairs


def _single(value: object) -> bool:
    return isinstance(value, str) or not isinstance(value, Iterable)


def _each(value: object) -> Iterable[object]:
    assert isinstance(value, Iterable)
    return value


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name}: {value} has no time zone; say which, for example by tzinfo=datetime.UTC")
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def target(path: str, pairs: Iterable[tuple[str, str]] = ()) -> str:
    """Path and query."""
    query = urlencode(list(pairs))
    return f"{path}?{query}" if query else path


def article_path(article_id: str, suffix: str = "") -> str:
    """The path of an article: its id percent-encoded as a whole, its slashes too.

    Raises:
        ValueError: the id is empty, or no text.
    """
    if not article_id:
        raise ValueError("the id of the article is empty")
    # Dots too: `.` and `..` would be steps of the path.
    return f"/v1/articles/{quote(article_id, safe='').replace('.', '%2E')}{suffix}"
