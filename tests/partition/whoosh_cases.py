"""Schemas, documents and queries for tests of the Whoosh codec, and the same documents in three indexes.

Contract: `Case` holds documents three times: over Whoosh's own codec, as one segment; over ours, as one segment or as
several of several partitions; and plainly, as `tests/reference/whoosh_matching.py` wants them. `docs(...)` are the
live documents' numbers.

Not here: articles, whose schema is fixed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from whoosh import fields
from whoosh.analysis import RegexTokenizer, SimpleAnalyzer, StemmingAnalyzer
from whoosh.filedb.filestore import RamStorage

from partition.manifest import GenerationRecord
from partition.reader import PartitionReader
from partition.tombstones import Tombstones, file_name, write_tombstones
from partition.whoosh_codec import WhooshIndex, open_whoosh_index
from partition.whoosh_writer import write_whoosh_segment

WORDS = ("alfa", "alfas", "alfalfa", "bravo", "brave", "charlie", "élan", "al", "delta", "x")
TEXT_KINDS = {
    "plain": lambda **options: fields.TEXT(analyzer=SimpleAnalyzer(), **options),
    "stemmed": lambda **options: fields.TEXT(analyzer=StemmingAnalyzer(), **options),
    "cased": lambda **options: fields.TEXT(analyzer=RegexTokenizer(), **options),
    "characters": lambda **options: fields.TEXT(analyzer=SimpleAnalyzer(), chars=True, **options),
}
NUMBER_KINDS: dict[str, dict[str, Any]] = {
    "bytes": {"numtype": int, "bits": 8},
    "unsigned": {"numtype": int, "bits": 32, "signed": False},
    "wide steps": {"numtype": int, "bits": 64, "shift_step": 8},
    "no steps": {"numtype": int, "bits": 32, "shift_step": 0},
    "fractions": {"numtype": float},
}


@dataclass(frozen=True)
class Shape:
    """What a generated schema is made of."""

    text: str
    boost: float
    number: str
    sortable: bool

    def schema(self) -> fields.Schema:
        """A new schema."""
        return fields.Schema(
            stored=fields.STORED(),
            body=TEXT_KINDS[self.text](stored=True, field_boost=self.boost, sortable=self.sortable),
            title=fields.TEXT(analyzer=SimpleAnalyzer(), phrase=False),
            key=fields.ID(stored=True, sortable=self.sortable),
            tags=fields.KEYWORD(commas=True, lowercase=True, scorable=True),
            number=fields.NUMERIC(sortable=self.sortable and self.number != "fractions", **NUMBER_KINDS[self.number]),
            flag=fields.BOOLEAN(stored=True),
            time=fields.DATETIME(sortable=self.sortable),
        )


shapes = st.builds(
    Shape,
    st.sampled_from(sorted(TEXT_KINDS)),
    st.sampled_from((1.0, 2.5)),
    st.sampled_from(sorted(NUMBER_KINDS)),
    st.booleans(),
)
WORDS_DRAWN = st.sampled_from((*WORDS, *3 * WORDS[:4]))
"""Some more often than others, so that queries of several match."""
_texts = st.lists(WORDS_DRAWN, max_size=9).map(" ".join)
NUMBERS = (0, 1, 2, 15, 16, 17, 100, 127)
TIMES = tuple(datetime(2007, 4, 10) + timedelta(hours=hours) for hours in (0, 1, 30, 8000))  # noqa: DTZ001 - Whoosh's
_document = st.fixed_dictionaries(
    {"body": _texts},
    optional={
        "title": _texts,
        "key": WORDS_DRAWN,
        "tags": st.lists(WORDS_DRAWN, max_size=3).map(",".join),
        "number": st.sampled_from(NUMBERS),
        "flag": st.booleans(),
        "time": st.sampled_from(TIMES),
        "stored": st.sampled_from(("one", 2, None, [3])),
    },
)
documents = st.integers(0, 24).flatmap(lambda count: st.lists(_document, min_size=count, max_size=count))


@dataclass(frozen=True)
class Case:
    """The same documents in three indexes."""

    shape: Shape
    documents: Sequence[Mapping[str, Any]]
    dead: frozenset[int]

    @cached_property
    def stock(self) -> Any:
        """Over Whoosh's own codec, one segment."""
        index = RamStorage().create_index(self.shape.schema())
        writer = index.writer()
        for one in self.documents:
            writer.add_document(**one)
        writer.commit()
        if self.dead:
            writer = index.writer()
            for docnum in self.dead:
                writer.delete_document(docnum)
            writer.commit(merge=False)
        return index

    def ours(self, folder: Path, cuts: Sequence[Sequence[int]] = ((),)) -> WhooshIndex:
        """Over our codec.

        Args:
            folder: for the files; must be empty.
            cuts: for each partition but the last, where its segments end, last end last; the last one has the rest.
        """
        readers, first = [], 0
        for partition, ends in enumerate([*cuts[:-1], [*cuts[-1], len(self.documents)]]):
            files = []
            for ordinal, (start, stop) in enumerate(pairwise([first, *ends])):
                path = folder / f"{partition}-{ordinal}.segment"
                files.append(write_whoosh_segment(path, self.shape.schema(), self.documents[start:stop]))
                dead = [docnum - start for docnum in sorted(self.dead) if start <= docnum < stop]
                if dead:
                    buried = Tombstones(np.array(dead, np.int64), np.ones(len(dead), np.int64))
                    files.append(write_tombstones(folder / file_name(path.name, 1), buried))
                first = stop
            record = GenerationRecord(1, 0, 0, len(files), tuple(files))
            readers.append(PartitionReader(folder, record))
        return open_whoosh_index(readers, self.shape.schema())

    def _columns(self, one: Mapping[str, Any]) -> dict[str, dict[Any, list[int]]]:
        """The columns of one document, as fields of one term; what is missing reads as the column's default."""
        schema = self.shape.schema()
        defaults = {"number": schema["number"].max_value, "key": ""}
        return {
            f"column {name}": {one.get(name, default): [0]}
            for name, default in defaults.items()
            if schema[name].column_type
        }

    @cached_property
    def plain(self) -> dict[int, dict[str, dict[Any, list[int]]]]:
        """As the reference wants them, live ones only."""
        schema = self.shape.schema()
        return {
            number: {
                name: dict(_terms_of(schema, name, value))
                for name, value in one.items()
                if name != "stored" and value is not None
            }
            | self._columns(one)
            for number, one in enumerate(self.documents)
            if number not in self.dead
        }


def _terms_of(schema: fields.Schema, name: str, value: Any) -> Iterator[tuple[Any, list[int]]]:
    """The terms of one field of one document, with their positions."""
    if name in {"number", "flag", "time"}:
        yield value, [0]
        return
    places: dict[str, list[int]] = {}
    for at, token in enumerate(schema[name].analyzer(value, positions=True, mode="index")):
        places.setdefault(token.text, []).append(token.pos if name == "body" else at)
    yield from places.items()
