"""Articles and queries from a seed, so that failures replay and shrink: few words, values and dates, many ties.

Not here: what is tested with them (`test_layouts.py`).
"""

import random

import msgspec

from partition.types import Article
from search.query import (
    And,
    Between,
    Choice,
    Every,
    Filters,
    Near,
    Node,
    Nothing,
    Or,
    Pattern,
    Query,
    Quote,
    Sort,
    Start,
    Value,
    Word,
)

WORDS = ("budget", "senate", "storms", "storm", "vote", "votes", "of", "the", "Tax", "élan", "die", "東京", "東京都")
FORMS = tuple(word.lower() for word in WORDS[:-1])
LANGUAGES = {"": "en", "en": "en", "EN": "en", "de": "de", "fr-CA": "fr", "ja": "xx"}
"""Tags to what they are analysed under."""

IDS = [f"a/{n}" for n in range(60)]
DAY_MS = 86_400_000


def _long(opening: str) -> str:
    """A text of some length, in which no two words in a row come again."""
    return " ".join([opening, *(f"{WORDS[at % 7]} {WORDS[7 + at % 5]}{at}" for at in range(20))])


WIRES = (
    ("Budget vote", "storm of votes", 0),
    ("Budget  VOTE", "Storm of votes.", DAY_MS // 2),
    ("Budget vote", "storm of votes", DAY_MS),
    ("Tax", _long("the senate votes 12 on storms"), 0),
    ("Tax vote", _long("the senate votes 12 on storms") + " budget", DAY_MS),
    ("Tax storm", _long("the senate votes 13 on storms"), 2 * DAY_MS),
    ("Storm", _long("the senate votes 12 on storms") + " the Tax of the Tax on votes dies", 40 * DAY_MS),
    ("東京", _long("die Tax budget"), None),
    ("東京都", _long("die Tax budget"), None),
)
"""Titles, texts and dates of articles of which copies go round: some of these are alike, some nearly so."""


class Generator:
    """Articles and queries from one seed; Hypothesis draws the seeds, so that failures replay and shrink.

    Drawing each word by itself gave it so much choice that hardly any query matched anything.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        # Most batches are in one language: so languages come to an archive at different moments.
        self.tags = self._random.choice((("",), ("", "en", "EN"), ("de",), tuple(LANGUAGES)))

    def article(self) -> Article:
        """An article that shares most of its words with the others."""
        choose = self._random.choice
        # Few dates, so that many are equal.
        published_ms = choose((None, -DAY_MS, 0, 0, DAY_MS, 2 * DAY_MS))
        title, body = self._text(4), self._text(choose((0, 3, 12)))
        if self._random.random() < 0.3:
            title, body, published_ms = choose(WIRES)
        return Article(
            id=choose(IDS),
            title=title,
            body=body,
            authors=tuple(self._random.sample(("Ann Storm", "Bo Vote"), choose((0, 1, 1, 2)))),
            section=choose(("", "Politics", "politics ", "Sport")),
            source=choose(("Wire", "Post", "WIRE")),
            tags=tuple(self._random.sample(("x", "Y", "y"), choose((0, 1, 2)))),
            language=choose(self.tags),
            published_ms=published_ms,
            modified_ms=choose((None, 0, DAY_MS, 40 * DAY_MS)),
        )

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(0, words)))

    def typed(self) -> str:
        """Words on the way, some of them misspelled."""
        words = self._random.choices((*WORDS, "Ann", "bugdet", "senat", "wir", "zz"), k=self._random.randint(1, 4))
        text = self._random.choice((" ", " ", "  ", "-")).join(words)
        return text[: max(1, len(text) - self._random.randint(0, 5))] + self._random.choice(("", "", "", " "))

    def query(self) -> Query:
        """A query, as it is written, that has a fair chance to match."""
        filters = Filters()
        if self._random.random() < 0.4:
            bounds = [self._random.choice((None, -DAY_MS, 0, DAY_MS)) for _ in range(2)]
            choices = tuple(self._choice() for _ in range(self._random.choice((0, 1, 2))))
            filters = Filters(bounds[0], bounds[1], choices)
        clock = self._random.choice(("published", "published", "modified", "indexed"))
        filters = msgspec.structs.replace(filters, clock=clock)
        sort: Sort = self._random.choice(("relevance", "relevance", "newest", "oldest"))
        query = Query(self._node(3), filters, sort)
        if sort == "relevance" and self._random.random() < 0.5:
            origin_ms = self._random.choice((-DAY_MS // 2, DAY_MS, 2 * DAY_MS, 100 * DAY_MS))
            half_life_ms = self._random.choice((DAY_MS // 24, DAY_MS, 14 * DAY_MS, 36_500 * DAY_MS))
            query = msgspec.structs.replace(query, origin_ms=origin_ms, half_life_ms=half_life_ms)
        return msgspec.structs.replace(query, collapse=self._random.random() < 0.4)

    def _choice(self) -> Choice:
        field, values = self._random.choice(
            (
                ("section", ("politics", "SPORT", "none")),
                ("source", ("wire", "Post")),
                ("author_name", ("ann storm", "Bo Vote")),
                ("tag", ("X", "y")),
                ("language", ("en", "de")),
            )
        )
        allowed, denied = self._random.choice(((1, 0), (2, 0), (0, 1), (1, 1)))
        return Choice(field, tuple(self._random.sample(values, allowed)), tuple(self._random.sample(values, denied)))

    def _node(self, depth: int) -> Node:  # noqa: C901 - one case for each kind of node
        boost = self._random.choice((1.0, 1.0, 2.0, 0.5, 3.7))
        field = self._random.choice(("text", "text", "title", "body", "author"))
        kind = self._random.choice(
            ("term",) * 4
            + ("phrase", "prefix", "wildcard", "near", "value", "between", "every", "nothing")
            + ("and", "or", "or") * depth
        )
        match kind:
            case "term":
                return Word(field, self._random.choice(FORMS), boost)
            case "phrase":
                size = self._random.choice((2, 2, 3))
                return Quote(field, tuple(self._random.choices(FORMS, k=size)), self._random.randint(0, 3), boost)
            case "near":
                form = self._random.choice(("vote", "stormy", "senat", "bugdet", "ot", "élan", "東", "storn"))
                return Near(field, form, self._random.choice((1, 2)), boost)
            case "prefix":
                return Start(field, self._random.choice(("s", "sto", "votes", "zz", "東")), boost)
            case "wildcard":
                return Pattern(field, self._random.choice(("st?rm", "v*te", "vo*s", "él?n", "b*g*t?", "zz?z")), boost)
            case "value":
                return Value(*self._random.choice((("section", "politics"), ("tag", "y"), ("language", "de"))))
            case "between":
                return Between(
                    self._random.choice(("published", "modified", "indexed")),
                    *(self._random.choice((None, -DAY_MS, 0, DAY_MS)) for _ in range(2)),
                )
            case "every":
                return Every()
            case "nothing":
                return Nothing()
            case "and":
                excluded = self._random.choice((0, 0, 1))
                return And(self._nodes(self._random.choice((1, 2)), depth), self._nodes(excluded, depth))
            case _:
                count = self._random.choice((1, 2, 3))
                return Or(self._nodes(count, depth), self._random.choice((1, 1, min(2, count))))

    def _nodes(self, count: int, depth: int) -> tuple[Node, ...]:
        return tuple(self._node(depth - 1) for _ in range(count))
