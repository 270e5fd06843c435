"""From terms in articles to the posting lists of a field, by counting sort, in memory.

Contract: fields are inverted one by one, when they are asked for, and dropped then. A text field takes four bytes a
word before and eight more while it is inverted; one that consists of others, nothing to speak of beside those.

Not here: the loops (`kernels/invert.py`), from texts to terms (`vocabulary.py`), the file (`build.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partition.kernels.invert import append_runs, count_terms, scatter
from partition.kernels.merging import merge_runs
from partition.schema import PARTS, TEXT
from partition.vocabulary import Vocabulary

JOINED_OCCURRENCES = 4 << 20
"""Occurrences in a field that consists of others that are brought together at a time, or those of one term."""


class FieldLists:
    """The posting lists of one field, on their way from occurrences into a file.

    A field's `keys` ascend; occurrences are docnum << 32 | position, those of one key together and ascending.
    """

    def __init__(
        self,
        name: str,
        keys: list[bytes],
        occurrences: NDArray[np.uint64],
        starts: NDArray[np.int64],
        stops: NDArray[np.int64],
    ) -> None:
        self.name = name
        self.keys = keys
        self.occurrences = occurrences
        self.starts = starts
        self.stops = stops


class Growing:
    """An array that grows at its end. What it outgrows is soon used for something else, unlike a list of parts."""

    def __init__(self, type_: type[np.int32 | np.int64]) -> None:
        self._room = np.empty(1024, type_)
        self._size = 0

    def extend(self, more: NDArray[Any]) -> None:
        """Append."""
        size = self._size + len(more)
        if size > len(self._room):
            room = np.empty(max(size, 2 * len(self._room)), self._room.dtype)
            room[: self._size] = self.all
            self._room = room
        self._room[self._size : size] = more
        self._size = size

    @property
    def all(self) -> NDArray[Any]:
        """What was appended."""
        return self._room[: self._size]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Occurrences in one field: those of each term of a segment, which may be none, in the order of the keys."""

    occurrences: NDArray[np.uint64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


class Inversion:
    """The text fields of one segment, inverted when they are needed and not before; tokens are dropped then."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        tokens: dict[str, Growing],
        counts: dict[str, Growing],
        order: NDArray[np.int64],
    ) -> None:
        self._tokens = tokens
        self._counts = counts
        self._order = order
        keys = vocabulary.keys(vocabulary.distinct([one.all for one in tokens.values()]).tolist())
        self._occurring = {name: np.zeros(len(keys), np.int64) for name in tokens}
        for name, of in self._occurring.items():
            count_terms(tokens[name].all, of)
        by_key = sorted(range(len(keys)), key=keys.__getitem__)
        self._keys = [keys[at] for at in by_key]
        self._ordinals = np.array(by_key, np.int64)
        """By rank of a key, the number of its term."""
        self._runs: dict[str, _Runs] = {}

    def _invert(self, name: str) -> _Runs:
        occurring = self._occurring[name]
        stops = np.cumsum(occurring[self._ordinals])
        starts = stops - occurring[self._ordinals]
        places = np.zeros(len(occurring), np.int64)
        places[self._ordinals] = starts
        counts = self._counts.pop(name).all
        ends = np.cumsum(counts)
        tokens = self._tokens.pop(name).all
        occurrences = np.empty(len(tokens), np.uint64)
        scatter(tokens, ends - counts, ends, self._order, places, occurrences)
        return _Runs(occurrences, starts, stops)

    def lists(self, name: str) -> FieldLists:
        """Those of one field, which is dropped."""
        runs = self._runs.pop(name, None) or self._invert(name)
        return self._lists(name, 0, runs)

    def joined(self, field: str = TEXT, weights: Mapping[str, int] = PARTS) -> Iterator[FieldLists]:
        """Those of a field that consists of others, some terms at a time."""
        parts = [(self._runs.setdefault(name, self._invert(name)), weight) for name, weight in weights.items()]
        totals = np.sum([weight * (runs.stops - runs.starts) for runs, weight in parts], axis=0)
        for first, last in chunks_of(totals, JOINED_OCCURRENCES):
            starts = np.cumsum(totals[first:last]) - totals[first:last]
            places = starts.copy()
            occurrences = np.empty(int(totals[first:last].sum()), np.uint64)
            ends = np.empty((len(parts), last - first), np.int64)
            for at, (runs, weight) in enumerate(parts):
                append_runs(
                    runs.occurrences, runs.starts[first:last], runs.stops[first:last], weight, places, occurrences
                )
                ends[at] = places
            merge_runs(occurrences, ends, starts)
            yield self._lists(field, first, _Runs(occurrences, starts, places))

    def _lists(self, name: str, first: int, runs: _Runs) -> FieldLists:
        kept = np.flatnonzero(runs.stops > runs.starts)
        keys = [self._keys[first + at] for at in kept.tolist()]
        return FieldLists(name, keys, runs.occurrences, runs.starts[kept], runs.stops[kept])


def chunks_of(totals: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Ranges of terms that have no more occurrences together than `most`, or are one term.

    Args:
        totals: how often each term occurs.
        most: occurrences.
    """
    first = before = 0
    reached = np.cumsum(totals)
    while first < len(totals):
        last = max(first + 1, int(np.searchsorted(reached, before + most, side="right")))
        yield first, last
        first, before = last, int(reached[last - 1])


def keyword_lists(name: str, column: list[tuple[str, ...]]) -> tuple[FieldLists, "Values"]:
    """Invert one keyword field; positions do not matter."""
    counts = np.array([len(values) for values in column], np.int64)
    flat = [value.encode() for value in chain.from_iterable(column)]
    keys = sorted(set(flat))
    ordinal_of = {key: at for at, key in enumerate(keys)}
    ordinals = np.array([ordinal_of[value] for value in flat], np.int64)
    docs = np.repeat(np.arange(len(column)), counts)
    occurring = np.bincount(ordinals, minlength=len(keys)).astype(np.int64)
    stops = np.cumsum(occurring)
    occurrences = (docs[np.argsort(ordinals, kind="stable")].astype(np.uint64)) << np.uint64(32)
    return FieldLists(name, keys, occurrences, stops - occurring, stops), (ordinals, counts)


Values = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Of a keyword field: ordinals of its terms, article after article, and how many each article has."""
