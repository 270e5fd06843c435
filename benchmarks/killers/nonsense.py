"""Random queries that nobody means: bytes that are no text, marks of the query language in any order, odd parameters.

Contract: whatever `query_string` makes is answered, or refused with 400; how many of each depends on the archive.

Not here: those that were thought out (`catalogue.py`), asking them (`asking.py`).
"""

import random
from urllib.parse import quote, urlencode

_PIECES = (
    *'"()*~^:-+\\/?[]{}%&<>=@#_1²٣,.;!$|`',
    *(
        " AND ",
        " OR ",
        " NOT ",
        " TO ",
        " ANDNOT ",
        "&&",
        "||",
        "~2",
        "^2",
        "^1e9",
        "title:",
        "body:",
        "author:",
        '" "',
    ),
    *(
        "% NOT  OR ",
        "elect*",
        "budg?t",
        "sen*te",
        "budget",
        "senate",
        "health care",
        "élan",
        "İ",
        "ﬁ",
        "新聞",
        "🗞",
        "x" * 70,
        "-" * 40,
    ),
    *("\0", "\x01", "\x1b[31m", "\r\n", "\t", "\x7f", "\x85", "\u200b", "\u202e", "\ufeff", "\uffff", "\u0301"),
)
_PARAMETERS = {
    "limit": ("1", "7", "100", "0", "-1", "1e3", "9" * 30),
    "sort": ("relevance", "newest", "oldest", "NEWEST", ""),
    "from": (
        "2007-01-01",
        "2007-02-30",
        "0001-01-01",
        "9999-12-31T23:59:59.999999-23:59",
        "0001-01-01T00:00:00+23:59",
        *("now", "-100y", "-7d", "-0h", "-101y", "-1D"),
    ),
    "to": ("2007-12-31", "9999-12-31", "2007-W01-1", "20070101", "now", "-1m", "yesterday"),
    "recency": ("off", "low", "high", "High"),
    "half_life": ("1h", "7d", "100y", "0d", "-1d"),
    "section": ("Sport", "!Sport", "!", "\0", "x" * 1001),
    "author": ("Élodie Budget", "!!", "🗞"),
    "fields": ("id", "id,title,snippet,body", "id,copies,story_id", "id,,title", "*"),
    "total": ("none", "exact", "about"),
    "cursor": ("", "AQ", "AgEAAAAAAAAAAAE", "\ud800", "A" * 513),
    "allow_partial": ("true", "false", "maybe"),
    "offset": ("10",),
    "collapse": ("story", "none", "Story"),
    "facets": ("section,month", "tag,day,year", "section,,"),
    "explain": ("true", "false"),
    "explain_id": ("n0011", "nobody", "\0", "", "x" * 513),
}


def query_string(made: random.Random) -> str:
    """A query nobody means, as it stands in an address."""
    kind = made.randrange(10)
    if kind == 0:  # bytes, most of them no UTF-8
        return "q=" + quote(made.randbytes(made.randint(1, 40)))
    if kind == 1:  # any characters, half of them halves of surrogate pairs
        ranges = ((0, 0x7F), (0xD800, 0xDFFF), (0x80, 0xFFFF), (0x10000, 0x10FFFF))
        text = "".join(chr(made.randint(*made.choice(ranges))) for _ in range(made.randint(1, 30)))
        return "q=" + quote(text, errors="surrogatepass")
    text = "".join(made.choices(_PIECES, k=made.randint(1, 14)))
    given = [("q", text)]
    for name in made.sample(sorted(_PARAMETERS), k=max(0, made.randint(-4, 3))):
        given += [(name, made.choice(_PARAMETERS[name]))] * made.choice((1, 1, 1, 2))
    return urlencode(given, errors="surrogatepass")
