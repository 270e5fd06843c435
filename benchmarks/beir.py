"""A test collection in BEIR layout: documents, queries, and which document answers which query.

    corpus.jsonl     {"_id": "d1", "title": "Storm hits coast", "text": "..."}     a document a line
    queries.jsonl    {"_id": "q1", "text": "damage by storms"}                     a query a line
    qrels/test.tsv   query-id  corpus-id  score                                    a judgement a line, tabs, header

Contract: each file may be packed with gzip and then ends in `.gz` too. Ids are texts or whole numbers, each once;
a title or text that is absent or null is empty; other names are not looked at. Whatever does not fit is a
`CollectionError` that names file and line, since a figure over half a collection looks like one over all of it.

Source of the layout: N. Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information
Retrieval Models", 2021.

Not here: what is measured on a collection (`relevance.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from indexer.readers import Record, open_records

JUDGEMENTS = "qrels/test.tsv"
_JUDGEMENT_COLUMNS = ("query-id", "corpus-id", "score")


class CollectionError(ValueError):
    """A collection cannot be used; the message names file and line, and says why."""


class Document(NamedTuple):
    """The texts of one document; either may be empty."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Collection:
    """One test collection, in memory."""

    documents: dict[str, Document]
    """By id, in the order of the file."""
    queries: dict[str, str]
    """Text by id: those with a judgement, which are the ones that count."""
    judgements: dict[str, dict[str, int]]
    """By query id and document id: 0 for irrelevant, more for better."""


def read_collection(folder: Path) -> Collection:
    """The collection in `folder`.

    Raises:
        CollectionError: a file is missing, empty or damaged, or a line of it does not fit.
    """
    documents: dict[str, Document] = {}
    for record in _records(folder, "corpus.jsonl"):
        document = Document(_text(record, "title"), _text(record, "text"))
        documents[_new_id(record, documents)] = document
    queries: dict[str, str] = {}
    for record in _records(folder, "queries.jsonl"):
        queries[_new_id(record, queries)] = _text(record, "text")
    judgements: dict[str, dict[str, int]] = {}
    for record in _records(folder, JUDGEMENTS):
        query, document_id, score = _judgement(record)
        if query not in queries:
            raise _fault(record, f"judges query {query!r}, which queries.jsonl does not have")
        if document_id not in documents:
            raise _fault(record, f"judges document {document_id!r}, which corpus.jsonl does not have")
        if judgements.setdefault(query, {}).setdefault(document_id, score) != score:
            raise _fault(record, f"judges document {document_id!r} for query {query!r} again, and otherwise")
    return Collection(documents, {query: queries[query] for query in judgements}, judgements)


def _records(folder: Path, name: str) -> Iterator[Record]:
    """The records of one file; at least one."""
    paths = (folder / name, folder / f"{name}.gz")
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise CollectionError(f"{paths[0]}: there is no such file, nor {paths[1].name}; give a folder in BEIR layout")
    count = 0
    for count, item in enumerate(open_records([path]), start=1):  # noqa: B007 - looked at behind the loop
        if not isinstance(item, Record):
            raise CollectionError(f"{item.file}:{item.line}: {item.reason}")
        yield item
    if not count:
        raise CollectionError(f"{path}: nothing is in it; give a whole collection")


def _fault(record: Record, reason: str) -> CollectionError:
    return CollectionError(f"{record.file}:{record.line}: {reason}")


def _new_id(record: Record, taken: dict[str, Document] | dict[str, str]) -> str:
    value = record.values.get("_id")
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not value:
        raise _fault(record, f"_id is {value!r}; give a text or a whole number")
    if value in taken:
        raise _fault(record, f"the _id {value!r} was there before; give each its own")
    return value


def _text(record: Record, name: str) -> str:
    value = record.values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _fault(record, f"{name} is {value!r:.50}; give a text")
    return value


def _judgement(record: Record) -> tuple[str, str, int]:
    if missing := [name for name in _JUDGEMENT_COLUMNS if name not in record.values]:
        raise _fault(record, f"no column {missing[0]!r}; the first line must be {' '.join(_JUDGEMENT_COLUMNS)!r}")
    query, document, score = (record.values[name] for name in _JUDGEMENT_COLUMNS)
    try:
        return query, document, int(score)
    except ValueError:
        raise _fault(record, f"the score is {score!r}; give a whole number") from None
