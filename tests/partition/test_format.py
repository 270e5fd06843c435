"""The segment file: the bytes that its prose promises, written by the real encoder."""

import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from numpy.typing import NDArray

from partition import format as segment_format
from partition.build import SegmentBuilder
from partition.changes import Put
from partition.documents import LEVEL, DocumentCodec
from partition.envelope import HEADER_BYTES, PAGE_BYTES
from partition.errors import CorruptFile
from partition.format import SegmentFile, SegmentWriter
from partition.segment import Segment
from partition.types import Article
from partition.vocabulary import Vocabulary
from tests.small_index import article


def _build(path: Path, *articles: Article) -> SegmentFile:
    builder = SegmentBuilder(Vocabulary(), DocumentCodec())
    for version, one in enumerate(articles, start=1):
        builder.add(Put(one, version, 7, seq=1))
    builder.prepare()
    record = builder.write(path, None)
    return SegmentFile(path, seal=record.seal)


def test_the_worked_example(tmp_path: Path) -> None:
    """The list in the prose, word for word, from articles that are as it says."""
    prose = segment_format.__doc__ or ""
    words = [int(word, 16) for word in re.findall(r"\b[0-9a-f]{16}\b", prose)]
    bodies = ["vote", "a vote a vote", "vote", *["two words"] * 98]
    file = _build(tmp_path / "s", *(article(str(at), body=body, published_ms=at) for at, body in enumerate(bodies)))
    assert (file.articles, file.directory["fields"]["body"]["average"]) == (101, 2.0)
    segment = Segment(file.path, np.empty(0, np.int64))
    found = segment.term_list("body", b"vote")
    assert found
    assert found.df == 3
    assert found.bound == 146 / 255
    area = found.row[0]
    assert len(words) == 4
    assert segment.words[area : area + 4].tolist() == words
    after = [int(other) & (1 << 48) - 1 for other in segment.areas]
    assert min(other for other in after if other > area) == area + 4
    assert segment.positions("body", "vote", [0, 1, 2]) == [[0], [1, 3], [0]]


GOLDEN: dict[str, tuple[str, list[int] | bytes]] = {
    "postings": (
        "<u8",
        [
            # text: docnum 0 has vote a vote a, docnum 1 vote vote a vote; both lists are dense
            *(0x0000000000000001, 0x5000200000000000, 0b11, 0, 0b01),  # a: frequencies 2 1
            *(0x0000000000000001, 0x5B80400000000000, 0b11, 0, 0b1001),  # vote: frequencies 2 3
            # title: vote a; vote
            *(0x0000000000000000, 0x3304000000000000, 0b1, 0, 0b1),  # a: at 1
            *(0x0000000000000001, 0x4380000000000000, 0b11, 0),  # vote: at 0; at 0
            # body: nothing; a vote
            *(0x0000000000000001, 0x2980000000000000, 0b10, 0),  # a: at 0
            *(0x0000000000000001, 0x2984000000000000, 0b10, 0, 0b1),  # vote: at 1
            # author: ann lee; nothing
            *(0x0000000000000000, 0x2980000000000000, 0b01, 0),  # ann: at 0
            *(0x0000000000000000, 0x2984000000000000, 0b01, 0, 0b1),  # lee: at 1
            # heading: vote a; vote; neither it nor whole values are scored
            *(0x0000000000000000, 0x7F84000000000000, 0b1, 0, 0b1),  # a: at 1
            *(0x0000000000000001, 0x7F80000000000000, 0b11, 0),  # vote: at 0; at 0
            *(0x0000000000000001, 0x7F80000000000000, 0b10, 0),  # section: news
            *(0x0000000000000000, 0x7F80000000000000, 0b01, 0),  # source: wire
            *(0x0000000000000000, 0x7F80000000000000, 0b01, 0),  # author_name: ann lee
            *(0x0000000000000001, 0x7F80000000000000, 0b10, 0),  # tag: x
            *(0x0000000000000001, 0x7F80000000000000, 0b10, 0),  # tag: y
            *(0, 0),
        ],
    ),
    "areas": (
        "<u8",
        [
            *(0x00A0000000000000, 0x00B7000000000005, 0x006600000000000A, 0x008700000000000F),
            *(0x0053000000000013, 0x0053000000000017, 0x005300000000001C, 0x0053000000000020),
            *(0x00FF000000000025, 0x00FF00000000002A),
            *(0x00FF00000000002E, 0x00FF000000000032, 0x00FF000000000036, 0x00FF00000000003A, 0x00FF00000000003E),
        ],
    ),
    "dfs": ("<u4", [2, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1]),
    "totals": ("<u4", [3, 5, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1]),
    "key_ends": ("<u4", [1, 5, 6, 10, 11, 15, 18, 21, 22, 26, 30, 34, 41, 42, 43]),
    "keys": ("|u1", b"avoteavoteavoteannleeavotenewswireann leexy"),
    "value/section": ("|u1", [255, 0]),
    "value/source": ("|u1", [0, 255]),
    "value/author_name": ("|u1", [0, 255]),
    "value/tag": ("|u1", [0, 1]),
    "value_ends/tag": ("<u4", [0, 2]),
    "value/language": ("|u1", [255, 255]),
    "column/published_ms": ("<i8", [-(2**63), 1000]),
    "column/modified_ms": ("<i8", [-(2**63), 2000]),
    "column/indexed_ms": ("<i8", [7, 7]),
    "column/hash": ("<u8", [0x40F89E395B66422F, 0x8472C2E34D854F75]),
    "column/seq": ("<i8", [1, 1]),
    "column/story": ("<i8", [0, 0]),
    "column/joined": ("<i8", [0, 0]),
    "column/status": ("|u1", [0, 0]),
    "column/language": ("|u1", [1, 1]),
    "column/text_length": ("<u4", [4, 4]),
    "column/title_length": ("<u4", [2, 1]),
    "column/body_length": ("<u4", [0, 2]),
    "column/author_length": ("<u4", [2, 0]),
    "by_hash": ("<u4", [0, 1]),
    "id_ends": ("<u4", [1, 2]),
    "ids": ("|u1", b"ab"),
}
"""Every section of the file below in its order, but for the stored articles."""

STORED = (
    (
        b'{"id":"a","title":"Vote a","body":"","summary":"","authors":["Ann Lee"],"source":"Wire","section":"",'
        b'"tags":[],"language":"","url":"","published_ms":null,"modified_ms":null,"date_confidence":"missing","version":2,'
        b'"indexed_ms":7}'
    ),
    (
        b'{"id":"b","title":"Vote","body":"a vote","summary":"","authors":[],"source":"","section":"News",'
        b'"tags":["x","y"],"language":"","url":"","published_ms":1000,"modified_ms":2000,"date_confidence":"missing",'
        b'"version":1,"indexed_ms":7}'
    ),
)

DIRECTORY = {
    "articles": 2,
    "dictionary": None,
    "fields": {
        "text": {"terms": [0, 2], "positions": False, "average": 4.0},
        "title": {"terms": [2, 4], "positions": True, "average": 1.5},
        "body": {"terms": [4, 6], "positions": True, "average": 1.0},
        "author": {"terms": [6, 8], "positions": True, "average": 1.0},
        "form": {"terms": [8, 8], "positions": False, "average": None},
        "heading": {"terms": [8, 10], "positions": True, "average": None},
        "section": {"terms": [10, 11], "positions": False, "average": None},
        "source": {"terms": [11, 12], "positions": False, "average": None},
        "author_name": {"terms": [12, 13], "positions": False, "average": None},
        "tag": {"terms": [13, 15], "positions": False, "average": None},
        "language": {"terms": [15, 15], "positions": False, "average": None},
    },
}


def test_every_byte_of_a_small_segment(tmp_path: Path) -> None:
    """Header, sections, directory, its length, the table of checksums: whoever changes one writes a new version."""
    file = _build(
        tmp_path / "s",
        article("b", "Vote", body="a vote", section="News", tags=("x", "y"), published_ms=1000, modified_ms=2000),
        article("a", "Vote a", authors=("Ann Lee",), source="Wire"),
    )
    # What a compressor makes of an article is not ours to promise, so that is taken from it.
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False, write_dict_id=False)
    frames = [compressor.compress(stored) for stored in STORED]
    ends = [len(frames[0]), len(frames[0]) + len(frames[1])]
    content = b""
    sections: dict[str, list[Any]] = {}
    for name, (type_, values) in {
        **GOLDEN,
        "stored": ("|u1", b"".join(frames)),
        "stored_ends": ("<u8", ends),
    }.items():
        content += bytes(-len(content) % 8)
        sections[name] = [len(content), len(values), type_]
        code = {"<u8": "Q", "<u4": "I", "|u1": "B", "<i8": "q"}[type_]
        content += struct.pack(f"<{len(values)}{code}", *values)
    directory = json.dumps({**DIRECTORY, "sections": sections}, separators=(",", ":")).encode()
    content += directory + struct.pack("<I", len(directory))
    assert len(content) < PAGE_BYTES
    table = struct.pack("<I", zlib.crc32(content))
    crc = zlib.crc32(table, zlib.crc32(struct.pack("<4sIQ", b"SEGM", 1, len(content))))
    assert file.path.read_bytes() == struct.pack("<4s4sIIQ", b"BRDS", b"SEGM", 1, crc, len(content)) + content + table


def _pages(values: int) -> NDArray[np.uint8]:
    return np.full(values * PAGE_BYTES, values, np.uint8)


def test_sections_come_back(tmp_path: Path) -> None:
    """Whatever their types and sizes, written at once or in parts; each begins at a multiple of eight bytes."""
    sections: dict[str, NDArray[Any]] = {
        "postings": np.arange(5, dtype=np.uint64),
        "bytes": np.arange(3, dtype=np.uint8),
        "none": np.zeros(0, np.int64),
        "big endian": np.arange(7, dtype=">u4"),
        "every other": np.arange(20, dtype=np.int64)[::2],
        "stored": np.arange(9, dtype=np.uint8),
    }
    with SegmentWriter(tmp_path / "s") as writer:
        for name, values in sections.items():
            writer.append(name, values[:2])
            writer.append(name, values[2:])
        writer.describe(articles=1, more="said")
    record = writer.record()
    file = SegmentFile(tmp_path / "s", seal=record.seal)
    assert (record.name, record.size_bytes) == ("s", file.size_bytes)
    assert (file.articles, file.directory["more"], file.path) == (1, "said", tmp_path / "s")
    for name, values in sections.items():
        assert name in file
        np.testing.assert_array_equal(file.section(name), values)
        assert file.section(name).dtype.newbyteorder("=") == values.dtype.newbyteorder("=")
        assert file.directory["sections"][name][0] % 8 == 0
        assert not file.section(name).flags.writeable
    assert "others" not in file


def test_what_is_touched_is_verified(tmp_path: Path) -> None:
    """Opening reads the directory; a section is checked when it is asked for, a lazy one where it is touched."""
    sections: dict[str, NDArray[Any]] = {
        "postings": _pages(2).view(np.uint64),
        "areas": _pages(1),
        "stored": _pages(3),
    }
    with SegmentWriter(tmp_path / "s") as writer:
        for name, values in sections.items():
            writer.append(name, values)
        writer.describe(articles=1)
    content = bytearray((tmp_path / "s").read_bytes())
    for page in (1, 2, 4):
        content[HEADER_BYTES + page * PAGE_BYTES] ^= 1
    (tmp_path / "s").write_bytes(content)
    file = SegmentFile(tmp_path / "s", seal=writer.record().seal)
    file.section("postings")
    file.verify_words(0, PAGE_BYTES // 8)
    with pytest.raises(CorruptFile, match="s: the checksum of page 1 does not match"):
        file.verify_words(PAGE_BYTES // 8 - 1, PAGE_BYTES // 8 + 1)
    with pytest.raises(CorruptFile, match="s: the checksum of page 2 does not match"):
        file.section("areas")
    assert file.stored(5, PAGE_BYTES) == bytes([3]) * (PAGE_BYTES - 5)
    with pytest.raises(CorruptFile, match="s: the checksum of page 4 does not match"):
        file.stored(5, PAGE_BYTES + 1)
    with pytest.raises(CorruptFile, match="s: the checksum of page 1 does not match"):
        file.verify_all()


def test_an_unfinished_segment_is_refused(tmp_path: Path) -> None:
    """A writer that breaks off leaves nothing that could be taken for a segment."""

    def fail() -> None:
        with SegmentWriter(tmp_path / "s") as writer:
            writer.append("postings", np.zeros(3, np.uint64))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with pytest.raises(CorruptFile, match="s: magic"):
        SegmentFile(tmp_path / "s")
