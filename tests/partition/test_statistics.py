"""Statistics: a sorted file that answers as a dict does."""

import math
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition.errors import IndexFileError
from partition.schema import TEXT_FIELDS
from partition.statistics import (
    Statistics,
    inverse_document_frequency,
    key_of,
    merge_statistics,
    write_statistics,
)

# Word characters of one to four bytes, few enough that prefixes are shared.
_terms = st.text("abé中𐌰9_", min_size=1, max_size=4)
_keys = st.tuples(st.sampled_from(TEXT_FIELDS), _terms)
_counts = st.dictionaries(_keys, st.integers(1, 1000), max_size=30)
_lengths = st.fixed_dictionaries({field: st.integers(0, 10**12) for field in TEXT_FIELDS})


def _write(path: Path, counts: dict[tuple[str, str], int], *, articles: int = 1000, **lengths: int) -> Statistics:
    write_statistics(
        path,
        articles=articles,
        through_seq=9,
        total_lengths={**dict.fromkeys(TEXT_FIELDS, 0), **lengths},
        df={key_of(field, term): df for (field, term), df in counts.items()},
    )
    return Statistics(path)


@given(counts=_counts, asked=st.lists(_keys, max_size=10), articles=st.integers(0, 10**7))
def test_lookups_equal_a_dict(
    tmp_path_factory: pytest.TempPathFactory,
    counts: dict[tuple[str, str], int],
    asked: list[tuple[str, str]],
    articles: int,
) -> None:
    """Known terms have their df and its idf, unknown ones count as df = 1."""
    statistics = _write(tmp_path_factory.mktemp("s") / "stat", counts, articles=articles)
    assert len(statistics) == len(counts)
    assert statistics.articles == articles
    assert statistics.through_seq == 9
    for field, term in [*counts, *asked]:
        df = counts.get((field, term), 1)
        assert statistics.df(field, term) == df
        assert statistics.idf(field, term) == inverse_document_frequency(articles, df)
    assert dict(statistics.items()) == {key_of(field, term): df for (field, term), df in counts.items()}
    assert [key for key, _df in statistics.items()] == sorted(key_of(field, term) for field, term in counts)


@given(counts=_counts, prefix=st.text("abé中𐌰9_", max_size=3), field=st.sampled_from(TEXT_FIELDS))
def test_prefix_sizes_equal_a_count(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[tuple[str, str], int], prefix: str, field: str
) -> None:
    """A prefix has as many terms as begin with it, in its field only; the empty one has them all."""
    statistics = _write(tmp_path_factory.mktemp("s") / "stat", counts)
    expected = sum(name == field and term.startswith(prefix) for name, term in counts)
    assert statistics.prefix_size(field, prefix) == expected


@given(parts=st.lists(st.tuples(_counts, _lengths, st.integers(0, 1000)), max_size=4))
def test_merging_adds_up(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[dict[tuple[str, str], int], dict[str, int], int]],
) -> None:
    """The statistics of all partitions are the sums of theirs."""
    folder = tmp_path_factory.mktemp("s")
    for at, (counts, lengths, articles) in enumerate(parts):
        _write(folder / f"{at}.counts", counts, articles=articles, **lengths)
    merge_statistics(folder / "stat", counts=[folder / f"{at}.counts" for at in range(len(parts))], through_seq=42)
    merged = Statistics(folder / "stat")
    summed: dict[bytes, int] = {}
    for counts, _, _ in parts:
        for (field, term), df in counts.items():
            summed[key_of(field, term)] = summed.get(key_of(field, term), 0) + df
    assert dict(merged.items()) == summed
    assert merged.through_seq == 42
    assert merged.articles == sum(articles for _, _, articles in parts)
    assert merged.total_lengths == {field: sum(part[1][field] for part in parts) for field in TEXT_FIELDS}


def test_idf_is_that_of_whoosh() -> None:
    """ln(N / (df + 1)) + 1, positive for every df that is possible."""
    assert inverse_document_frequency(1000, 9) == math.log(100) + 1
    assert all(inverse_document_frequency(n, df) > 0 for n in range(50) for df in range(max(n, 1) + 1))


def test_average_lengths(tmp_path: Path) -> None:
    """Words by articles; 1 for a field that was always empty, and for an empty archive."""
    statistics = _write(tmp_path / "stat", {}, articles=4, body=10)
    assert statistics.average_length("body") == 2.5
    assert statistics.average_length("title") == 1.0
    assert _write(tmp_path / "empty", {}, articles=0).average_length("body") == 1.0


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    """The bytes of a small file, section by section."""
    _write(tmp_path / "stat", {("title", "é"): 3, ("body", "ab"): 9, ("body", "a"): 3}, articles=1000, body=5)
    payload = (tmp_path / "stat").read_bytes()[24:]
    (size,) = struct.unpack_from("<I", payload)
    assert (4 + size) % 8 == 0, "the arrays are aligned"
    assert payload[4 : 4 + size].decode().rstrip() == (
        '{"articles": 1000, "through_seq": 9, "total_lengths": {"title": 0, "body": 5, "author": 0}, "terms": 3, '
        '"unseen_idf": 7.214608098422191}'
    )
    assert payload[4 + size :] == b"".join(
        (
            struct.pack("<3d", *(inverse_document_frequency(1000, df) for df in (3, 9, 3))),
            struct.pack("<3I", 3, 9, 3),
            struct.pack("<4I", 0, 6, 13, 21),
            b"body\0abody\0abtitle\0\xc3\xa9",
        )
    )


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    """A damaged file is refused by name when it is opened."""
    path = tmp_path / "stat"
    _write(path, {("title", "a"): 1, ("body", "b"): 2})
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        with pytest.raises(IndexFileError, match=re.escape(f"{path}: ")):
            Statistics(path)
