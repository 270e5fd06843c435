"""Readers: formats, packings and inputs that are as they should be, and how far a run has come."""

import csv
import gzip
import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from indexer.article import validate
from indexer.fields import FieldMap
from indexer.readers import InputError, Record, Records, open_records
from indexer.rejects import Reject

ROWS = [{"id": f"a{n}", "title": f"Title, {n}", "body": 'A "word",\nand a line'} for n in range(5)]
JSONL = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in ROWS)


def _table(delimiter: str = ",", line_end: str = "\r\n") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]), delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()


def _values(records: Records) -> list[dict[str, Any]]:
    items = list(records)
    assert [item for item in items if isinstance(item, Reject)] == []
    return [item.values for item in items if isinstance(item, Record)]


def _write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


PACKINGS = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL.replace(b"\n", b"\r\n")),
        ("a.json", b"\n \n" + JSONL.rstrip()),
        ("a.JSONL", b"\xef\xbb\xbf" + JSONL),
        ("a.csv", _table()),
        ("a.csv", b"\xef\xbb\xbf" + _table(";", "\n")),
        ("a.tsv", _table("\t", "\n")),
        ("articles", JSONL),
        ("articles.txt", b"\n\n" + _table("\t")),
    ],
)
def test_every_format_gives_the_same_records(tmp_path: Path, name: str, content: bytes, packing: str) -> None:
    """JSON Lines and tables, plain, gzip or zstd, with any line end, blank lines and a byte order mark."""
    path = _write(tmp_path, name + packing, PACKINGS[packing](content))
    assert _values(open_records([path])) == ROWS


@pytest.mark.parametrize("packing", PACKINGS)
def test_content_decides_the_packing(tmp_path: Path, packing: str) -> None:
    """A packed file without the ending, and a plain file that has it, are read all the same."""
    assert _values(open_records([_write(tmp_path, "a.jsonl", PACKINGS[packing](JSONL))])) == ROWS
    assert _values(open_records([_write(tmp_path, "a.jsonl.gz", JSONL)])) == ROWS


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_packed_parts_in_a_row_are_one_file(tmp_path: Path, packing: str) -> None:
    """Concatenated gzip members and zstd frames, cut in mid-line; gzip may be padded with zeros."""
    pack = PACKINGS[packing]
    parts = pack(JSONL[:30]) + pack(b"") + pack(JSONL[30:]) + (b"\0" * 512 if packing == ".gz" else b"")
    assert _values(open_records([_write(tmp_path, "a.jsonl", parts)])) == ROWS


@pytest.mark.parametrize("content", [JSONL, gzip.compress(_table(), mtime=0), _table("\t")])
def test_standard_input_is_recognised_by_its_content(content: bytes) -> None:
    """`-` reads JSON Lines and tables, packed or not; there is no size to count up to."""
    records = open_records([Path("-")], stdin=io.BytesIO(content))
    assert _values(records) == ROWS
    assert records.total_bytes is None
    assert records.meter.read_bytes == len(content)


def test_a_folder_is_read_whole_and_sorted(tmp_path: Path) -> None:
    """Below it too, by known endings only, without hidden files and folders; records name their file."""
    names = (
        "b.jsonl",
        "a/z.csv",
        "a/y.ndjson.zst",
        "notes.txt",
        ".hidden.jsonl",
        ".git/x.jsonl",
        "a.jsonl.bak",
    )
    for name in names:
        _write(tmp_path, name, _table() if name.endswith("csv") else JSONL)
    (tmp_path / "c.jsonl").mkdir()
    items = list(open_records([tmp_path]))
    read = list(dict.fromkeys(item.file for item in items))
    assert read == [str(tmp_path / name) for name in ("a/y.ndjson.zst", "a/z.csv", "b.jsonl")]
    assert len(items) == 15


def test_a_pipe_in_a_folder_is_left_alone_but_read_when_named(tmp_path: Path) -> None:
    """Opening a pipe would wait for ever; naming one is a wish."""
    _write(tmp_path, "a.jsonl", JSONL)
    pipe = tmp_path / "b.jsonl"
    os.mkfifo(pipe)
    assert len(_values(open_records([tmp_path]))) == 5
    writer = threading.Thread(target=pipe.write_bytes, args=(JSONL,))
    writer.start()
    records = open_records([pipe])
    assert _values(records) == ROWS
    assert records.total_bytes is None
    writer.join()


def test_an_input_that_is_not_there_is_named_before_anything_is_read(tmp_path: Path) -> None:
    """A typing error must not cost an hour of indexing first."""
    good = _write(tmp_path, "a.jsonl", JSONL)
    with pytest.raises(InputError, match=r"cannot read '.*/missing\.jsonl': No such file or directory"):
        open_records([good, tmp_path / "missing.jsonl"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no file to read in folder '.*/empty': looked for \.jsonl \.ndjson"):
        open_records([tmp_path / "empty"])


def test_a_file_name_that_is_no_text_can_be_shown(tmp_path: Path) -> None:
    """Names are bytes to the system; records carry a form that every output can hold."""
    if sys.platform == "darwin":
        pytest.skip("this file system refuses names that are not UTF-8")
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    path.write_bytes(JSONL)
    (name,) = {item.file for item in open_records([path])}
    assert name.endswith("caf\\xe9.jsonl")


def test_records_know_their_line(tmp_path: Path) -> None:
    """Blank lines and the header are counted as lines, and a row that spans several has its first."""
    lines = [item.line for item in open_records([_write(tmp_path, "a.jsonl", b"\n" + JSONL)])]
    assert lines == [2, 3, 4, 5, 6]
    rows = [item.line for item in open_records([_write(tmp_path, "a.csv", _table())])]
    assert rows == [2, 4, 6, 8, 10]


def test_the_run_is_counted(tmp_path: Path) -> None:
    """Bytes on disk count up to the total; text, records and rejects are counted as they pass."""
    packed = gzip.compress(JSONL + b"{}x\n")
    records = open_records([_write(tmp_path, "a.jsonl.gz", packed), _write(tmp_path, "b.jsonl", JSONL)])
    assert records.total_bytes == len(packed) + len(JSONL)
    assert (records.lines, records.meter.read_bytes) == (0, 0)
    assert len(list(records)) == records.lines == 11
    assert (records.records, records.rejects) == (10, 1)
    assert records.meter.read_bytes == records.total_bytes
    assert records.meter.text_bytes == 2 * len(JSONL) + 4


def test_columns_without_a_header_are_numbered(tmp_path: Path) -> None:
    """Every row is a record, and the first one says how many columns there are."""
    path = _write(tmp_path, "a.csv", b"a1,one,x\na2,two,y\na3,three\n")
    first, second, third = open_records([path], header=False)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.values, second.values["2"]) == ({"1": "a1", "2": "one", "3": "x"}, "two")
    assert isinstance(third, Reject)


_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(
    st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=6),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_survives(rows: list[tuple[str, str, str]], delimiter: str, line_end: str) -> None:
    """Whatever the cells hold, what the standard library writes is read back, quotes, line breaks and all."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "title", "body"), *rows])
    records = open_records([Path("-")], stdin=io.BytesIO(out.getvalue().encode()))
    assert [tuple(values.values()) for values in _values(records)] == rows


@pytest.fixture
def senate() -> Path:
    """The press releases of the US Senate, 2004 to 2008."""
    path = Path(__file__).parents[2] / "../shared/data/senate_press_2004_2008.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared corpora are not beside this checkout")
    return path


@pytest.mark.corpus
def test_real_articles_are_all_accepted(senate: Path) -> None:
    """The first 2,000 press releases validate, dated to the day, under names that need no mapping."""
    fields = FieldMap()
    records = iter(open_records([senate]))
    for _ in range(2000):
        record = next(records)
        assert isinstance(record, Record)
        article = validate(fields.rename(record.values), now_ms=1_700_000_000_000).article
        assert article.date_confidence == "day"
        assert article.body
    assert "authors <- author" in fields.report()
    assert "published_at <- published" in fields.report()
