"""Readers under all that goes wrong in files: good lines arrive, bad ones are named, nothing stops."""

import gzip
import io
import random
import tracemalloc
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from indexer.article import ArticleInvalid, validate
from indexer.fields import FieldMap
from indexer.readers import Record, open_records
from indexer.readers.lines import MAX_LINE_BYTES
from indexer.rejects import Reject, RejectsFile
from tests.indexer.malformed import BAD_LINES, GOOD, ODD_LINES, bomb

Outcome = tuple[int, str]
"""A line, and its article's id or its reject's reason."""


def _outcomes(content: bytes | io.RawIOBase) -> list[Outcome]:
    """What becomes of each line on the whole way from bytes to article."""
    stream: Any = io.BytesIO(content) if isinstance(content, bytes) else content
    fields = FieldMap()
    outcomes: list[Outcome] = []
    for item in open_records([Path("-")], stdin=stream):
        if isinstance(item, Reject):
            outcomes.append((item.line, item.reason))
            continue
        try:
            outcomes.append((item.line, validate(fields.rename(item.values), now_ms=0).article.id))
        except ArticleInvalid as invalid:
            outcomes.append((item.line, invalid.reason))
    return outcomes


@pytest.mark.parametrize(("line", "reason"), BAD_LINES, ids=count())
def test_a_bad_line_of_json_costs_itself_alone(line: bytes, reason: str) -> None:
    """Its neighbours are accepted, and it is refused with its number and the reason."""
    (first, bad, last) = _outcomes(b"\n".join([GOOD, line, GOOD]))
    assert (first, last) == ((1, "good"), (3, "good"))
    assert bad[0] == 2
    assert bad[1].startswith(reason)


@pytest.mark.parametrize(("line", "expected"), ODD_LINES, ids=count())
def test_an_odd_line_of_json_is_accepted(line: bytes, expected: str) -> None:
    """The last of two equal names counts, impossible dates are dropped, unknown fields may hold anything."""
    (record,) = open_records([Path("-")], stdin=io.BytesIO(line))
    assert isinstance(record, Record)
    assert validate(FieldMap().rename(record.values), now_ms=0).article.title == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"a,t,x", [(3, "3 columns where the first row has 2")]),
        (b"a", [(3, "1 columns where the first row has 2")]),
        (b"a,\xff", [(3, "not UTF-8: byte 0xff at byte 3")]),
        (b'a,"t\n\xff"', [(3, "not UTF-8: byte 0xff at byte 1 (lines 3 to 4)")]),
        (b"a,t\0", [(3, "NUL byte at byte 4")]),
        (b",t", [(3, "id is missing or empty")]),
        (b"a,", [(3, "title is missing or empty")]),
        (b'a,"t"x', [(3, "broken row: ',' expected after '\"'")]),
        (b"a,t\rx", [(3, "broken row: new-line character seen in unquoted field")]),
        (b'a,"' + b"t" * MAX_LINE_BYTES + b'"', [(3, "broken row: longer than 1,048,576 bytes")]),
    ],
    ids=count(),
)
def test_a_bad_row_costs_itself_alone(row: bytes, expected: list[Outcome]) -> None:
    """Its neighbours are accepted, and it is refused with the number of its first line and the reason."""
    first, *bad, last = _outcomes(b"\n".join([b"id,title", b"good,t", row, b"good,t"]))
    assert (first[1], last[1]) == ("good", "good")
    assert [line for line, _ in bad] == [line for line, _ in expected]
    assert bad[0][1].startswith(expected[0][1])


def test_a_quote_that_is_never_closed_has_a_bound() -> None:
    """It costs a mebibyte of rows at most; those behind it are read."""
    rows = b"good,t\n" * (MAX_LINE_BYTES // 7)
    outcomes = _outcomes(b'id,title\na,"t\n' + rows + b"good,t\n" * 10)
    assert outcomes[0][0] == 2
    assert "longer than 1,048,576 bytes; inside a quoted field a quote is written twice (lines 2 to" in outcomes[0][1]
    assert 8 <= len(outcomes) - 1 <= 12
    at_end = _outcomes(b'id,title\ngood,t\na,"t\nb,t\n')
    assert at_end[0] == (2, "good")
    assert at_end[1][1].startswith("broken row: unexpected end of data")
    assert at_end[1][1].endswith("(lines 3 to 4)")


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("id,title\na,t\n".encode("utf-16"), 0, "not read, since it is UTF-16 text: convert it to UTF-8"),
        (
            "\ufeffid,title\na,t\n".encode("utf-16-be"),
            0,
            "not read, since it is UTF-16 text: convert it to UTF-8",
        ),
        (b"PK\x03\x04\n\n", 0, "not read, since it is a zip archive: unpack it"),
        (
            gzip.compress(b"BZh91AY\n", mtime=0),
            0,
            "not read, since it is a bzip2 file: unpack it, or pack it with gzip or zstd",
        ),
        (b"id,title,title\na,t,t\n", 1, "not read: 2 columns are called 'title': give each its own name"),
        (b"\n\nhello world\nmore\n", 3, "not read: the first row has one column"),
        (b"id,\xff\na,t\n", 1, "not UTF-8: byte 0xff at byte 4"),
        ("id,title\na,t\n".encode("utf-16-le"), 1, "NUL byte at byte 2"),
        (b"\x28\xb5\x2f\xfdrubbish", 0, "damaged zstd file: "),
        (b"\x1f\x8b\x08rubbish-rubbish", 0, "damaged gzip file: "),
    ],
    ids=count(),
)
def test_a_file_that_cannot_be_understood_is_one_reject(content: bytes, line: int, reason: str) -> None:
    """Another encoding, another packing, or no usable header: said once, not for every line."""
    ((number, said),) = _outcomes(content)
    assert number == line
    assert said.startswith(reason)


@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", b"id,title\n", gzip.compress(b"", mtime=0)])
def test_nothing_is_neither_accepted_nor_refused(content: bytes) -> None:
    """Empty files, blank lines and a header without rows count for nothing."""
    assert _outcomes(content) == []


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_what_came_before_a_break_counts(kind: str) -> None:
    """A packed file cut anywhere gives its first lines, whole, and one reject that says where it broke."""
    text = random.Random(1).randbytes(300_000).hex()
    lines = [orjson.dumps({"id": str(n), "title": text[n * 300 : n * 300 + 300]}) for n in range(2000)]
    pack = gzip.compress if kind == "gzip" else zstandard.ZstdCompressor().compress
    packed = pack(b"\n".join(lines) + b"\n")
    counts = set()
    for cut in range(5, len(packed) - 1, len(packed) // 11):
        *accepted, broken = _outcomes(packed[:cut])
        assert [said for _, said in accepted] == [str(number) for number in range(len(accepted))]
        assert broken == (len(accepted) + 1 if accepted else 0, f"{kind} file ends early: it was cut short")
        counts.add(len(accepted))
    assert len(counts) > 3
    *accepted, broken = _outcomes(packed + b"rubbish")
    assert len(accepted) == 2000
    assert broken[0] == 2001
    assert broken[1].startswith(f"damaged {kind} file")


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_compression_bomb_is_left(kind: str) -> None:
    """Beyond 64 MiB, text may be a hundred times as long as what it came from; what came before counts."""
    *accepted, broken = _outcomes(bomb(kind))
    assert 60 < len(accepted) < 70
    assert broken[1].startswith("unpacks to more than 100 times its size")


class _Pieces(io.RawIOBase):
    """A stream that makes its bytes up as it goes, and so holds none of them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece, whatever its size."""
        return next(self._pieces, b"")


@pytest.mark.parametrize(
    ("before", "after"), [(GOOD + b'\n{"id":"', b'"}\n' + GOOD), (b'id,title\ngood,t\na,"', b'"\ngood,t\n')]
)
def test_a_line_of_100_mb_is_not_held(before: bytes, after: bytes) -> None:
    """It is refused by its number while a few mebibytes of it are in memory, in JSON and in tables."""
    stream = _Pieces(chain([before], (b"x" * 100_000 for _ in range(1000)), [after]))
    tracemalloc.start()
    first, bad, last = _outcomes(stream)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (first[1], last[1]) == ("good", "good")
    assert bad[0] == last[0] - 1
    assert "longer than 1,048,576 bytes" in bad[1]
    assert peak_bytes < 10 * MAX_LINE_BYTES


def test_a_file_that_cannot_be_opened_is_one_reject(tmp_path: Path) -> None:
    """It vanished after the run began: the reject names it, and the next file is read."""
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(GOOD)
    records = open_records([tmp_path])
    (tmp_path / "a.jsonl").unlink()
    gone, record = records
    assert gone == Reject(file=str(tmp_path / "a.jsonl"), line=0, reason="cannot be read: No such file or directory")
    assert isinstance(record, Record)
    assert (records.records, records.rejects) == (1, 1)


def test_a_disk_that_fails_is_one_reject() -> None:
    """An error in the middle of a file ends that file, at the line it had come to."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if content := super().read(size):
                return content
            raise OSError(5, "Input/output error")

    good, broken = open_records([Path("-")], stdin=Failing(GOOD + b"\n" + GOOD[:9]))
    assert isinstance(good, Record)
    assert broken == Reject(file="-", line=2, reason="cannot be read: Input/output error")


def test_a_record_can_be_refused_later() -> None:
    """Validation hands a record back with a reason, and its place and beginning are kept."""
    (record,) = open_records([Path("-")], stdin=io.BytesIO(b'{"id":"a","body":"' + b"\xc3\xa9" * 500 + b'"}'))
    assert isinstance(record, Record)
    reject = record.reject("title is missing or empty", "a")
    assert (reject.file, reject.line, reject.id) == ("-", 1, "a")
    assert reject.excerpt == '{"id":"a","body":"' + "é" * 182


_SNIPPETS = [GOOD, b"\n", b"\r\n", b'"', b",", b"\xff", b"\0", b"{", b"\xef\xbb\xbf", b"id,title"]
_BYTES = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([GOOD, b"\n", b"\r\n", b'"', b",", b"\xff", b"\0", b"{", b"\xef\xbb\xbf", b"id,title"])
    ).map(b"".join),
)


@given(_BYTES, st.sampled_from(["plain", "gzip", "zstd"]), st.integers(0, 400), st.integers(0, 255))
def test_no_bytes_raise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str, at: int, flip: int
) -> None:
    """Any bytes, packed, and damaged after that, give records and rejects; each reject can be written."""
    if kind == "gzip":
        content = gzip.compress(content)
    elif kind == "zstd":
        content = zstandard.compress(content)
    damaged = bytearray(content)
    if at < len(damaged):
        damaged[at] ^= flip
    records = open_records([Path("-")], stdin=io.BytesIO(bytes(damaged)))
    fields = FieldMap()
    with RejectsFile(tmp_path_factory.mktemp("rejects") / "rejects.jsonl") as rejects:
        for item in records:
            if isinstance(item, Reject):
                rejects.write(item)
                continue
            try:
                validate(fields.rename(item.values), now_ms=0)
            except ArticleInvalid as invalid:
                rejects.write(item.reject(invalid.reason, invalid.article_id))
