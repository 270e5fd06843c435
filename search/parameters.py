"""The parameters of `GET /v1/search`: what users write, as values the service works with.

Contract: the table `SEARCH` is the one place that names, checks, bounds and documents them.

Not here: the syntax of `q` (`parsing.py`), how parameters are parsed in general (`web/parameters.py`).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from partition.analysis import exact
from search.cursor import MAX_CHARS
from search.facets import PERIODS
from search.query import Choice, Filters, Sort
from web.parameters import Parameter, boolean, choice, integer, parse, text_up_to

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_FACET_LIMIT = 100
DEFAULT_FACET_LIMIT = 10
DEFAULT_TIMEOUT_MS = 1000
MAX_TIMEOUT_MS = 30_000
MAX_VALUE_CHARS = 1000
MAX_SEQ = (1 << 53) - 1
"""What JSON numbers hold exactly."""

FIELDS = (
    "id",
    "title",
    "summary",
    "body",
    "authors",
    "source",
    "section",
    "tags",
    "language",
    "url",
    "published_at",
    "modified_at",
    "indexed_at",
    "date_confidence",
    "version",
    "score",
    "snippet",
)
"""Everything that an item of a page can hold."""

DEFAULT_FIELDS = ("id", "title", "published_at", "source", "section", "url", "score", "snippet")

_FILTERS = {
    "section": "section",
    "source": "source",
    "author": "author_name",
    "tag": "tag",
    "language": "language",
}
"""Parameter to keyword field of the index."""

_FACETS = {**_FILTERS, **dict(zip(PERIODS, PERIODS, strict=True))}
"""What `facets` may name."""

_VALUE_PATTERN = r"^(?!!?[\s\u0085]*$)[^\u0000-\u001F]+$"
"""What `_filter_value` accepts, for the documentation: text that is not blank, perhaps after a `!`."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SearchParameters(msgspec.Struct, frozen=True):
    """What one request asks for."""

    q: str
    filters: Filters
    sort: Sort
    limit: int
    cursor: str | None
    fields: tuple[str, ...]
    exact_total: bool
    allow_partial: bool
    timeout_ms: int
    explain: bool
    facets: tuple[tuple[str, str], ...]
    """Names as users write them, with those of `facets.FACETS`."""
    facet_limit: int
    """Values of a field that are shown, beside those that a filter names."""
    highlight: bool
    """Whether each item has `highlights`."""
    min_seq: int
    """The log sequence that the answer must know."""
    given: tuple[tuple[str, str], ...]
    """The parameters that decide membership, order and content, as given, in canonical order; for links."""


def _instant_ms(text: str, *, end: bool) -> int:
    try:
        if _DAY.fullmatch(text):
            since_epoch = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) - _EPOCH
            # A day is whole: as an end it ends with its last moment. (Added here: no datetime follows 9999-12-31.)
            since_epoch += timedelta(days=1) if end else timedelta()
        else:
            since_epoch = datetime.fromisoformat(text) - _EPOCH
        return since_epoch // timedelta(milliseconds=1)
    except (ValueError, TypeError):  # TypeError: an instant without an offset
        raise ValueError(
            f"{text[:40]!r} is neither a date like 2007-04-10 nor an instant like 2007-04-10T12:00:00Z"
        ) from None


def _fields(text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(text.split(",")))
    for name in chosen:
        if name not in FIELDS:
            raise ValueError(f"{name[:40]!r} is not one of {', '.join(FIELDS)}")
    return chosen


def _facets(text: str) -> tuple[tuple[str, str], ...]:
    chosen = tuple(dict.fromkeys(text.split(",")))
    for name in chosen:
        if name not in _FACETS:
            raise ValueError(f"{name[:40]!r} is not one of {', '.join(_FACETS)}")
    return tuple((name, _FACETS[name]) for name in chosen)


def _filter_value(text: str) -> str:
    checked = text_up_to(MAX_VALUE_CHARS)(text)
    if not exact(checked.removeprefix("!")):
        raise ValueError("is empty; leave it out or name a value")
    return checked


def _filter(name: str, example: str) -> Parameter:
    return Parameter(
        name=name,
        description=f"Only articles with this {name}; repeat it for any of several, begin it with `!` to exclude. "
        "Case does not count.",
        schema={"type": "string", "pattern": _VALUE_PATTERN, "maxLength": MAX_VALUE_CHARS},
        convert=_filter_value,
        repeated=True,
        example=[example],
    )


def _date(name: str, description: str, convert: Callable[[str], int], example: str) -> Parameter:
    schema = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
    return Parameter(name=name, description=description, schema=schema, convert=convert, example=example)


MIN_SEQ = Parameter(
    name="min_seq",
    description="Answer from an epoch that has applied this log sequence, as a write has told it.",
    schema={"type": "integer", "minimum": 0, "maximum": MAX_SEQ, "default": 0},
    convert=integer(0, MAX_SEQ),
    default=0,
    example=0,
)

SEARCH = (
    Parameter(
        name="q",
        description='The query: words (all must match), `"phrases"`, `AND OR NOT -`, parentheses, `title:`, `body:`, '
        "`author:`, `beginning*`, `wo?d`, `wo*d`, `word^2`. Left out, it matches every article.",
        schema={"type": "string", "maxLength": 512},
        # Its own limits are checked where it is parsed, with positions.
        convert=lambda text: text,
        default="",
        example='"health care" reform',
    ),
    _date(
        "from",
        "Published at or after this date or UTC instant.",
        lambda text: _instant_ms(text, end=False),
        "2007-01-01",
    ),
    _date(
        "to",
        "Published before this UTC instant, or up to the end of this day.",
        lambda text: _instant_ms(text, end=True),
        "2007-12-31",
    ),
    Parameter(
        name="sort",
        description="The order; `relevance` when there is a query, else `newest`. Articles without a date come last.",
        schema={"type": "string", "enum": ["relevance", "newest", "oldest"]},
        convert=choice("relevance", "newest", "oldest"),
        example="newest",
    ),
    _filter("section", "Politics"),
    _filter("source", "US Senate press release"),
    _filter("author", "Sen. Akaka"),
    _filter("tag", "veterans"),
    _filter("language", "en"),
    Parameter(
        name="limit",
        description="How many articles a page holds.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        convert=integer(1, MAX_LIMIT),
        default=DEFAULT_LIMIT,
        example=10,
    ),
    Parameter(
        name="cursor",
        description="Where to go on: taken from `page.next` or `page.prev` of an answer to the same query.",
        schema={"type": "string", "maxLength": MAX_CHARS},
        convert=lambda text: text,
    ),
    Parameter(
        name="fields",
        description="What each item holds, separated by commas.",
        schema={"type": "string", "pattern": f"^({'|'.join(FIELDS)})(,({'|'.join(FIELDS)}))*$"},
        convert=_fields,
        default=DEFAULT_FIELDS,
        example="id,title,published_at",
    ),
    Parameter(
        name="highlight",
        description="Whether each item also has `highlights`: its title, and up to three passages of its body that "
        "together show the words of the query, as HTML and with the places of the words.",
        schema={"type": "boolean", "default": False},
        convert=boolean,
        default=False,
        example=True,
    ),
    Parameter(
        name="facets",
        description="What is counted over all matches, separated by commas: articles by value, under all filters "
        "but the one on the same field, or by day, month or year of publication.",
        schema={"type": "string", "pattern": f"^({'|'.join(_FACETS)})(,({'|'.join(_FACETS)}))*$"},
        convert=_facets,
        default=(),
        example="section,month",
    ),
    Parameter(
        name="facet_limit",
        description="How many values of each field `facets` shows, the most frequent first, beside those that a "
        "filter names. The others are counted together.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_FACET_LIMIT, "default": DEFAULT_FACET_LIMIT},
        convert=integer(1, MAX_FACET_LIMIT),
        default=DEFAULT_FACET_LIMIT,
        example=25,
    ),
    Parameter(
        name="total",
        description="Whether to count all matches.",
        schema={"type": "string", "enum": ["exact", "none"], "default": "exact"},
        convert=choice("exact", "none"),
        default="exact",
        example="exact",
    ),
    Parameter(
        name="allow_partial",
        description="Whether an answer without some of the partitions will do; it says which ones are missing.",
        schema={"type": "boolean", "default": False},
        convert=boolean,
        default=False,
        example=False,
    ),
    Parameter(
        name="timeout_ms",
        description="How long the search may take, in milliseconds.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT_MS, "default": DEFAULT_TIMEOUT_MS},
        convert=integer(1, MAX_TIMEOUT_MS),
        default=DEFAULT_TIMEOUT_MS,
        example=1000,
    ),
    MIN_SEQ,
    Parameter(
        name="explain",
        description="Whether the answer says how the query was understood and executed.",
        schema={"type": "boolean", "default": False},
        convert=boolean,
        default=False,
        example=True,
    ),
)

_IN_LINKS = (
    *("q", "from", "to", "sort", *_FILTERS),
    *("limit", "fields", "total", "allow_partial", "timeout_ms", "explain", "facets", "facet_limit", "highlight"),
)


EXPORTED = tuple(one for one in SEARCH if one.name in {"q", "from", "to", "sort", *_FILTERS})
"""Those that decide what is found, and in which order."""


def parse_search(given: list[tuple[str, str]]) -> SearchParameters:
    """The parameters of one request.

    Raises:
        Problem: `parameter-invalid`.
    """
    values = parse(SEARCH, given)
    ordered = sorted(
        ((name, text) for name, text in given if name in _IN_LINKS), key=lambda pair: _IN_LINKS.index(pair[0])
    )
    return SearchParameters(
        q=values["q"],
        filters=_filters(values),
        sort=values["sort"] or ("relevance" if values["q"].strip() else "newest"),
        limit=values["limit"],
        cursor=values["cursor"],
        fields=values["fields"],
        exact_total=values["total"] == "exact",
        allow_partial=values["allow_partial"],
        timeout_ms=values["timeout_ms"],
        explain=values["explain"],
        facets=values["facets"],
        facet_limit=values["facet_limit"],
        highlight=values["highlight"],
        min_seq=values["min_seq"],
        given=tuple(ordered),
    )


def _filters(values: dict[str, Any]) -> Filters:
    choices = []
    for name, field in _FILTERS.items():
        texts: tuple[str, ...] = values[name]
        allowed = sorted({exact(text) for text in texts if not text.startswith("!")})
        denied = sorted({exact(text[1:]) for text in texts if text.startswith("!")})
        if allowed or denied:
            choices.append(Choice(field, tuple(allowed), tuple(denied)))
    return Filters(values["from"], values["to"], tuple(choices))
