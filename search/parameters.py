"""The parameters of `GET /v1/search`: what users write, as values the service works with.

Contract: the table `SEARCH` is the one place that names, checks, bounds and documents them.

Not here: the syntax of `q` (`parsing.py`), look-ups (`lookup_parameters.py`), how parameters are parsed in general
(`web/parameters.py`).
"""

from collections.abc import Collection
from functools import partial
from typing import Any

import msgspec

from partition.analysis import exact
from partition.types import MAX_ARTICLE_ID_BYTES
from search.cursor import MAX_CHARS
from search.dates import DAY_MS, RELATIVE_PATTERN, SPAN_PATTERN, Date, Relative, read_date, read_span, resolved
from search.query import Choice, Clock, Filters, Node, Query, Sort
from search.timelines import PERIODS
from web.parameters import Parameter, boolean, choice, integer, parse, text_up_to
from web.problems import ParameterError, Problem

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
    "story_id",
    "copies",
    "score",
    "snippet",
)
"""Everything that an item of a page can hold."""

DEFAULT_FIELDS = ("id", "title", "published_at", "source", "section", "url", "score", "snippet")

RECENCY = {"off": None, "low": 180 * DAY_MS, "high": 14 * DAY_MS}
"""Half-life by name: archives are used over years, today's news over days."""

FILTERS = {
    "section": "section",
    "source": "source",
    "author": "author_name",
    "tag": "tag",
    "language": "language",
}
"""Parameter to keyword field of the index."""

_FACETS = {**FILTERS, **dict(zip(PERIODS, PERIODS, strict=True))}
"""What `facets` may name."""

_VALUE_PATTERN = r"^(?!!?[\s\u0085]*$)[^\u0000-\u001F]+$"
"""What `_filter_value` accepts, for the documentation: text that is not blank, perhaps after a `!`."""


class SearchParameters(msgspec.Struct, frozen=True):
    """What one request asks for."""

    q: str
    start: Date | None
    end: Date | None
    clock: Clock
    choices: tuple[Choice, ...]
    sort: Sort
    half_life_ms: int | None
    """Of scores, as far as they decay; `None` if they do not."""
    limit: int
    cursor: str | None
    fields: tuple[str, ...]
    exact_total: bool
    allow_partial: bool
    timeout_ms: int
    explain: bool
    explain_id: str | None
    """The article of which it is said where it stands in the result, or why it does not."""
    strict: bool
    """Whether a query with notes is refused."""
    facets: tuple[tuple[str, str], ...]
    """Names as users write them, with those of `values.FACETS`."""
    facet_limit: int
    """Values of a field that are shown, beside those that a filter names."""
    highlight: bool
    """Whether each item has `highlights`."""
    collapse: bool
    """Whether of each story only the first article is shown."""
    min_seq: int
    """The log sequence that the answer must know."""
    given: tuple[tuple[str, str], ...]
    """The parameters that decide membership, order and content, as given, in canonical order; for links."""

    @property
    def relative(self) -> bool:
        """Whether the answer depends on the moment that it is counted from."""
        return isinstance(self.start, Relative) or isinstance(self.end, Relative) or self.half_life_ms is not None

    def query(self, node: Node, origin_ms: int) -> Query:
        """What is asked of an archive, counted from this moment; `node` is the tree of `q`."""
        from_ms = None if self.start is None else resolved(self.start, origin_ms, end=False)
        to_ms = None if self.end is None else resolved(self.end, origin_ms, end=True)
        filters = Filters(from_ms, to_ms, self.choices, self.clock)
        origin = origin_ms if self.relative else None
        return Query(node, filters, self.sort, origin, self.half_life_ms, self.collapse)


def _names(text: str, known: Collection[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(text.split(",")))
    for name in chosen:
        if name not in known:
            raise ValueError(f"{name[:40]!r} is not one of {', '.join(known)}")
    return chosen


def _facets(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, _FACETS[name]) for name in _names(text, _FACETS))


def _filter_value(text: str) -> str:
    checked = text_up_to(MAX_VALUE_CHARS)(text)
    if not exact(checked.removeprefix("!")):
        raise ValueError("is empty; leave it out or name a value")
    return checked


def _article_id(text: str) -> str:
    size_bytes = len(text.encode())
    if not 1 <= size_bytes <= MAX_ARTICLE_ID_BYTES:
        raise ValueError(f"has {size_bytes} bytes; ids have from 1 to {MAX_ARTICLE_ID_BYTES}")
    return text


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


def _date(name: str, description: str, example: str) -> Parameter:
    schema = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}, {"pattern": RELATIVE_PATTERN}]}
    return Parameter(
        name=name,
        description=f"{description} Days are UTC. `now`, `-24h` and the like count from the hour of the request, "
        "`today`, `yesterday`, `-7d`, `-2w`, `-3m` and `-1y` are days before its day.",
        schema=schema,
        convert=partial(read_date, end=name == "to"),
        example=example,
    )


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
        description='The query: words (all must match), `"phrases"`, `"near by"~2`, `AND OR NOT - +`, parentheses, '
        "`title:`, `body:`, `author:`, `section:`, `source:`, `tag:`, `language:`, `published:2007-04..2007-06`, "
        "`modified:>=2007`, `beginning*`, `wo?d`, `wo*d`, `word^2`. Left out, it matches every article.",
        schema={"type": "string", "maxLength": 512},
        # Its own limits are checked where it is parsed, with positions.
        convert=lambda text: text,
        default="",
        example='"health care" reform',
    ),
    Parameter(
        name="strict",
        description="Whether a query in which something is not understood is refused, rather than answered with a "
        "note (`notes`).",
        schema={"type": "boolean", "default": False},
        convert=boolean,
        default=False,
        example=True,
    ),
    Parameter(
        name="date_field",
        description="Which time of an article `from`, `to`, `sort` and the facets `day`, `month` and `year` go by: "
        "when it was published, when it was last modified, or when this version of it came into the archive.",
        schema={"type": "string", "enum": ["published", "modified", "indexed"], "default": "published"},
        convert=choice("published", "modified", "indexed"),
        default="published",
        example="modified",
    ),
    _date("from", "At or after this date or instant.", "2007-01-01"),
    _date("to", "Before this instant, or up to the end of this day.", "2007-12-31"),
    Parameter(
        name="sort",
        description="The order; `relevance` when there is a query, else `newest`. Articles without a date come last.",
        schema={"type": "string", "enum": ["relevance", "newest", "oldest"]},
        convert=choice("relevance", "newest", "oldest"),
        example="newest",
    ),
    Parameter(
        name="recency",
        description="How much `sort=relevance` prefers newer articles: with age scores lose up to three quarters, "
        "half of that in 180 days (`low`) or 14 days (`high`).",
        schema={"type": "string", "enum": list(RECENCY), "default": "off"},
        convert=choice(*RECENCY),
        example="high",
    ),
    Parameter(
        name="half_life",
        description="The same, by the time in which half of that is lost, from `1h` to `100y`.",
        schema={"type": "string", "pattern": SPAN_PATTERN},
        convert=read_span,
        example="7d",
    ),
    Parameter(
        name="collapse",
        description="`story`: of articles that tell the same in the same words, only the one that comes first. The "
        "total, the facets and the pages then count stories; a facet counts one under each value that any of its "
        "matching articles has.",
        schema={"type": "string", "enum": ["story", "none"], "default": "none"},
        convert=choice("story", "none"),
        default="none",
        example="story",
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
        convert=partial(_names, known=FIELDS),
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
        "but the one on the same field, or by day, month or year (of `date_field`), empty ones included.",
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
        description="Whether the answer says how the query was understood and executed, and each item how its score "
        "comes about.",
        schema={"type": "boolean", "default": False},
        convert=boolean,
        default=False,
        example=True,
    ),
    Parameter(
        name="explain_id",
        description="The id of an article: `explain` then says at which place of the whole result it stands, or "
        "why it does not. That needs all partitions.",
        schema={"type": "string", "minLength": 1, "maxLength": MAX_ARTICLE_ID_BYTES},
        convert=_article_id,
        example="2024-0001",
    ),
)

_IN_LINKS = (
    *("q", "strict", "date_field", "from", "to", "sort", "recency", "half_life", *FILTERS, "limit", "fields"),
    *("collapse", "total", "allow_partial", "timeout_ms", "explain", "explain_id", "facets", "facet_limit"),
    "highlight",
)

_FINDING = {"q", "date_field", "from", "to", "sort", "recency", "half_life", *FILTERS}
EXPORTED = tuple(one for one in SEARCH if one.name in _FINDING)
"""Those that decide what is found, and in which order."""


def parse_search(given: list[tuple[str, str]]) -> SearchParameters:
    """The parameters of one request.

    Raises:
        Problem: `parameter-invalid`.
    """
    return parameters_of(parse(SEARCH, given), given)


def parameters_of(values: dict[str, Any], given: list[tuple[str, str]]) -> SearchParameters:
    """What is asked for by these values, which the table has checked, and were given so.

    Raises:
        Problem: `parameter-invalid`: they do not go together.
    """
    sort: Sort = values["sort"] or ("relevance" if values["q"].strip() else "newest")
    ordered = sorted(
        ((name, text) for name, text in given if name in _IN_LINKS), key=lambda pair: _IN_LINKS.index(pair[0])
    )
    return SearchParameters(
        q=values["q"],
        start=values["from"],
        end=values["to"],
        clock=values["date_field"],
        choices=_choices(values),
        sort=sort,
        half_life_ms=_half_life_ms(values, sort),
        limit=values["limit"],
        cursor=values["cursor"],
        fields=values["fields"],
        exact_total=values["total"] == "exact",
        allow_partial=values["allow_partial"],
        timeout_ms=values["timeout_ms"],
        explain=values["explain"],
        explain_id=values["explain_id"],
        strict=values["strict"],
        facets=values["facets"],
        facet_limit=values["facet_limit"],
        highlight=values["highlight"],
        collapse=values["collapse"] == "story",
        min_seq=values["min_seq"],
        given=tuple(ordered),
    )


def _half_life_ms(values: dict[str, Any], sort: Sort) -> int | None:
    by_name, by_span = values["recency"], values["half_life"]
    if by_name and by_span:
        raise _refused("half_life", "cannot be given beside recency; give one of them")
    half_life_ms: int | None = by_span or RECENCY[by_name or "off"]
    if half_life_ms and sort != "relevance":
        name = "half_life" if by_span else "recency"
        raise _refused(name, f"counts with sort=relevance only, and the order is {sort}; leave it out or change sort")
    return half_life_ms


def _refused(name: str, detail: str) -> Problem:
    return Problem("parameter-invalid", f"{name}: {detail}", [ParameterError(name, detail)])


def _choices(values: dict[str, Any]) -> tuple[Choice, ...]:
    choices = []
    for name, field in FILTERS.items():
        texts: tuple[str, ...] = values[name]
        allowed = sorted({exact(text) for text in texts if not text.startswith("!")})
        denied = sorted({exact(text[1:]) for text in texts if text.startswith("!")})
        if allowed or denied:
            choices.append(Choice(field, tuple(allowed), tuple(denied)))
    return tuple(choices)
