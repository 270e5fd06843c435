"""Statistics: a sorted file that answers as a dict does."""

import math
import re
import struct
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition.analysis import FUNCTION_WORD_WEIGHT, function_terms
from partition.counting import added_up, forget_terms, merge_counts
from partition.envelope import read_payload
from partition.errors import CorruptFile, IndexFileError
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics, TermCounts, inverse_document_frequency, write_statistics

# Word characters of one to four bytes, few enough that prefixes are shared.
_words = st.text("abé中𐌰9_", min_size=1, max_size=4) | st.sampled_from(("the", "thi", "of", "de", "und"))
# A term says which language it is of, unless that is English or none.
_terms = st.one_of(
    _words,
    st.builds("{}\x1f{}".format, _words.filter(lambda word: word[0] != "中"), st.sampled_from(("de", "fr", "xx"))),
)
_languages = st.dictionaries(st.sampled_from(("en", "de", "ru", "xx")), st.integers(0, 10**7))
_keys = st.tuples(st.sampled_from(TEXT_FIELDS), _terms)
_counts = st.dictionaries(_keys, st.integers(1, 1000), max_size=30)
_lengths = st.fixed_dictionaries({field: st.integers(0, 10**12) for field in TEXT_FIELDS})


def _idf(languages: dict[str, int], field: str, term: str, df: int | None) -> float:
    """The formula, of the articles of the term's language; function words weigh less, but for names."""
    stem, _, language = term.partition("\x1f")
    articles = languages.get(language or "en", 0)
    if field == "author" or (stem and "\u4e00" <= stem[0] <= "\u9fff"):
        articles = sum(languages.values())
    # What an article holds is of a language that is there.
    known = not df or (language or "en") in languages
    functional = known and field != "author" and term in function_terms(language or "en")
    return inverse_document_frequency(articles, df or 1) * (FUNCTION_WORD_WEIGHT if functional else 1)


def _packed(counts: dict[str, int]) -> TermCounts:
    keys = sorted(counts)
    encoded = [key.encode() for key in keys]
    return TermCounts(
        np.frombuffer(b"".join(encoded), np.uint8),
        np.cumsum([len(key) for key in encoded], dtype=np.int64),
        np.array([counts[key] for key in keys], np.int64),
    )


def _unpacked(counts: TermCounts) -> list[tuple[str, int]]:
    bounds = [0, *counts.ends.tolist()]
    keys = [counts.keys[a:b].tobytes().decode() for a, b in pairwise(bounds)]
    return list(zip(keys, counts.dfs.tolist(), strict=True))


def _of(field: str, counts: dict[tuple[str, str], int]) -> dict[str, int]:
    return {term: df for (name, term), df in counts.items() if name == field}


def _write(
    path: Path, counts: dict[tuple[str, str], int], languages: dict[str, int] | None = None, **lengths: int
) -> Statistics:
    seal = write_statistics(
        path,
        languages={"en": 1000} if languages is None else languages,
        through_seq=9,
        total_lengths={**dict.fromkeys(TEXT_FIELDS, 0), **lengths},
        counts={field: _packed(_of(field, counts)) for field in TEXT_FIELDS},
    )
    return Statistics(path, seal=seal)


@given(counts=_counts, asked=st.lists(_keys, max_size=10), languages=_languages)
def test_lookups_equal_a_dict(
    tmp_path_factory: pytest.TempPathFactory,
    counts: dict[tuple[str, str], int],
    asked: list[tuple[str, str]],
    languages: dict[str, int],
) -> None:
    """Known terms have their df and its idf among the articles of their language, unknown ones count as df = 1."""
    statistics = _write(tmp_path_factory.mktemp("s") / "stat", counts, languages)
    assert len(statistics) == len(counts)
    assert statistics.articles == sum(languages.values())
    assert statistics.languages == {language: articles for language, articles in languages.items() if articles}
    assert statistics.through_seq == 9
    for field, term in [*counts, *asked]:
        df = counts.get((field, term))
        assert statistics.df(field, term) == (df or 1)
        assert statistics.idf(field, term) == _idf(languages, field, term, df)
    for field in TEXT_FIELDS:
        assert _unpacked(statistics.counts(field)) == sorted(_of(field, counts).items())


@given(counts=_counts, prefix=st.text("abé中𐌰9_", max_size=3), field=st.sampled_from(TEXT_FIELDS))
def test_prefix_sizes_equal_a_count(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[tuple[str, str], int], prefix: str, field: str
) -> None:
    """A prefix has as many terms as begin with it, in its field only; the empty one has them all."""
    statistics = _write(tmp_path_factory.mktemp("s") / "stat", counts)
    expected = sum(name == field and term.startswith(prefix) for name, term in counts)
    assert statistics.prefix_size(field, prefix) == expected


@given(parts=st.lists(st.tuples(_counts, _lengths, _languages), max_size=4))
def test_merging_adds_up(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[dict[tuple[str, str], int], dict[str, int], dict[str, int]]],
) -> None:
    """The statistics of all partitions are the sums of theirs."""
    folder = tmp_path_factory.mktemp("s")
    for at, (counts, lengths, languages) in enumerate(parts):
        _write(folder / f"{at}.counts", counts, languages, **lengths)
    shares = [folder / f"{at}.counts" for at in range(len(parts))]
    seal = merge_counts(folder / "stat", shares=shares, through_seq=42)
    merged = Statistics(folder / "stat", seal=seal)
    summed: Counter[tuple[str, str]] = Counter()
    for counts, _, _ in parts:
        summed.update(counts)
    for field in TEXT_FIELDS:
        assert _unpacked(merged.counts(field)) == sorted(_of(field, summed).items())
    assert merged.through_seq == 42
    for language in ("en", "de", "ru", "xx"):
        assert merged.languages.get(language, 0) == sum(part[2].get(language, 0) for part in parts)
    assert merged.total_lengths == {field: sum(part[1][field] for part in parts) for field in TEXT_FIELDS}


@given(parts=st.lists(st.dictionaries(_terms, st.integers(0, 3), max_size=8), max_size=5))
def test_terms_that_no_live_article_holds_do_not_count(parts: list[dict[str, int]]) -> None:
    """Counts add up term by term; what adds up to nothing is left out, wherever it was."""
    summed: Counter[str] = Counter()
    for part in parts:
        summed.update(part)
    expected = sorted((term, df) for term, df in summed.items() if df)
    assert _unpacked(added_up([_packed(part) for part in parts])) == expected


@given(counts=_counts.filter(lambda counts: len(counts) > 0), kept=st.sets(st.integers(0, 29)))
def test_forgetting_words_scores_nothing_otherwise(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[tuple[str, str], int], kept: set[int]
) -> None:
    """Those that stood in one article and stand in none now are gone, function words too; each idf is as before."""
    folder = tmp_path_factory.mktemp("forget")
    now = {key: df for nth, (key, df) in enumerate(counts.items()) if nth in kept}
    languages = {"en": 1000, "de": 10, "fr": 3}
    for name, held in (("older", counts), ("newest", now)):
        fields = {
            field: _packed({term: df for (of, term), df in held.items() if of == field}) for field in TEXT_FIELDS
        }
        write_statistics(
            folder / name,
            languages=languages,
            through_seq=1,
            total_lengths=dict.fromkeys(TEXT_FIELDS, 1),
            counts=fields,
        )
    older = Statistics(folder / "older")
    forget_terms(folder / "forgot", older, Statistics(folder / "newest"))
    forgot = Statistics(folder / "forgot")
    assert len(forgot) == sum(df > 1 or key in now for key, df in counts.items())
    for field, term in counts:
        if term.partition("\x1f")[2] != "xx":
            assert forgot.idf_and_df(field, term) == older.idf_and_df(field, term)


def test_idf_cannot_be_negative() -> None:
    """ln(1 + (N - df + 1/2) / (df + 1/2)), positive for every df, even one that the articles left behind."""
    assert inverse_document_frequency(1000, 9) == math.log(1 + 991.5 / 9.5)
    assert all(inverse_document_frequency(n, df) > 0 for n in range(50) for df in range(n + 9))


def test_average_lengths(tmp_path: Path) -> None:
    """Words by articles; 1 for a field that was always empty, and for an empty archive."""
    statistics = _write(tmp_path / "stat", {}, {"en": 3, "de": 1}, body=10)
    assert statistics.average_length("body") == 2.5
    assert statistics.average_length("title") == 1.0
    assert _write(tmp_path / "empty", {}, {}).average_length("body") == 1.0


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    """The bytes of a small file, section by section."""
    languages = {"en": 1000, "fr": 7}
    counts = {("title", "é\x1ffr"): 3, ("body", "ab"): 9, ("body", "a"): 3}
    _write(tmp_path / "stat", counts, languages, body=5)
    payload = bytes(read_payload(tmp_path / "stat", b"STAT", range(3, 4)))
    (size,) = struct.unpack_from("<I", payload)
    assert (4 + size) % 8 == 0, "the arrays are aligned"
    assert payload[4 : 4 + size].decode().rstrip() == (
        '{"languages": {"en": 1000, "fr": 7}, "through_seq": 9, '
        '"total_lengths": {"text": 0, "title": 0, "body": 5, "author": 0}, '
        '"fields": {"text": [0, 0], "title": [0, 1], "body": [1, 3], "author": [3, 3]}}'
    )
    assert payload[4 + size :] == b"".join(
        (
            struct.pack("<3d", math.log(1 + 4.5 / 3.5), 0.1 * math.log(1 + 997.5 / 3.5), math.log(1 + 991.5 / 9.5)),
            struct.pack("<3I", 3, 3, 9),
            struct.pack("<3I", 5, 6, 8),
            b"\xc3\xa9\x1ffraab",
        )
    )


def test_another_epochs_statistics_are_refused(tmp_path: Path) -> None:
    """A sound file that is not the one named is as good as a damaged one."""
    seal = write_statistics(tmp_path / "1", languages={"en": 1}, through_seq=1, total_lengths={}, counts={})
    write_statistics(tmp_path / "2", languages={"en": 2}, through_seq=1, total_lengths={}, counts={})
    Statistics(tmp_path / "1", seal=seal)
    with pytest.raises(CorruptFile, match="2: it is not the file that the manifest names"):
        Statistics(tmp_path / "2", seal=seal)


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    """A damaged file is refused by name when it is opened."""
    path = tmp_path / "stat"
    _write(path, {("title", "a"): 1, ("body", "b"): 2})
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        with pytest.raises(IndexFileError, match=re.escape(f"{path}: ")):
            Statistics(path)
