"""A partition of tens of thousands of tiny articles, and queries that it answers, for tests of searches.

Kernels walk lists in blocks of 128 and articles in windows of 4096, and choose another way when a list is dense, or
few articles are left. So there are lists of every length, words that stand only in the news of some days, articles of
many lengths, times that thousands share, segments of several sizes and tombstones in them.

Contract: the articles are always the same; a query is a pure function of its seed.

Not here: what is compared (`test_executor.py`).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec

from partition.analysis import terms
from partition.changes import Put, Withdraw
from partition.counting import count_partition
from partition.reader import PartitionReader
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics, TermCounts, write_statistics
from partition.types import Article
from partition.writer import write_generation
from search.leaf import Leaf
from search.query import And, Choice, Every, Filters, Node, Or, Phrase, Prefix, Query, Sort, Term

ARTICLES = 56_000
MEMORY_MB = 50
"""Holds not half of the articles: they become three segments."""
CHANGED = 5_000
DAY_MS = 86_400_000
DAYS = 300

_SYLLABLES = [consonant + vowel for consonant in "bdgklmnprtvz" for vowel in "aou"]


def _word(number: int) -> str:
    return _SYLLABLES[number // 36 % 36] + _SYLLABLES[number % 36] + _SYLLABLES[number * 7 % 36] + "x"


COMMON = ("the", "of", *map(_word, range(300)))
"""By Zipf's law: the first stands in most articles, the last in hardly one of a hundred."""
TOPICAL = tuple(_word(number) for number in range(300, 330))
"""Each in the news of ten days, and hardly elsewhere."""
RARE = tuple(_word(number) for number in range(400, 700))
"""Each in a few articles or none."""
SIXTH = "quota"
"""In a little less than every sixth article: a list as long as any that is added up posting by posting."""
AUTHORS = ("Ann Bodu", "Bo Kala", "Cy Bodu")
SECTIONS = ("", "News", "news ", "Sport", "Arts")
TAGS = ("x", "Y", "z")

_SHARES = list(accumulate(1 / (rank + 1) for rank in range(len(COMMON))))
_LENGTHS = (0, 1, 2, 3, 5, 8, 8, 13, 40)


def _article(random_: random.Random, number: int) -> Article:
    day = random_.choice((100, *(int(DAYS * random_.random() ** 0.7) for _ in range(4))))
    words = random_.choices(COMMON, cum_weights=_SHARES, k=random_.choice(_LENGTHS))
    if random_.random() < 0.3:
        topic = TOPICAL[day // 10] if random_.random() < 0.995 else random_.choice(TOPICAL)
        words += [topic] * random_.choice((1, 1, 1, 2, 5))
    if random_.random() < 0.05:
        words.append(random_.choice(RARE))
    if number * 3 % 19 < 3:
        words.append(SIXTH)
    random_.shuffle(words)
    return Article(
        id=f"a/{number}",
        title=" ".join(random_.choices((*words, *COMMON), k=random_.choice((0, 1, 1, 3)))),
        body=" ".join(words),
        authors=tuple(random_.sample(AUTHORS, random_.choice((0, 0, 1, 2)))),
        section=random_.choice(SECTIONS),
        tags=tuple(random_.sample(TAGS, random_.choice((0, 1, 2)))),
        # More than a window has no date, and about as many share a day.
        published_ms=None if random_.random() < 0.16 else (day - 50) * DAY_MS,
        modified_ms=None if number % 7 == 0 else (number * 37 % DAYS - 50) * DAY_MS,
    )


class Scored(NamedTuple):
    """The partition under some statistics."""

    statistics: Statistics
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class ManyArticles:
    """The partition."""

    reader: PartitionReader
    own: Scored
    """Under its own statistics."""
    longer: Scored
    """Under those of an archive whose articles are twice as long on average."""
    shorter: Scored
    """Half as long."""
    unseen: Scored
    """None of the words counted: each is as rare as can be."""


def write_many_articles(folder: Path) -> ManyArticles:
    """Write two generations and the statistics into the empty `folder`."""
    first = [_article(random.Random(number), number) for number in range(ARTICLES)]
    partition = folder / "partition"
    record = write_generation(partition, number=1, base=None, changes=_puts(first), since_seq=2, memory_mb=MEMORY_MB)
    record = write_generation(partition, number=2, base=record, changes=_changes(), since_seq=2)
    reader = PartitionReader(partition, record)
    counted = folder / "own"
    count_partition(reader, counted, through_seq=1)
    own = Statistics(counted)
    counts = {field: own.counts(field) for field in TEXT_FIELDS}
    return ManyArticles(
        reader,
        own=Scored(own, Leaf(0, reader, own)),
        longer=_scored(reader, folder / "longer", own, 2.0, counts),
        shorter=_scored(reader, folder / "shorter", own, 0.5, counts),
        unseen=_scored(reader, folder / "unseen", own, 1.0, {}),
    )


def _puts(articles: list[Article]) -> Iterator[Put]:
    return (Put(article, version=1, indexed_ms=at % 90 * DAY_MS, seq=1) for at, article in enumerate(articles))


def _changes() -> Iterator[Put | Withdraw]:
    """Some articles are corrected, as many withdrawn, and some are new."""
    random_ = random.Random(1)
    changed = random_.sample(range(ARTICLES), CHANGED)
    for number in changed[::2]:
        yield Withdraw(f"a/{number}", seq=2)
    yield from _puts([_article(random_, number) for number in (*changed[1::2], *range(ARTICLES, ARTICLES + 500))])


def _scored(
    reader: PartitionReader, path: Path, own: Statistics, factor: float, counts: dict[str, TermCounts]
) -> Scored:
    lengths = {field: round(total * factor) for field, total in own.total_lengths.items()}
    write_statistics(path, languages=own.languages, through_seq=1, total_lengths=lengths, counts=counts)
    statistics = Statistics(path)
    return Scored(statistics, Leaf(0, reader, statistics))


class QueryMaker:
    """Queries from one random source."""

    def __init__(self, random_: random.Random, reader: PartitionReader) -> None:
        self._random = random_
        self._reader = reader

    def query(self) -> Query:
        """A tree, filters for some, any sort, scores that decay for some."""
        choose = self._random.choice
        kinds = (self._any, self._all, self._some, self._without, self._phrase, self._nested)
        (kind,) = self._random.choices(kinds, (6, 3, 2, 2, 2, 3))
        sort: Sort = choose(("relevance", "relevance", "relevance", "newest", "oldest"))
        query = Query(kind(), self._filters(), sort)
        if sort == "relevance" and self._random.random() < 0.4:
            origin_ms = choose((200 * DAY_MS, DAYS * DAY_MS, (DAYS - 50) * DAY_MS, 5000 * DAY_MS))
            half_life_ms = choose((DAY_MS, 14 * DAY_MS, 180 * DAY_MS))
            query = msgspec.structs.replace(query, origin_ms=origin_ms, half_life_ms=half_life_ms)
        return query

    def _filters(self) -> Filters:
        choose, chance = self._random.choice, self._random.random
        start_ms, stop_ms = ((choose(range(-5, DAYS + 5)) - 50) * DAY_MS for _ in range(2))
        choices = (
            Choice("section", allowed=("news", "none")),
            Choice("section", denied=("Sport",)),
            Choice("tag", allowed=("X", "y"), denied=("z",)),
            Choice("author_name", allowed=("ann bodu", "Cy Bodu"), denied=("bo kala",)),
        )
        return Filters(
            start_ms if chance() < 0.2 else None,
            max(start_ms, stop_ms) if chance() < 0.2 else None,
            tuple(self._random.sample(choices, choose((0, 0, 0, 0, 1, 2)))),
            choose(("published", "published", "modified", "indexed")),
        )

    def _term(self) -> Node:
        choose = self._random.choice
        source = choose((COMMON[:9], COMMON[:9], COMMON[:60], COMMON, TOPICAL, TOPICAL, RARE, (SIXTH,), ("no",)))
        field, boost = choose(("text", "text", "text", "text", "title", "body")), choose((1.0, 1.0, 1.0, 0.5, 3.7))
        return Term(field, terms(choose(source))[0], boost)

    def _terms(self, least: int) -> tuple[Node, ...]:
        return tuple(self._term() for _ in range(self._random.choice((least, 2, 3, 4, 7))))

    def _any(self) -> Node:
        """Often a word that matters and some that hardly do, as queries are."""
        found = self._terms(1)
        if self._random.random() < 0.5:
            text = self._random.choice((*TOPICAL, *RARE))
            found = (Term("text", terms(text)[0]), *(Term("text", terms(word)[0]) for word in self._common()))
        return Or(found) if len(found) > 1 else found[0]

    def _common(self) -> list[str]:
        return self._random.sample(COMMON[:20], self._random.choice((1, 1, 2, 5)))

    def _all(self) -> Node:
        return And(self._terms(2)[:3])

    def _some(self) -> Node:
        found = self._terms(3)
        return Or(found, self._random.randint(min(2, len(found)), len(found)))

    def _without(self) -> Node:
        excluded = self._random.choice((self._term, self._phrase, self._prefix))()
        return And((self._any(),), (excluded, *self._terms(1)[:1]))

    def _prefix(self) -> Node:
        return Prefix(
            self._random.choice(("text", "title", "author")), self._random.choice(("bo", "ka", "quo", "zz"))
        )

    def _phrase(self) -> Node:
        """Words that stand in this order in some article, perhaps with others between."""
        choose = self._random.choice
        while True:
            segment = choose(range(len(self._reader.segments)))
            docnum = self._random.randrange(self._reader.segments[segment].size)
            field = choose(("text", "body", "body", "title", "author"))
            stored = self._reader.stored(segment, docnum)
            text = " ".join(stored["authors"]) if field == "author" else stored["body" if field == "text" else field]
            words = terms(text)
            size, step = choose((2, 2, 3, 4)), choose((1, 1, 1, 2))
            if len(words) >= size * step:
                start = self._random.randrange(len(words) - size * step + 1)
                chosen = tuple(words[start : start + size * step : step])
                return Phrase(field, chosen, choose((0, 0, 1, 3)), choose((1.0, 2.0)))

    def _nested(self) -> Node:
        made = [self._random.choice(self._parts)() for _ in range(self._random.choice((2, 3)))]
        if self._random.random() < 0.5:
            return And(tuple(made))
        return Or(tuple(made), self._random.randint(1, len(made)))

    @property
    def _parts(self) -> tuple["_Part", ...]:
        return (
            self._term,
            self._any,
            self._all,
            self._some,
            self._without,
            self._phrase,
            self._prefix,
            Every,
            lambda: And((Every(),), (self._term(),)),
            lambda: Or((self._phrase(), self._all(), self._prefix()), self._random.choice((1, 2))),
        )


_Part = Callable[[], Node]
