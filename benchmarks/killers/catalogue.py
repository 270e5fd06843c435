"""The list of killers: every limit at its edges and far beyond, strings that killed others, the most that is allowed.

Contract: `killers()` is the one list. A killer says itself whether it is beyond a limit.

Not here: asking them (`asking.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import cycle, islice, permutations
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from search.cursor import MAX_CHARS as MAX_CURSOR_CHARS
from search.parameters import FIELDS, MAX_LIMIT, MAX_TIMEOUT_MS, MAX_VALUE_CHARS
from search.parsing import (
    MAX_BOOST,
    MAX_CLAUSES,
    MAX_DEPTH,
    MAX_PHRASE_TERMS,
    MAX_QUERY_CHARS,
    MAX_SLOP,
    MAX_STARS,
    MIN_PREFIX_CHARS,
)
from search.timelines import PERIODS
from web.edge import MAX_TARGET_BYTES

FAR = 10_000
"""Times a limit."""
COMMON = ("the", "of", "and", "to", "in", "a", "for", "that")
"""Words that most English articles hold."""
WORDS_OF_PHRASE = 6
"""Of which a query may have as many as it may have words."""
BEGINNING = "con"
"""Of very many English words."""
MAX_FILTERS = 32

Parameters = Mapping[str, Any]


class Killer(NamedTuple):
    """One search."""

    name: str
    parameters: Callable[[], Parameters | bytes]
    """Made when they are asked for: some have megabytes. Bytes are a query string as it is."""
    beyond: bool | None = False
    """Whether it is beyond a limit, and must be refused; None where that depends on the words of the archive."""
    heavy: bool = False
    """Whether it should take longer than anybody waits, on an archive made for that."""

    def target(self, **more: object) -> bytes:
        """Path and query, with these parameters besides where it has none of that name."""
        given = self.parameters()
        if not isinstance(given, bytes):
            return b"/v1/search?" + urlencode({**more, **given}, doseq=True).encode()
        return b"/v1/search?" + b"&".join((given, urlencode(more).encode()))


def killers() -> list[Killer]:
    """All of them, each under a name of its own."""
    return [*_edges(), *_strings(), *_heavy(), *_large()]


def _edges() -> Iterator[Killer]:
    """Each limit: one less, all of it, one more, and far beyond."""
    yield from _around(MAX_QUERY_CHARS, "characters", lambda n: b"q=" + b"x" * n)
    yield from _around(MAX_CLAUSES, "words, any", lambda n: {"q": " OR ".join(_words(n))})
    yield from _around(MAX_CLAUSES, "words, all", lambda n: {"q": " ".join(_words(n))})
    yield from _around(MAX_CLAUSES, "words, none", lambda n: {"q": "* -" + " -".join(_words(n))})
    yield from _around(MAX_PHRASE_TERMS, "words of a phrase", lambda n: {"q": f'"{" ".join(_words(n))}"'})
    yield from _around(MAX_SLOP, "words inside a phrase", lambda n: {"q": f'"the of"~{n}', "strict": "true"})
    yield from _around(MAX_DEPTH, "parentheses", lambda n: {"q": "(" * n + "the" + " of)" * n})
    yield from _around(int(MAX_BOOST), "boost", lambda n: {"q": f"the^{n}", "strict": "true"})
    yield from _around(MAX_LIMIT, "page", lambda n: {"q": "the", "limit": n, "fields": ",".join(FIELDS)})
    yield from _around(MAX_TIMEOUT_MS, "timeout", lambda n: {"q": "the OR of", "timeout_ms": n})
    yield from _around(MAX_VALUE_CHARS, "characters of a filter", lambda n: b"section=" + b"x" * n)
    yield from _around(MAX_FILTERS, "filters", lambda n: b"&".join(b"tag=%%21%d" % tag for tag in range(n)))

    def beginning(n: int) -> Parameters:
        return {"q": f"{BEGINNING[:n]:{BEGINNING[0]}<{n}}*", "strict": "true"}

    def starred(n: int) -> Parameters:
        return {"q": BEGINNING + "*q" * n, "strict": "true"}

    for killer, n in zip(_around(MIN_PREFIX_CHARS, "letters before *", beginning), (2, 3, 4, 30_000), strict=True):
        yield killer._replace(beyond=n < MIN_PREFIX_CHARS or n > MAX_QUERY_CHARS or None)
    for killer in _around(MAX_STARS, "stars", starred):
        yield killer._replace(beyond=killer.beyond or None)
    for killer in _around(MAX_CURSOR_CHARS, "characters of a cursor", lambda n: b"cursor=" + b"A" * n):
        yield killer._replace(beyond=True)
    for killer in _around(
        MAX_TARGET_BYTES, "bytes of an address", lambda n: b"q=" + b"x" * (n - len("/v1/search?q="))
    ):
        yield killer._replace(beyond=True)


def _around(limit: int, name: str, given: Callable[[int], Parameters | bytes]) -> Iterator[Killer]:
    for n in (limit - 1, limit, limit + 1, limit * FAR):
        # mypy cannot infer a lambda with a default, here and below; it holds what the loop variable is now.
        yield Killer(f"{n:,} {name}", lambda n=n: given(n), beyond=n > limit)  # type: ignore[misc]


def _strings() -> Iterator[Killer]:
    """What killed other services, or Whoosh's own parser."""
    refused = {
        "many stars": "x*" * 200,
        "5,000 ORs": " OR ".join(_words(5000)),
        "1,000 parentheses": "(" * 1000 + "the" + ")" * 1000,
        "a phrase of 100 words": f'"{" ".join(_words(100))}"',
        "a token of 100 KB": "x" * 100_000,
    }
    taken = {
        "a leading star": "*a*",
        "a leading mark": "?*",
        "eight stars on both sides": " AND ".join(["*x*"] * 8),
        "words nearly alike": "the~2 " * 20,
        "a slop of 20 digits": '"the of"~99999999999999999999',
        "a boost without end": "the^" + "9" * 500,
        "a range": "[a TO z]",
        "an open range": "{a TO}",
        "dashes": "-" * 500 + "the",
        "negations": "NOT " * 120 + "the",
        "empty groups": "()" * 200,
        "quotation marks": '"' * 60,
        "operators alone": "% NOT  OR ",
        "fields of fields": "title:body:author:" * 20 + "the",
        "marks": "the" + "?s" * 200,
    }
    for beyond, texts in ((True, refused), (False, taken)):
        for name, text in texts.items():
            yield Killer(name, lambda text=text: {"q": text}, beyond)  # type: ignore[misc]
    yield Killer(
        "halves of surrogate pairs",
        lambda: b"q=" + quote("\ud800" * 40, errors="surrogatepass").encode(),
        beyond=True,
    )


def _heavy() -> Iterator[Killer]:
    """Within all limits, and as slow as they allow."""
    phrases = [f'"{" ".join(words)}"' for words in permutations(COMMON[:WORDS_OF_PHRASE])][::31]
    wildcards = [f"{BEGINNING}*{one}{other}*zz" for one, other in permutations("qxjvwkz", 2)]
    fields = [f"{field}:{phrase}" for phrase in phrases for field in ("body", "title")]
    nested = [f"({one} OR {other} {word})" for one, other, word in zip(phrases[::2], phrases[1::2], cycle(COMMON))]
    texts = {
        "phrases, any": _joined(" OR ", phrases),
        "phrases, loosely": _joined(" OR ", [f"{phrase}~{MAX_SLOP}" for phrase in phrases]),
        "phrases in fields": _joined(" OR ", fields),
        "phrases, none": _joined(" -", ["*", *phrases]),
        "phrases, nested": _joined(" OR ", nested),
        "wildcards, any": _joined(" OR ", wildcards),
        "wildcards, all": _joined(" ", wildcards),
        "wildcards, none": _joined(" -", ["*", *wildcards]),
        "wildcards with marks": _joined(" OR ", [f"{BEGINNING}{'?' * n}qx*zz" for n in range(1, 20)]),
    }
    for name, text in texts.items():
        beyond = None if "wildcards" in name else False
        heavy = name != "wildcards with marks"
        yield Killer(name, lambda text=text: {"q": text, "limit": MAX_LIMIT}, beyond, heavy)  # type: ignore[misc]
    facets = ",".join(("section", "source", "author", "tag", "language", *PERIODS))
    text = texts["phrases, any"]
    yield Killer("phrases with facets", lambda: {"q": text, "facets": facets}, heavy=True)
    yield Killer("phrases explained", lambda: {"q": text, "limit": MAX_LIMIT, "explain": "true"}, heavy=True)
    yield Killer("phrases as stories", lambda: {"q": text, "collapse": "story", "facets": facets}, heavy=True)
    yield Killer("phrases by recency", lambda: {"q": text, "half_life": "1h", "total": "none"}, heavy=True)


def _large() -> Iterator[Killer]:
    """Within all limits, and as much as they allow."""
    page = {"limit": MAX_LIMIT, "fields": ",".join(FIELDS), "explain": "true"}
    facets = ",".join(("section", "source", "author", "tag", "language", *PERIODS))
    pairs = [f"({one} {other})" for one, other in permutations(COMMON, 2)][: MAX_CLAUSES // 2]
    beginnings = _joined(" OR ", [f"{BEGINNING}{letter}*" for letter in "abcdefghijklmnopqrstuvwxyz"])
    yield Killer("everything of everything", lambda: {**page, "facets": facets})
    yield Killer("everything as stories", lambda: {**page, "collapse": "story", "facets": facets})
    yield Killer("everything, oldest first", lambda: {**page, "sort": "oldest"})
    ever = {"from": "0001-01-01", "to": "9999-12-31", "date_field": "indexed"}
    yield Killer("everything, as it came", lambda: {**page, **ever, "sort": "oldest", "facets": facets})
    yield Killer("pairs of words", lambda: {**page, "q": " OR ".join(pairs), "facets": facets})
    yield Killer("pairs of words, marked", lambda: {**page, "q": " OR ".join(pairs), "highlight": "true"})
    yield Killer("the place of nothing", lambda: {**page, "q": " OR ".join(pairs), "explain_id": "no such article"})
    yield Killer("beginnings", lambda: {**page, "q": beginnings}, beyond=None)


def _words(count: int) -> Iterable[str]:
    return islice(cycle(COMMON), count)


def _joined(separator: str, parts: Iterable[str]) -> str:
    """As many of the parts as a query may have."""
    text = ""
    for part in islice(parts, MAX_CLAUSES):
        longer = f"{text}{separator}{part}" if text else part
        if len(longer) > MAX_QUERY_CHARS:
            break
        text = longer
    return text
