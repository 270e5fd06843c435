"""One pass over all records of some inputs, in constant memory, that nothing in a file can stop.

Contract: iterating gives every line (row, in a table) as one `Record` or one `Reject`, in order. A file that
cannot be read, or breaks off, adds one more reject for the rest of it, and the next file follows. Counts and
bytes can be looked at while it runs.

Not here: fields and their validation (`indexer/fields.py`, `indexer/article.py`), writing rejects down.
"""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import BinaryIO

from indexer.readers.delimited import read_delimited
from indexer.readers.inputs import Format, Input, find_inputs
from indexer.readers.jsonl import read_jsonl
from indexer.readers.lines import Lines, Record
from indexer.readers.unpack import Meter, StreamBroken, unpacked
from indexer.rejects import Reject


class Records:
    """An iterable over records and rejects, to be run through once."""

    def __init__(self, inputs: Sequence[Input], *, header: bool, stdin: BinaryIO) -> None:
        self._inputs = inputs
        self._header = header
        self._stdin = stdin
        self.meter = Meter()
        """Bytes so far; its `read_bytes` counts up to `total_bytes`."""
        sizes = [source.size_bytes for source in inputs if source.size_bytes is not None]
        self.total_bytes = sum(sizes) if len(sizes) == len(inputs) else None
        """Size of all inputs on disk; None if one of them is a pipe."""
        self.records = 0
        self.rejects = 0

    @property
    def lines(self) -> int:
        """Lines read so far: records and rejects together. A file that breaks off counts for one."""
        return self.records + self.rejects

    def __iter__(self) -> Iterator[Record | Reject]:
        for source in self._inputs:
            for item in self._read(source):
                if isinstance(item, Record):
                    self.records += 1
                else:
                    self.rejects += 1
                yield item

    def _read(self, source: Input) -> Iterator[Record | Reject]:
        with closing(self._pieces(source)) as pieces:
            lines = Lines(source.name, pieces)
            try:
                yield from self._parse(lines, source.format)
            except StreamBroken as broken:
                reason = str(broken)
            except OSError as error:
                reason = f"cannot be read: {error.strerror or error}"
            else:
                return
            yield lines.reject(reason, number=lines.number + 1 if lines.number else 0)

    def _pieces(self, source: Input) -> Generator[bytes]:
        with nullcontext(self._stdin) if source.path is None else source.path.open("rb") as raw:
            yield from unpacked(raw, self.meter)

    def _parse(self, lines: Lines, form: Format) -> Iterator[Record | Reject]:
        if form == "unknown":
            form = "json" if lines.peek().lstrip().startswith((b"{", b"[")) else "comma"
        if form == "json":
            return read_jsonl(lines)
        return read_delimited(lines, tabs=form == "tab", header=self._header)


def open_records(paths: Sequence[Path], *, header: bool = True, stdin: BinaryIO | None = None) -> Records:
    """The records of files, folders and standard input (`-`).

    Args:
        paths: what to read, in order.
        header: tables name their columns in the first row; else columns are called `1`, `2` and so on.
        stdin: what `-` reads; the process's own by default.

    Raises:
        InputError: a path does not exist, or a folder holds nothing to read.
    """
    return Records(find_inputs(paths), header=header, stdin=stdin or sys.stdin.buffer)
