"""Columns of text: CSV as in RFC 4180, with comma, semicolon or tab, and TSV with the same quoting.

Contract: every row becomes one `Record` or one `Reject`; blank lines between rows do not count, and neither
does the header. A quoted field may hold line breaks; a row is at most `MAX_LINE_BYTES` long, so that a quote
which is never closed costs that much text and no more. Without a usable header nothing of a file is read.

Not here: which column is which field (`indexer/fields.py`).
"""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from indexer.readers.lines import MAX_LINE_BYTES, Lines, Record, encoding_fault
from indexer.rejects import Reject

# The module's own limit (131,072 characters, for the whole process) is shorter than a long article.
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    raw: bytes
    cells: list[str]


def read_delimited(lines: Lines, *, tabs: bool, header: bool) -> Iterator[Record | Reject]:
    """The records of one file, in order.

    Args:
        lines: the file.
        tabs: tabs separate the columns; else what the first line is most likely cut by.
        header: the first row names the columns; else they are called `1`, `2` and so on.
    """
    rows = _rows(lines, "\t" if tabs else _delimiter(lines.peek()))
    names: list[str] = []
    for row in rows:
        if isinstance(row, Reject):
            yield row
            if header and not names:
                return
        elif not names:
            names = [cell.strip() for cell in row.cells] if header else [str(n + 1) for n in range(len(row.cells))]
            if fault := _header_fault(names):
                yield lines.reject(fault, row.raw, number=row.line)
                return
            if not header:
                yield Record(lines.file, row.line, dict(zip(names, row.cells, strict=True)), row.raw)
        elif len(row.cells) == len(names):
            yield Record(lines.file, row.line, dict(zip(names, row.cells, strict=True)), row.raw)
        else:
            fault = f"{len(row.cells)} columns where the first row has {len(names)}"
            yield lines.reject(fault, row.raw, number=row.line)


def _delimiter(first: bytes) -> str:
    if b"\t" in first:
        return "\t"
    return ";" if first.count(b";") > first.count(b",") else ","


def _header_fault(names: list[str]) -> str | None:
    if len(names) < 2:
        return "not read: the first row has one column, so this is no table cut by comma, semicolon or tab"
    name, count = Counter(filter(None, names)).most_common(1)[0] if any(names) else ("", 1)
    if count > 1:
        return f"not read: {count} columns are called {name[:100]!r}: give each its own name"
    return None


def _rows(lines: Lines, delimiter: str) -> Iterator[_Row | Reject]:
    source = iter(lines)
    for first in source:
        if not first.strip():
            continue
        line = lines.number
        taken: list[bytes] = []
        try:
            # A reader for each row: after a fault, the next row begins with the next line, nothing left over.
            cells = next(csv.reader(_texts(first, source, taken), delimiter=delimiter, strict=True))
            fault = next(filter(None, map(encoding_fault, taken)), None)
        except csv.Error as error:
            fault = f"broken row: {error}; inside a quoted field a quote is written twice"
        if fault is None:
            yield _Row(line, first, cells)
        else:
            span = f" (lines {line} to {lines.number})" if len(taken) > 1 else ""
            yield lines.reject(fault + span, first, number=line)


def _texts(first: bytes, source: Iterator[bytes], taken: list[bytes]) -> Iterator[str]:
    """The lines that `csv.reader` asks for until its row is complete; also noted in `taken`."""
    size_bytes = 0
    for line in chain([first], source):
        taken.append(line)
        size_bytes += len(line) + 1
        if size_bytes > MAX_LINE_BYTES + 1:
            raise csv.Error(f"longer than {MAX_LINE_BYTES:,} bytes")
        yield line.decode(errors="replace") + "\n"
