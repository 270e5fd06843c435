"""The query tree: what a user wrote, what a leaf executes, what cursors and cache keys are made of.

    written     Word, Quote, Start, Pattern, Near      forms of words, as in the text of the query (`parsing.py`)
    executed    Term, Phrase, Prefix, Wildcard         terms, as analysis makes them for some languages (`terms.py`)
    both        And, Or, Value, Between, Every, Nothing

Contract: immutable, plain, encodable as MessagePack; the meaning of each executed node is in its docstring and in
`tests/reference/`, and every node yields, for every live article, whether it matches and a fixed-point score.
A score is the sum of the scores of the matching clauses; an article that does not match has none.

Not here: the syntax users write (`parsing.py`), execution (`share.py`).
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from partition.analysis import OF


class Word(msgspec.Struct, frozen=True, tag="word"):
    """Articles that hold the word `form`, in lower case, or another of the same stem, in `field`."""

    field: str
    form: str
    boost: float = 1.0


class Quote(msgspec.Struct, frozen=True, tag="quote"):
    """The same for some words in this order, with at most `slop` others in between."""

    field: str
    forms: tuple[str, ...]
    slop: int = 0
    boost: float = 1.0


class Start(msgspec.Struct, frozen=True, tag="start"):
    """The same for words that begin with `form`."""

    field: str
    form: str
    boost: float = 1.0


class Pattern(msgspec.Struct, frozen=True, tag="pattern"):
    """The same for words that `text` stands for: `?` is one character and `*` any number of them."""

    field: str
    text: str
    boost: float = 1.0


class Near(msgspec.Struct, frozen=True, tag="near"):
    """The same for words that are spelled like `form`, at most so many letters apart (`spelling.py`)."""

    field: str
    form: str
    edits: int
    boost: float = 1.0


class Term(msgspec.Struct, frozen=True, tag="term"):
    """Articles that hold `text`, a term as analysis made it, in `field`; scored by BM25 times `boost`."""

    field: str
    text: str
    boost: float = 1.0


class Phrase(msgspec.Struct, frozen=True, tag="phrase"):
    """Articles that hold `terms` in this order in `field`, with at most `slop` other words in between in total.

    A phrase in `text` stands in one of its parts, the title or the body. Scored as the sum of its distinct terms,
    each as `Term` would be in `field`.
    """

    field: str
    terms: tuple[str, ...]
    slop: int = 0
    boost: float = 1.0


class Prefix(msgspec.Struct, frozen=True, tag="prefix"):
    """Articles that hold a term beginning with `text` in `field`; scored `boost`, whichever and however many."""

    field: str
    text: str
    boost: float = 1.0


class Wildcard(msgspec.Struct, frozen=True, tag="wildcard"):
    """Articles that hold a term that `text` stands for in `field`; scored `boost`, whichever and however many.

    In `text`, `?` is one character and `*` any number of them; a term's language is not looked at.
    """

    field: str
    text: str
    boost: float = 1.0


class Value(msgspec.Struct, frozen=True, tag="value"):
    """Articles with this value (`analysis.exact`) in a keyword field; scored 0."""

    field: str
    text: str


class Between(msgspec.Struct, frozen=True, tag="between"):
    """Articles whose time by `clock` is in [from_ms, to_ms), where given; scored 0. Without a time, none is."""

    clock: "Clock"
    from_ms: int | None = None
    to_ms: int | None = None


class And(msgspec.Struct, frozen=True, tag="and"):
    """Articles that match all of `required` and none of `excluded`; the latter add nothing to the score."""

    required: tuple["Node", ...]
    excluded: tuple["Node", ...] = ()


class Or(msgspec.Struct, frozen=True, tag="or"):
    """Articles that match at least `minimum` of `clauses`."""

    clauses: tuple["Node", ...]
    minimum: int = 1


class Every(msgspec.Struct, frozen=True, tag="every"):
    """All live articles, each with a score of 0."""


class Nothing(msgspec.Struct, frozen=True, tag="nothing"):
    """No article: what is left of a query without any word."""


Written = Word | Quote | Start | Pattern | Near
Executed = Term | Phrase | Prefix | Wildcard
Node = Written | Executed | Value | Between | And | Or | Every | Nothing


class Choice(msgspec.Struct, frozen=True):
    """A filter on whole values: any of `allowed` (if there are any) and none of `denied`."""

    field: str
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


Clock = Literal["published", "modified", "indexed"]
"""A time of an article: by its publisher, of its last change, of the log's taking in this version of it."""

Bounds = tuple[Clock, int | None, int | None]
"""As of `Filters`."""


class Filters(msgspec.Struct, frozen=True):
    """What an article must satisfy besides the query; never scored."""

    from_ms: int | None = None
    """Inclusive. Articles without a date satisfy no bound."""
    to_ms: int | None = None
    """Exclusive."""
    choices: tuple[Choice, ...] = ()
    clock: Clock = "published"
    """Of which time the bounds are; orders and periods go by it, too."""

    @property
    def bounded(self) -> bool:
        """Whether there is a bound."""
        return self.from_ms is not None or self.to_ms is not None

    @property
    def unsorted(self) -> Bounds | None:
        """Bounds of a time that segments are not sorted by: they are no range of docnums."""
        return (self.clock, self.from_ms, self.to_ms) if self.clock != "published" and self.bounded else None


Sort = Literal["relevance", "newest", "oldest"]


class Decay(NamedTuple):
    """How scores decay with age (`partition/scoring.py`)."""

    half_life_ms: int
    origin_ms: int


class Query(msgspec.Struct, frozen=True):
    """Everything that decides which articles match and in which order they come."""

    node: Node
    filters: Filters
    sort: Sort
    origin_ms: int | None = None
    """The moment that it counts from (`dates.py`); `None` if nothing in it depends on that."""
    half_life_ms: int | None = None
    """In which scores lose half of what they can, counted from the origin; `None` if age does not matter."""
    collapse: bool = False
    """Whether of each story only the article is wanted that comes first."""

    @property
    def decay(self) -> Decay | None:
        """What becomes of scores, if anything does."""
        if self.half_life_ms is None:
            return None
        assert self.origin_ms is not None, "ages count from it"
        return Decay(self.half_life_ms, self.origin_ms)

    def canonical(self) -> bytes:
        """Equal bytes for equal meanings, as far as parsing made the tree canonical."""
        return msgspec.msgpack.encode(self)


def pattern_of(text: str) -> "re.Pattern[str]":
    """The terms that a pattern with `?` and `*` stands for, in whatever language."""
    one = f"[^{OF}]"
    return re.compile(re.escape(text).replace(r"\?", one).replace(r"\*", f"{one}*") + f"(?:{OF}..)?")


def near_nodes(node: Node) -> Iterator[Near]:
    """The nodes of a tree that stand for words of the archive which must be looked for first."""
    if isinstance(node, Near):
        yield node
    for child in children_of(node):
        yield from near_nodes(child)


def holds_phrase(positions: list[list[int]], slop: int) -> bool:
    """Whether one position can be taken from each list, ascending, spanning at most `slop` extra places.

    Args:
        positions: for each word of the phrase, where it stands, ascending.
        slop: how many other words may stand between the first and the last, in total.
    """
    first, *following = positions
    for start in first:
        at = start
        for places in following:
            # The earliest place after `at` leaves most room for the words that follow.
            after = bisect_right(places, at)
            if after == len(places):  # nor is there one for any later start
                return False
            at = places[after]
        if at - start <= len(following) + slop:
            return True
    return False


def children_of(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node."""
    match node:
        case And(required=required, excluded=excluded):
            return required + excluded
        case Or(clauses=clauses):
            return clauses
        case _:
            return ()


def words_of(node: Node) -> frozenset[str]:
    """The terms that a reader would want marked in a text, as patterns where they hold `?` or `*` (`Wildcard`)."""
    match node:
        case Term(text=text):
            return frozenset({text})
        case Phrase(terms=terms):
            return frozenset(terms)
        case Prefix(text=text):
            return frozenset({text + "*"})
        case Wildcard(text=text):
            return frozenset({text})
        case And(required=clauses) | Or(clauses=clauses):
            return frozenset().union(*map(words_of, clauses))
        case _:
            return frozenset()
