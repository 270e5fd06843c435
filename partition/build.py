"""From articles to one segment: analysed by vocabulary, inverted in memory, written once.

Contract: `SegmentBuilder` takes articles in any order and writes a segment sorted as `format.py` says. What it holds
is about one byte for each byte of text until `write`, and up to four then; `size_bytes` says how much that will be,
so that its owner can write in time. The vocabulary, which is kept from segment to segment, comes on top. Nothing of
it depends on chance, and on the order of articles only how well they are compressed.

Not here: the inversion (`inversion.py`), when a segment is written and what it is called (`writer.py`), merging
(`merge.py`).
"""

from collections.abc import Iterable
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partition.changes import Put
from partition.documents import SAMPLES, DocumentCodec, encode_article, train
from partition.format import SegmentWriter, narrowed
from partition.inversion import FieldLists, Growing, Inversion, Values, keyword_lists
from partition.kernels.invert import encode_terms
from partition.manifest import FileRecord
from partition.schema import (
    FORM,
    HEADING,
    KEYWORD_FIELDS,
    NO_DATE_MS,
    PARTS,
    POSITION_FIELDS,
    TEXT,
    TEXT_FIELDS,
    USABLE,
    languages_of,
    number_of,
    texts_of,
    values_of,
)
from partition.scoring import norms_of
from partition.types import hash64
from partition.vocabulary import Vocabulary

ANALYSED_BYTES = 4 << 20
"""Text that is collected before it is analysed."""
TRAINING_BYTES = 32 << 20
"""Articles that are collected, if no dictionary is there, before one is trained on some of them."""
_FRAMES = 4096
"""Stored articles that are written at a time."""
_WORDS = 1 << 20
"""Words of postings that are written at a time, at least, if there are so many."""


class ListsWriter:
    """Writes the lists of all fields, field after field, and collects what the dictionary says of them."""

    def __init__(self, file: SegmentWriter, articles: int) -> None:
        self._file = file
        self._articles = articles
        self._base = 0
        self._areas: list[NDArray[np.int64]] = []
        self._dfs: list[NDArray[np.int64]] = []
        self._totals: list[NDArray[np.int64]] = []
        self._keys: list[bytes] = []
        self.fields: dict[str, dict[str, Any]] = {}

    def begin(self, name: str, *, positions: bool, average: float | None) -> None:
        """The lists that follow belong to this field."""
        at = len(self._keys)
        self.fields[name] = {"terms": [at, at], "positions": positions, "average": average}

    def add(self, lists: FieldLists, norms: NDArray[np.float64]) -> None:
        """Write lists of the field begun last; `norms` is empty if it is not scored."""
        field = self.fields[lists.name]
        terms = len(lists.keys)
        areas, dfs, totals = (np.zeros(terms, np.int64) for _ in range(3))
        longest = int((lists.stops - lists.starts).max(initial=0))
        # A small segment does without most of the room, which costs more than its articles.
        most = min(_WORDS, 2 * len(lists.occurrences) + 8 * terms)
        words = np.zeros(max(most, 2 * longest + self._articles // 32 + 1024), np.uint64)
        state = np.zeros(1, np.int64)
        term = 0
        while term < terms:
            term = encode_terms(
                *(lists.occurrences, lists.starts, lists.stops, term, field["positions"], norms, self._articles),
                *(words, self._base, areas, dfs, totals, state),
            )
            used = int(state[0])
            self._file.append("postings", words[:used])
            words[:used] = 0
            self._base += used
        self._areas.append(areas)
        self._dfs.append(dfs)
        self._totals.append(totals)
        self._keys += lists.keys
        field["terms"][1] = len(self._keys)

    def finish(self) -> None:
        """Write the dictionary."""
        self._file.append("postings", np.zeros(2, np.uint64))  # a reader of bits looks one word ahead
        self._file.append("areas", _joined(self._areas).astype(np.uint64))
        for name, numbers in (("dfs", _joined(self._dfs)), ("totals", _joined(self._totals))):
            self._file.append(name, narrowed(self._file.path, numbers, np.uint32))
        self._file.append("key_ends", narrowed(self._file.path, _ends_of(self._keys), np.uint32))
        self._file.append("keys", np.frombuffer(b"".join(self._keys), np.uint8))


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([*parts, np.zeros(0, np.int64)])


def _ends_of(strings: Iterable[bytes | memoryview]) -> NDArray[np.int64]:
    """Where each ends when they stand one after the other."""
    return np.cumsum(np.fromiter(map(len, strings), np.int64))


class SegmentBuilder:
    """One segment in the making."""

    def __init__(self, vocabulary: Vocabulary, codec: DocumentCodec | None) -> None:
        """Args: the words met so far, and how articles are stored; without a codec, one is trained when possible."""
        self._vocabulary = vocabulary
        self.codec = codec
        """How its articles are stored, once it is written."""
        self._raw: list[bytes] = []
        self._raw_bytes = 0
        self._frames: list[bytes] = []
        self._ids: list[bytes] = []
        self._hashes: list[int] = []
        self._published_ms: list[int] = []
        self._modified_ms: list[int] = []
        self._indexed_ms: list[int] = []
        self._seqs: list[int] = []
        self._stories: list[int] = []
        self._joined: list[int] = []
        self._languages: list[int] = []
        # Of tuples, which the garbage collector stops looking into; of as many lists it would look into each.
        self._values: tuple[list[tuple[str, ...]], ...] = tuple([] for _ in KEYWORD_FIELDS)
        self._pending: tuple[list[tuple[str, bytes]], ...] = tuple([] for _ in POSITION_FIELDS)
        """Language and text."""
        self._pending_bytes = 0
        self._tokens = {name: Growing(np.int32) for name in POSITION_FIELDS}
        self._counts = {name: Growing(np.int64) for name in POSITION_FIELDS}
        self._forms = {name: Growing(np.int32) for name in PARTS}
        self._form_counts = {name: Growing(np.int64) for name in PARTS}
        self._heading = Growing(np.int32)
        self.size_bytes = 0
        """Of what it holds, with what writing it will take, roughly and rather too much."""

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, put: Put) -> None:
        """Take in one article."""
        article = put.article
        raw = encode_article(article, version=put.version, indexed_ms=put.indexed_ms)
        if self.codec:
            self._frames.append(self.codec.compress(raw))
        else:
            self._raw.append(raw)
            self._raw_bytes += len(raw)
            if self._raw_bytes > TRAINING_BYTES:
                self.prepare()
        self._ids.append(article.id.encode())
        self._hashes.append(hash64(article.id))
        self._published_ms.append(NO_DATE_MS if article.published_ms is None else article.published_ms)
        self._modified_ms.append(NO_DATE_MS if article.modified_ms is None else article.modified_ms)
        self._indexed_ms.append(put.indexed_ms)
        self._seqs.append(put.seq)
        self._stories.append(put.story)
        self._joined.append(put.joined)
        for column, values in zip(self._values, values_of(article), strict=True):
            column.append(values)
        languages = languages_of(article)
        self._languages.append(number_of(languages[0]))
        for pending, text, language in zip(self._pending, texts_of(article), languages, strict=True):
            encoded = text.encode()
            pending.append((language, encoded))
            self._pending_bytes += len(encoded)
        self.size_bytes += 4 * len(raw) + 500
        if self._pending_bytes > ANALYSED_BYTES:
            self._analyse()

    def _analyse(self) -> None:
        for name, pending in zip(POSITION_FIELDS, self._pending, strict=True):
            for language, some in groupby(pending, key=itemgetter(0)):
                tokens = self._vocabulary.tokenize([text for _, text in some], language)
                self._tokens[name].extend(tokens.terms)
                self._counts[name].extend(tokens.counts)
                if name == "title":
                    self._heading.extend(np.where(tokens.forms < 0, tokens.terms, tokens.forms))
                if name in PARTS:
                    written = tokens.forms >= 0
                    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(written)])
                    self._forms[name].extend(tokens.forms[written])
                    self._form_counts[name].extend(np.diff(before[np.cumsum(tokens.counts)], prepend=0))
            pending.clear()
        self._pending_bytes = 0

    def prepare(self) -> None:
        """Settle how articles are stored; `codec` is there afterwards."""
        if self.codec is None:
            every = max(1, len(self._raw) // SAMPLES)
            self.codec = DocumentCodec(train(self._raw[::every]))
            self._frames = [self.codec.compress(raw) for raw in self._raw]
            self._raw.clear()

    def write(self, path: Path, dictionary: str | None) -> FileRecord:
        """Write the segment, after `prepare`; the builder is of no use afterwards.

        Args:
            path: the new file.
            dictionary: file name of the dictionary that `codec` uses, `None` if it uses none.
        """
        self._analyse()
        published_ms = np.array(self._published_ms, np.int64)
        hashes = np.array(self._hashes, np.uint64)
        order = np.lexsort((~hashes, published_ms))
        lengths = {name: counts.all[order] for name, counts in self._counts.items()}
        lengths[TEXT] = sum(
            (weight * lengths[name] for name, weight in PARTS.items()), np.zeros(len(order), np.int64)
        )
        with SegmentWriter(path) as file:
            writer = ListsWriter(file, len(order))
            inversion = Inversion(self._vocabulary, self._tokens, self._counts, order)
            heading = Inversion(self._vocabulary, {HEADING: self._heading}, {HEADING: self._counts["title"]}, order)
            for name in TEXT_FIELDS:
                average = average_of(lengths[name])
                writer.begin(name, positions=name in POSITION_FIELDS, average=average)
                norms = norms_of(lengths[name], average)
                for some in inversion.joined() if name == TEXT else [inversion.lists(name)]:
                    writer.add(some, norms)
            writer.begin(FORM, positions=False, average=None)
            forms = Inversion(self._vocabulary, self._forms, self._form_counts, order)
            for some in forms.joined(FORM, dict.fromkeys(PARTS, 1)):
                writer.add(some, np.zeros(0))
            writer.begin(HEADING, positions=True, average=None)
            writer.add(heading.lists(HEADING), np.zeros(0))
            values = {}
            for name, column in zip(KEYWORD_FIELDS, self._values, strict=True):
                writer.begin(name, positions=False, average=None)
                lists, values[name] = keyword_lists(name, [column[at] for at in order.tolist()])
                writer.add(lists, np.zeros(0))
            writer.finish()
            write_values(file, values, {name: writer.fields[name]["terms"] for name in values})
            columns: dict[str, NDArray[Any]] = {
                "published_ms": published_ms[order],
                "modified_ms": np.array(self._modified_ms, np.int64)[order],
                "indexed_ms": np.array(self._indexed_ms, np.int64)[order],
                "hash": hashes[order],
                "seq": np.array(self._seqs, np.int64)[order],
                "story": np.array(self._stories, np.int64)[order],
                "joined": np.array(self._joined, np.int64)[order],
                "status": np.full(len(order), USABLE, np.uint8),
                "language": np.array(self._languages, np.uint8)[order],
                **{f"{name}_length": lengths[name].astype(np.uint32) for name in TEXT_FIELDS},
            }
            write_columns(file, columns)
            write_articles(file, [self._ids[at] for at in order], (self._frames[at] for at in order))
            file.describe(articles=len(order), dictionary=dictionary, fields=writer.fields)
        self._vocabulary.trim()
        return file.record()


def average_of(lengths: NDArray[np.int64]) -> float:
    """Mean length; 1.0 when all are empty, as in the statistics."""
    total = int(lengths.sum())
    return total / len(lengths) if total else 1.0


def write_values(file: SegmentWriter, values: dict[str, Values], terms: dict[str, list[int]]) -> None:
    """Write the `value/...` sections."""
    for name, (ordinals, counts) in values.items():
        first, last = terms[name]
        type_ = np.min_scalar_type(last - first)  # its largest number means none
        if counts.max(initial=0) > 1:
            file.append(f"value/{name}", ordinals.astype(type_))
            file.append(f"value_ends/{name}", narrowed(file.path, np.cumsum(counts), np.uint32))
        else:
            single = np.full(len(counts), np.iinfo(type_).max, type_)
            single[counts == 1] = ordinals
            file.append(f"value/{name}", single)


def write_columns(file: SegmentWriter, columns: dict[str, NDArray[Any]]) -> None:
    """Write the `column/...` sections."""
    for name, column in columns.items():
        file.append(f"column/{name}", column)
    file.append("by_hash", np.argsort(columns["hash"], kind="stable").astype(np.uint32))


def write_articles(file: SegmentWriter, ids: list[bytes], frames: Iterable[bytes]) -> None:
    """Write ids and stored articles; frames are taken some at a time."""
    file.append("id_ends", narrowed(file.path, _ends_of(ids), np.uint32))
    file.append("ids", np.frombuffer(b"".join(ids), np.uint8))
    sizes = [np.zeros(0, np.int64)]
    file.append("stored", np.zeros(0, np.uint8))
    frames = iter(frames)
    while some := list(islice(frames, _FRAMES)):
        file.append("stored", np.frombuffer(b"".join(some), np.uint8))
        sizes.append(np.fromiter(map(len, some), np.int64))
    file.append("stored_ends", np.cumsum(np.concatenate(sizes)).astype(np.uint64))
