"""The parameters of look-ups: of similar articles, and of suggestions.

Contract: as of `parameters.py`, whose table says of each that a search has, too, what it is.

Not here: how parameters are parsed in general (`web/parameters.py`).
"""

from dataclasses import replace

import msgspec

from search.parameters import FILTERS, SEARCH, SearchParameters, parameters_of
from web.parameters import Parameter, integer, parse, text_up_to

_SIMILAR = {"date_field", "from", "to", *FILTERS, "limit", "fields", "highlight", "timeout_ms", "min_seq"}
DEFAULT_SIMILAR_LIMIT = 10
SIMILAR = tuple(
    replace(one, default=DEFAULT_SIMILAR_LIMIT, schema={**one.schema, "default": DEFAULT_SIMILAR_LIMIT})
    if one.name == "limit"
    else one
    for one in SEARCH
    if one.name in _SIMILAR
)
"""Those of the articles that are like one."""


MAX_TYPED_CHARS = 256
MAX_SUGGEST_LIMIT = 20
DEFAULT_SUGGEST_LIMIT = 5
_SUGGEST_LIMIT = {"minimum": 1, "maximum": MAX_SUGGEST_LIMIT, "default": DEFAULT_SUGGEST_LIMIT}
SUGGEST = (
    Parameter(
        name="q",
        description="What was typed up to now. Its last word is a beginning, unless white space follows it. Case "
        "does not count, and words may be misspelled.",
        schema={"type": "string", "maxLength": MAX_TYPED_CHARS},
        convert=text_up_to(MAX_TYPED_CHARS),
        default="",
        example="climate ch",
    ),
    Parameter(
        name="limit",
        description="How many phrases, names and titles at most, of each.",
        schema={"type": "integer", **_SUGGEST_LIMIT},
        convert=integer(1, MAX_SUGGEST_LIMIT),
        default=DEFAULT_SUGGEST_LIMIT,
        example=5,
    ),
    *(one for one in SEARCH if one.name in {"timeout_ms", "min_seq"}),
)
"""Those of suggestions."""


class SuggestParameters(msgspec.Struct, frozen=True):
    """What a request for suggestions asks for."""

    q: str
    limit: int
    timeout_ms: int
    min_seq: int


def parse_suggest(given: list[tuple[str, str]]) -> SuggestParameters:
    """The parameters of a request for suggestions.

    Raises:
        Problem: `parameter-invalid`.
    """
    return SuggestParameters(**parse(SUGGEST, given))


def parse_similar(given: list[tuple[str, str]]) -> SearchParameters:
    """The parameters of a request for articles that are like one: a search by relevance.

    Raises:
        Problem: `parameter-invalid`.
    """
    others = {one.name: one.default for one in SEARCH}
    return parameters_of({**others, "sort": "relevance", **parse(SIMILAR, given)}, given)
