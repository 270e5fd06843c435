"""Phrases and titles that typed words may become: words in a row, in titles.

Contract: exact over segments and partitions. An n-gram is never used more than its beginning is; so the best of
all are found by going on from as many of those found so far. Equal in use, the newer comes first.

Not here: which typed words are tried (`completions.py`), counting (`kernels/completing.py`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import OF, exact, function_words, places_of
from partition.kernels import completing, ngrams
from partition.occurring import occurring
from partition.schema import HEADING, NO_DATE_MS
from partition.segment import Segment
from search.order import Position
from search.parsing import edits_for
from search.parts import NONE, Parts, Table, Words

POOL = 4
"""Times as many phrases are gone on from as are shown, since not all of them can be."""
ENOUGH = 2
"""Articles that must have a phrase that goes on behind the typed words."""
PART = 0.75
"""A phrase gives way to a longer one that is in this part of its articles."""
MAX_REMEMBERED = 500
"""Typed words of one state."""
FEW = 3
"""Titles that hold a typed word which may be a slip."""
MAX_ALIKE = 50
"""Spellings of a typed word."""
MIN_ALIKE_CHARS = 4
"""Of a beginning that may be misspelled."""
TITLES = 3
"""Times as many are looked at as are shown, since some are the same."""


class Phrase(NamedTuple):
    """Words in a row."""

    text: str
    articles: int


class Title(NamedTuple):
    """A title."""

    article_id: str
    title: str
    published_ms: int | None


class Word(NamedTuple):
    """The words that may stand for a typed one."""

    of: Words
    used: int
    """How often they stand in titles, of each title once; of many not all are counted. 0 if they are in none."""
    any: bool = False
    """Whether all words may."""


_LAST_BYTE = b"\xff"
"""No byte of UTF-8 is as large."""
_BEHIND_OF = bytes([ord(OF) + 1])
_NO_ROWS = np.zeros((0, ngrams.COLUMNS), np.int64)


class Found:
    """Where words stand in a row."""

    def __init__(self, parts: Parts, words: Words, table: NDArray[np.int64]) -> None:
        """Args: the segments, the first words, and a table that says which of them go on, if it has rows."""
        self._parts = parts
        self._rows = rows = parts.rows(HEADING)
        self._bounds, self._counts = np.empty(len(rows) + 1, np.int64), np.empty(len(rows), np.int64)
        completing.room_for_places(rows, words.offsets, words.words, self._bounds)
        self._places, self._keys = np.empty((2, int(self._bounds[-1])), np.int64)
        completing.spread_all(
            *(rows, words.offsets, words.words, table, self._bounds, self._places, self._keys, self._counts)
        )

    def __len__(self) -> int:
        return int(self._counts.sum())

    def follow(self, word: Word, table: NDArray[np.int64]) -> None:
        """Keep those that go on with this word; with any, those that were chosen in the table."""
        self._parts.check()
        completing.follow_all(
            *(self._rows, word.of.offsets, word.of.words, word.any, table),
            *(self._bounds, self._places, self._keys, self._counts),
        )

    def count_into(self, table: Table, length: int) -> None:
        """Count the n-grams that they have become."""
        done = np.zeros(2, np.int64)
        self._parts.check()
        while not completing.count_all(
            *(self._rows, self._bounds, self._places, self._keys, self._counts, length),
            *(table.rows, table.used, table.state, done),
        ):
            self._parts.check()
            table.reserve(len(table.used))

    def last(self, most: int) -> list[NDArray[np.int64]]:
        """Of each segment the last articles, so many at most."""
        docs, held = np.empty((len(self._rows), most), np.int64), np.empty(len(self._rows), np.int64)
        completing.last_at_places(self._rows, self._bounds, self._places, self._counts, docs, held)
        return [own[:count] for own, count in zip(docs, held.tolist(), strict=True)]


class Phrases:
    """Phrases and titles of one state, for one request."""

    def __init__(self, parts: Parts) -> None:
        """Args: the segments."""
        self._parts = parts

    def word(self, form: str, *, prefix: bool, alike: bool) -> Word:
        """The words that a typed one may stand for, remembered with the state.

        Args:
            form: in lower case.
            prefix: whether it is a beginning; that of every word, if it is empty.
            alike: whether it may be misspelled, if hardly any title has it as it is.
        """
        known: Word | None = self._parts.words.get((form, prefix, alike))
        if known is None:
            known = self.word(form, prefix=prefix, alike=False) if alike else self._as_typed(form, prefix=prefix)
            if alike and known.used < FEW and _edits(form, prefix=prefix):
                known = self._alike(form, prefix=prefix)
            if len(self._parts.words) >= MAX_REMEMBERED:
                self._parts.words.clear()
            self._parts.words[form, prefix, alike] = known
        return known

    def _as_typed(self, form: str, *, prefix: bool) -> Word:
        if not form:
            return Word(Words(NONE, np.zeros(len(self._parts.all) + 1, np.int64)), FEW, any=True)
        ranges, key = np.empty((len(self._parts.all), 2), np.int64), form.encode()
        # Behind a word itself stand those of its languages, and then all that is longer.
        low, high = (np.frombuffer(text, np.uint8) for text in (key, key + (_LAST_BYTE if prefix else _BEHIND_OF)))
        used = completing.words_between(self._parts.rows(HEADING), low, high, FEW, ranges)
        counts = ranges[:, 1] - ranges[:, 0]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        words = np.arange(offsets[-1]) + np.repeat(ranges[:, 0] - offsets[:-1], counts)
        return Word(Words(words, offsets), used)

    def _alike(self, form: str, *, prefix: bool) -> Word:
        table = Table()
        found, distances = self._parts.near(HEADING, form, _edits(form, prefix=prefix), prefix=prefix)
        self._parts.gather(table, HEADING, found, distances)
        table.choose(MAX_ALIKE)
        offsets = np.empty_like(found.offsets)
        completing.keep_chosen(self._parts.rows(HEADING), table.rows, found.offsets, found.words, offsets)
        return Word(Words(found.words[: offsets[-1]].copy(), offsets), int(table.state[0]))

    def standing(self, choices: Sequence[Word]) -> Found:
        """Where such words, two at least, stand in a row."""
        return self._standing(choices, _NO_ROWS)

    def continued(
        self, choices: Sequence[Word], found: Found | None, head: str, limit: int, *, added: bool, more: int
    ) -> tuple[list[Phrase], list[Title]]:
        """Phrases that begin with the typed words, and titles that hold them.

        Args:
            choices: by typed word.
            found: where they stand in a row, if they are several; of no use afterwards.
            head: what stands before them.
            limit: of each kind.
            added: whether the last of the words was not typed.
            more: how many words may follow.
        """
        length, table, any_ = len(choices), Table(), self._as_typed("", prefix=True)
        if found:
            found.count_into(table, length)
            newest = found.last(TITLES * limit)
        else:
            self._parts.gather(table, HEADING, choices[0].of, NONE)
            newest = self._last(choices[0].of, TITLES * limit)
        pool = table.choose(POOL * limit)
        for words in range(length + 1, length + more + 1):
            self._parts.check()
            if words == 2:
                found = self._standing(choices, table.rows)
            assert found is not None, "several words stand in a row"
            found.follow(any_, table.rows)
            found.count_into(table, words)
            pool = table.choose(POOL * limit)
        return self._phrases(pool, length - added, head, limit), self._titles(newest, limit)

    def _standing(self, choices: Sequence[Word], table: NDArray[np.int64]) -> Found:
        """Where words of the choices stand in a row; those first that the table chose, if it has rows."""
        self._parts.check()
        found = Found(self._parts, _among(choices), table)
        for choice in choices[1:]:
            found.follow(choice, _NO_ROWS)
        return found

    def _last(self, words: Words, most: int) -> list[NDArray[np.int64]]:
        """Of each segment the last articles that hold one of the words, so many at most."""
        rows = self._parts.rows(HEADING)
        docs, held = np.empty((len(rows), most), np.int64), np.empty(len(rows), np.int64)
        completing.last_with_words(rows, words.offsets, words.words, docs, held)
        return [own[:count] for own, count in zip(docs, held.tolist(), strict=True)]

    def _phrases(self, pool: NDArray[np.int64], typed_words: int, head: str, limit: int) -> list[Phrase]:
        """The best phrases of the pool: not those that end in the middle, nor what a longer one says as well."""
        good: list[tuple[bytes, list[int]]] = []
        for row in pool.tolist():
            part, place = self._parts.of(row)
            of = occurring(part.segment, HEADING)
            words = of.words[place : place + row[ngrams.LENGTH]]
            key = part.segment.key(of.first + int(words[-1])).decode()
            enough = row[ngrams.COUNT] >= ENOUGH or row[ngrams.LENGTH] <= typed_words
            if enough and key not in function_words():
                good.append((of.hashes[words].tobytes(), row))
        phrases: list[Phrase] = []
        for words_, row in good:
            if len(phrases) == limit:
                break
            longer = (
                other
                for other, of_other in good
                if len(other) > len(words_) and of_other[ngrams.COUNT] >= PART * row[ngrams.COUNT]
            )
            if not any(other.startswith(words_) for other in longer):
                phrases.append(Phrase(head + self._written(row), row[ngrams.COUNT]))
        return phrases

    def _written(self, row: list[int]) -> str:
        """A phrase as the newest title writes it that holds it."""
        part, place = self._parts.of(row)
        docnum = int(occurring(part.segment, HEADING).docs[place])
        title: str = part.leaf.reader.stored(part.ordinal, docnum)["title"]
        places = list(places_of(title))
        first, last = row[ngrams.POSITION], row[ngrams.POSITION] + row[ngrams.LENGTH] - 1
        return " ".join(title[places[first][0] : places[last][1]].split())

    def _titles(self, found: Sequence[NDArray[np.int64]], limit: int) -> list[Title]:
        """The newest titles, each once.

        Args:
            found: by segment, the newest articles that will do.
            limit: how many at most.
        """
        some = [(part, docs) for part, docs in zip(self._parts.all, found, strict=True) if len(docs)]
        times = np.concatenate([NONE, *(part.segment.published_ms[docs] for part, docs in some)])
        bound = (
            np.partition(times, -TITLES * limit)[-TITLES * limit]
            if len(times) > TITLES * limit
            else times.min(initial=0)
        )
        newest = sorted(
            (_position(part.segment, docnum), part.number, docnum)
            for part, docs in some
            for docnum in docs[part.segment.published_ms[docs] >= bound].tolist()
        )
        titles: dict[str, Title] = {}
        for position, number, docnum in newest[: TITLES * limit]:
            if len(titles) == limit:
                break
            part = self._parts.all[number]
            self._parts.reading(part)
            title: str = part.leaf.reader.stored(part.ordinal, docnum)["title"]
            time_ms = int(part.segment.published_ms[docnum])
            published_ms = None if time_ms == NO_DATE_MS else time_ms
            titles.setdefault(exact(title), Title(position.article_id, title, published_ms))
        return list(titles.values())


def _position(segment: Segment, docnum: int) -> Position:
    """Where an article stands when the newest come first."""
    return Position(-int(segment.published_ms[docnum]), segment.hash_of[docnum], segment.article_id(docnum))


def _among(choices: Sequence[Word]) -> Words:
    """The first words, of those segments that hold a word for each typed one."""
    words = choices[0].of
    lacking = np.zeros(len(words.offsets) - 1, np.bool_)
    for choice in choices[1:]:
        if not choice.any:
            lacking |= np.diff(choice.of.offsets) == 0
    counts = np.diff(words.offsets)
    kept = np.repeat(~lacking, counts)
    return Words(words.words[kept], np.concatenate((np.zeros(1, np.int64), np.cumsum(np.where(lacking, 0, counts)))))


def _edits(form: str, *, prefix: bool) -> int:
    """How many letters a typed word may be wrong by; a beginning by one, for very many words begin so."""
    return min(edits_for(form), int(len(form) >= MIN_ALIKE_CHARS)) if prefix else edits_for(form)
