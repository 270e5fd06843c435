"""Phrases and titles that typed words may become: words in a row, in titles.

Contract: exact over segments and partitions. An n-gram is never used more than its beginning is; so the best of
all are found by going on from as many of those found so far. Equal in use, the newer comes first.

Not here: which typed words are tried (`completions.py`), counting (`partition/kernels/ngrams.py`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import OF, exact, function_words, places_of
from partition.kernels import ngrams
from partition.kernels.occurring import last_docs
from partition.occurring import Occurring, occurring, use
from partition.schema import HEADING, NO_DATE_MS
from partition.segment import Segment
from search.order import Position
from search.parsing import edits_for
from search.parts import NONE, Part, Parts, Table

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


class Choice(NamedTuple):
    """Which words of one segment may stand for a typed one."""

    words: NDArray[np.int64]
    """Ascending."""
    any: bool = False
    """Whether all may."""


class Word(NamedTuple):
    """The words that may stand for a typed one."""

    of: list[Choice]
    """By segment."""
    used: int
    """How often they stand in titles, of each title once; of many not all are counted. 0 if they are in none."""


_ANY = Choice(NONE, any=True)
_NO_ROWS = np.zeros((0, ngrams.COLUMNS), np.int64)


class Found:
    """Where the typed words stand in a row in one segment."""

    def __init__(
        self, part: Part, of: Occurring, places: NDArray[np.int64], keys: NDArray[np.int64], count: int
    ) -> None:
        self.part = part
        self.of = of
        self._places, self._keys = places, keys
        self.count = count

    def follow(self, choice: Choice, rows: NDArray[np.int64]) -> None:
        """Keep those that go on with one of these words; with any, those that were chosen in a table."""
        of, choice_ = self.of, (choice.words, rows, choice.any)
        self.count = ngrams.follow(*choice_, of.words, of.docs, of.hashes, self._places, self._keys, self.count)

    def count_into(self, table: Table, length: int) -> None:
        """Count the n-grams that they have become."""
        segment, done = self.part.segment, 0
        while True:
            done = ngrams.count_ngrams(
                *(self._places, self._keys, done, self.count, self.of.docs, self.of.begins),
                *(segment.published_ms, segment.hashes, self.part.fresh, length, self.part.number),
                *(table.rows, table.used, table.state),
            )
            if done == self.count:
                return
            table.reserve(len(table.used))

    def docs(self) -> NDArray[np.int64]:
        """The articles."""
        return np.unique(self.of.docs[self._places[: self.count]]).astype(np.int64)


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
            return Word([_ANY] * len(self._parts.all), FEW)
        choices, used = [], 0
        for part in self._parts.each():
            segment = part.segment
            words = segment.terms_with_prefix(HEADING, form)
            found = np.arange(words.start, words.stop)
            if not prefix:
                of_languages = segment.terms_with_prefix(HEADING, form + OF)
                itself = found[: bool(words) and segment.key(words.start).decode() == form]
                found = np.concatenate([itself, np.arange(of_languages.start, of_languages.stop)])
            found -= segment.fields[HEADING]["terms"][0]
            choices.append(Choice(found))
            if used < FEW and len(found):
                used += int(use(segment, HEADING, part.fresh).counts[found].sum())
        return Word(choices, used)

    def _alike(self, form: str, *, prefix: bool) -> Word:
        table, near = Table(), []
        for part in self._parts.each():
            words, distances = part.segment.near(HEADING, form, _edits(form, prefix=prefix), prefix=prefix)
            words = words - part.segment.fields[HEADING]["terms"][0]
            near.append(words)
            if len(words):
                self._parts.gather(table, part, HEADING, words, distances)
        table.choose(MAX_ALIKE)
        choices = []
        for part in self._parts.each():
            words, hashes = near[part.number], occurring(part.segment, HEADING).hashes
            choices.append(Choice(words[: ngrams.chosen_words(table.rows, hashes, words, len(words))]))
        return Word(choices, int(table.state[0]))

    def standing(self, choices: Sequence[Word]) -> dict[int, Found]:
        """Where such words, two at least, stand in a row: the segments by their numbers, of those where they do."""
        found = ((part, self._standing(part, choices, None)) for part in self._parts.each())
        return {part.number: one for part, one in found if one and one.count}

    def continued(
        self, choices: Sequence[Word], found: dict[int, Found], head: str, limit: int, *, added: bool, more: int
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
        length, table = len(choices), Table()
        titles: list[tuple[Part, NDArray[np.int64]]] = []
        for part in self._parts.each():
            first = choices[0].of[part.number].words
            if one := found.get(part.number):
                one.count_into(table, length)
                titles.append((part, one.docs()[-TITLES * limit :]))
            elif length == 1 and len(first):
                self._parts.gather(table, part, HEADING, first, NONE)
                of, docs = occurring(part.segment, HEADING), np.empty(TITLES * limit, np.int64)
                live = part.segment.live_words
                titles.append((part, docs[: last_docs(first, of.docs, of.starts, of.places, live, docs)]))
        pool = table.choose(POOL * limit)
        for words in range(length + 1, length + more + 1):
            for part in self._parts.each():
                standing = found.get(part.number) if words > 2 else self._standing(part, choices, table)
                if standing:
                    found[part.number] = standing
                    standing.follow(_ANY, table.rows)
                    standing.count_into(table, words)
            pool = table.choose(POOL * limit)
        return self._phrases(pool, length - added, head, limit), self._titles(titles, limit)

    def _standing(self, part: Part, choices: Sequence[Word], table: Table | None) -> Found | None:
        """Where words of the choices stand in a row; those first that the table chose, if there is one."""
        chosen = [choice.of[part.number] for choice in choices]
        if not all(choice.any or len(choice.words) for choice in chosen):
            return None
        of, words = occurring(part.segment, HEADING), chosen[0].words
        room = int((of.starts[words + 1] - of.starts[words]).sum())
        places, keys = np.empty((2, room), np.int64)
        rows = _NO_ROWS if table is None else table.rows
        count = ngrams.spread(
            *(words, of.docs, of.starts, of.places, part.segment.live_words, of.hashes),
            *(rows, places, keys),
        )
        found = Found(part, of, places, keys, count)
        for choice in chosen[1:]:
            found.follow(choice, _NO_ROWS)
        return found

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

    def _titles(self, found: Sequence[tuple[Part, NDArray[np.int64]]], limit: int) -> list[Title]:
        """The newest titles, each once.

        Args:
            found: by segment, the newest articles that will do.
            limit: how many at most.
        """
        times = np.concatenate([NONE, *(part.segment.published_ms[docs] for part, docs in found)])
        bound = (
            np.partition(times, -TITLES * limit)[-TITLES * limit]
            if len(times) > TITLES * limit
            else times.min(initial=0)
        )
        newest = sorted(
            (_position(part.segment, docnum), part.number, docnum)
            for part, docs in found
            for docnum in docs[part.segment.published_ms[docs] >= bound].tolist()
        )
        titles: dict[str, Title] = {}
        for position, number, docnum in newest[: TITLES * limit]:
            if len(titles) == limit:
                break
            part = self._parts.all[number]
            title: str = part.leaf.reader.stored(part.ordinal, docnum)["title"]
            time_ms = int(part.segment.published_ms[docnum])
            published_ms = None if time_ms == NO_DATE_MS else time_ms
            titles.setdefault(exact(title), Title(position.article_id, title, published_ms))
        return list(titles.values())


def _position(segment: Segment, docnum: int) -> Position:
    """Where an article stands when the newest come first."""
    return Position(-int(segment.published_ms[docnum]), segment.hash_of[docnum], segment.article_id(docnum))


def _edits(form: str, *, prefix: bool) -> int:
    """How many letters a typed word may be wrong by; a beginning by one, for very many words begin so."""
    return min(edits_for(form), int(len(form) >= MIN_ALIKE_CHARS)) if prefix else edits_for(form)
