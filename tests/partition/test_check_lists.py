"""The check of a segment: what a faulty indexer may have written, under checksums that are right, is found."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from partition import lists
from partition.build import SegmentBuilder
from partition.changes import Put
from partition.check import check_lists
from partition.documents import DocumentCodec
from partition.errors import CorruptFile
from partition.format import SegmentWriter
from partition.kernels.postings import AREA, BITMAP, BLOCKS, DATA, RANKS
from partition.segment import Segment
from partition.vocabulary import Vocabulary
from tests.archive import made_up
from tests.small_index import article

_BODIES = ("quorum b c d", "a b c quorum", "quorum")
"""In this order, the gaps of "quorum" are 0, 3 and 0, two bits each."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Segment:
    """A segment with dense lists, others, and lists of several blocks."""
    builder = SegmentBuilder(Vocabulary(), DocumentCodec())
    for one in (*made_up(600), *(article(f"q{at}", body=body, published_ms=at) for at, body in enumerate(_BODIES))):
        builder.add(Put(one, 1, 0, seq=1))
    builder.prepare()
    folder = tmp_path_factory.mktemp("sound")
    builder.write(folder / "sound.segment", None)
    return Segment(folder / "sound.segment", np.empty(0, np.int64))


class Spoiled:
    """The parts of a segment, to be changed and written again."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.directory = deepcopy(segment.file.directory)
        self.sections: dict[str, NDArray[Any]] = {
            name: segment.file.section(name).copy() for name in self.directory.pop("sections")
        }

    def __getitem__(self, section: str) -> NDArray[Any]:
        return self.sections[section]

    def about(self, field: str) -> dict[str, Any]:
        """What the directory says of a field."""
        found: dict[str, Any] = self.directory["fields"][field]
        return found

    def term(self, field: str, key: bytes) -> int:
        """The ordinal of a term."""
        return next(iter(self.segment.terms_with_prefix(field, key.decode())))

    def row(self, field: str, key: bytes) -> tuple[int, ...]:
        """Where the parts of its list are."""
        found = self.segment.term_list(field, key)
        assert found
        return found.row

    def write(self, path: Path) -> Segment:
        """The segment, opened."""
        with SegmentWriter(path) as file:
            for name, section in self.sections.items():
                file.append(name, section)
            file.describe(**self.directory)
        return Segment(path, np.empty(0, np.int64))


def _add(section: str, at: int, number: int) -> Callable[[Spoiled], None]:
    """Add a number to one entry of a section."""

    def spoil(spoiled: Spoiled) -> None:
        spoiled[section][at] += spoiled[section].dtype.type(number)

    return spoil


def _swap(section: str) -> Callable[[Spoiled], None]:
    """Let two entries that differ, one after the other, change places."""

    def spoil(spoiled: Spoiled) -> None:
        entries = spoiled[section]
        at = int((entries[1:] != entries[:-1]).argmax())
        entries[[at, at + 1]] = entries[[at + 1, at]]

    return spoil


def _shorten(section: str) -> Callable[[Spoiled], None]:
    """Leave its last entry out."""
    return lambda spoiled: spoiled.sections.update({section: spoiled[section][:-1]})


def _say(field: str, **about: Any) -> Callable[[Spoiled], None]:
    """Let the directory say something else of a field."""
    return lambda spoiled: spoiled.about(field).update(about)


def _of_term(section: str, field: str, key: bytes, change: Callable[[Any], Any]) -> Callable[[Spoiled], None]:
    """Change what a section has for a term."""

    def spoil(spoiled: Spoiled) -> None:
        at = spoiled.term(field, key)
        spoiled[section][at] = change(spoiled[section][at])

    return spoil


def _word(
    field: str, key: bytes, part: int, offset: int, change: Callable[[np.uint64], np.uint64]
) -> Callable[[Spoiled], None]:
    """Change a word of a list, counted from the beginning of one of its parts."""

    def spoil(spoiled: Spoiled) -> None:
        at = spoiled.row(field, key)[part] + offset
        spoiled["postings"][at] = change(spoiled["postings"][at])

    return spoil


def _gaps(bit: int, field: str = "body", key: bytes = b"quorum") -> Callable[[Spoiled], None]:
    """Flip a bit of the gaps of a term."""

    def spoil(spoiled: Spoiled) -> None:
        row = spoiled.row(field, key)
        place = int(spoiled["postings"][row[AREA] + 1]) & (1 << 40) - 1
        spoiled["postings"][row[DATA] + place] ^= np.uint64(1 << bit)

    return spoil


def _negative(spoiled: Spoiled) -> None:
    """The frequencies of "quorum" add up, but only because the first is too large for 32 bits."""
    row, words = spoiled.row("body", b"quorum"), spoiled["postings"]
    header = int(words[row[AREA] + 1])
    doc_bits = 2 * (header >> 40 & 31)
    differences = int(words[row[DATA]]) & (1 << doc_bits) - 1
    numbers = differences | (2**31 - 1 | 2**31 - 2 << 31 | 3 << 62) << doc_bits
    words[row[AREA] + 1] = header & ~(31 << 45) | 31 << 45
    words[row[DATA] : row[DATA] + 2] = numbers & 2**64 - 1, numbers >> 64


def _moved_bit(spoiled: Spoiled) -> None:
    """A dense list's last article becomes one that is not there."""
    bitmap, size = spoiled.row("text", b"reform")[BITMAP], spoiled.segment.size
    docs, _tfs = spoiled.segment.read(spoiled.segment.list_at(spoiled.term("text", b"reform")))
    spoiled["postings"][bitmap + (docs[-1] >> 6)] ^= np.uint64(1 << (docs[-1] & 63))
    spoiled["postings"][bitmap + (size >> 6)] ^= np.uint64(1 << (size & 63))


def _nowhere(spoiled: Spoiled) -> None:
    """The data of "quorum" is far behind the end, and so is the list after it."""
    spoiled["postings"][spoiled.row("body", b"quorum")[AREA]] ^= np.uint64(0xFFFF_FFFF << 32)
    spoiled["areas"][spoiled.term("body", b"quorum") + 1] += np.uint64(1 << 40)


def _lower(spoiled: Spoiled) -> None:
    """Of a list of several blocks, lower the bound of one that is not the largest."""
    row, words = spoiled.row("body", b"reform"), spoiled["postings"]
    headers = [row[AREA] + 2 * block + 1 for block in range(row[2])]
    lowest = min(headers, key=lambda at: int(words[at] >> np.uint64(55)))
    assert words[lowest] >> np.uint64(55) < max(words[at] >> np.uint64(55) for at in headers)
    words[lowest] -= np.uint64(1 << 55)


def _lengths(spoiled: Spoiled) -> None:
    """One text is a word longer, the longest a word shorter, for which bounds are high enough."""
    lengths = spoiled["column/text_length"]
    longest = int(lengths.argmax())
    lengths[0] += np.uint32(1)
    lengths[longest] -= np.uint32(1)


def _swap_keys(spoiled: Spoiled) -> None:
    """The two last terms of a field."""
    last = spoiled.about("language")["terms"][1] - 1
    first, middle, end = spoiled["key_ends"][last - 2 : last + 1].tolist()
    keys = spoiled["keys"]
    keys[first:end] = np.concatenate([keys[middle:end], keys[first:middle]])
    spoiled["key_ends"][last - 1] = first + end - middle


def _flip(bits: int) -> Callable[[np.uint64], np.uint64]:
    return lambda word: word ^ np.uint64(bits)


_FOUND: dict[str, dict[str, Callable[[Spoiled], None]]] = {
    r"the list of b'.*' in \w+ makes no sense": {
        "another total": _add("totals", 0, 1),
        "a list of nothing": _of_term("dfs", "author", "élodi".encode(), lambda _df: 0),
        "more articles than there are": _of_term("dfs", "body", b"quorum", lambda _df: 604),
        "more than could be": _of_term("dfs", "body", b"quorum", lambda _df: 2**32 - 1),
        "one article more": _of_term("dfs", "body", b"quorum", lambda df: df + 1),
        "lists in disorder": _swap("areas"),
        "a list behind the end": _of_term("areas", "body", b"quorum", lambda area: area + np.uint64(1 << 40)),
        "keys in disorder": _swap_keys,
        "data elsewhere": _word("body", b"quorum", AREA, 0, _flip(0xFFFF_FFFF << 32)),
        "gaps elsewhere": _word("body", b"quorum", AREA, 1, _flip((1 << 40) - 1)),
        "wide numbers": _word("body", b"quorum", AREA, 1, _flip(31 << 45)),
        "wide gaps": _word("body", b"quorum", AREA, 1, _flip(29 << 50)),
        "another last docnum": _word("body", b"quorum", AREA, 0, lambda word: word & ~np.uint64(0xFFFF_FFFF)),
        "a frequency that is none": _negative,
        "a docnum that is not there": _word("body", b"quorum", AREA, 0, lambda word: word + np.uint64(1000)),
        "another last docnum of a bitmap": _word("text", b"reform", AREA, 6, lambda word: word + np.uint64(1)),
        "a bit too many": _word("text", b"reform", BITMAP, 0, _flip(1)),
        "a bit that is not there": _moved_bit,
        "another rank": _word("text", b"reform", RANKS, 0, _flip(1 << 32)),
    },
    "the bounds of b'.*' in text are not those of its postings": {
        "the largest is too low": _of_term("areas", "text", b"quorum", lambda area: area - np.uint64(1 << 48)),
        "the largest is too high": _of_term("areas", "text", b"quorum", lambda area: area + np.uint64(1 << 48)),
    },
    "the bounds of b'.*' in body are not those of its postings": {"too low for its block": _lower},
    "the bounds of b'sport' in section are not those of its postings": {
        "a field that is not scored": _word("section", b"sport", AREA, 1, lambda word: word - np.uint64(1 << 55)),
    },
    "the lengths of text do not add up": {"another sum": _add("column/text_length", 0, 1), "the same sum": _lengths},
    "the lengths of author do not add up": {"another sum": _add("column/author_length", 0, 1)},
    "a position in body lies outside its article": {"behind its end": _gaps(4)},
    "the positions of body do not add up": {"that of another word": _gaps(0)},
    "the positions of heading do not add up": {"that of another word": _gaps(0, "heading", b"reform")},
    "heading has an average, and is not scored": {"one": _say("heading", average=1.0)},
    "the average of text is not that of its lengths": {"too low": _say("text", average=1.0)},
    "the bounds of .* in text are not those of its postings": {"an average too high": _say("text", average=1e6)},
    "text has no average": {"none": _say("text", average=None), "nothing": _say("text", average=0.0)},
    "tag has an average, and is not scored": {"one": _say("tag", average=1.0)},
    "the values of section are not those of its lists": {
        "in disorder": _swap("value/section"),
        "missing": _shorten("value/section"),
    },
    "the values of tag are not those of its lists": {
        "in disorder": _swap("value/tag"),
        "ends in disorder": _add("value_ends/tag", 0, 1),
        "missing": _shorten("value/tag"),
    },
    "its articles are out of order": {
        "times": _swap("column/published_ms"),
        "hashes": _swap("column/hash"),
    },
    "the directory is wrong about body": {
        "positions": _say("body", positions=False),
        "terms left out": lambda spoiled: spoiled.about("body")["terms"].__setitem__(0, 0),
    },
    "its fields are not those of the schema": {
        "one is missing": lambda spoiled: spoiled.directory["fields"].pop("language")
    },
    "dfs has not .* entries": {"missing": _shorten("dfs")},
    "column/status has not 603 entries": {"missing": _shorten("column/status")},
    "key_ends makes no sense": {"in disorder": _swap("key_ends")},
    "stored_ends makes no sense": {"behind the end": _add("stored_ends", -1, 1)},
}
_CASES = [
    pytest.param(problem, spoil, id=f"{problem}: {what}")
    for problem, spoils in _FOUND.items()
    for what, spoil in spoils.items()
]


def test_a_sound_segment_passes(sound: Segment, tmp_path: Path) -> None:
    """Also when it was written part by part; it has lists of every kind."""
    check_lists(Spoiled(sound).write(tmp_path / "same.segment"))
    rows = [sound.list_at(term).row for term in range(len(sound.dfs))]
    assert max(row[BLOCKS] for row in rows) > 2
    assert {row[BITMAP] >= 0 for row in rows} == {True, False}


@pytest.mark.parametrize(("problem", "spoil"), _CASES)
def test_nonsense_is_found(sound: Segment, tmp_path: Path, problem: str, spoil: Callable[[Spoiled], None]) -> None:
    """Each part of a segment is held to the others; the error says what is wrong, where, and what to do."""
    spoiled = Spoiled(sound)
    spoil(spoiled)
    segment = spoiled.write(tmp_path / "0.segment")
    with pytest.raises(CorruptFile, match=rf"0\.segment: {problem}; build the index again"):
        check_lists(segment)


@pytest.mark.parametrize("chunk", [1, 100, 5000])
def test_however_much_is_read_at_once(
    sound: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """One term at a time or many: the same is found."""
    monkeypatch.setattr(lists, "CHUNK_OCCURRENCES", chunk)
    check_lists(sound)
    for at, spoil in enumerate((_lower, _gaps(0), _gaps(4), _nowhere, _swap("value/tag"))):
        spoiled = Spoiled(sound)
        spoil(spoiled)
        with pytest.raises(CorruptFile):
            check_lists(spoiled.write(tmp_path / f"{at}.segment"))


def test_bounds_may_be_too_high(sound: Segment, tmp_path: Path) -> None:
    """They cost time then, and no answer."""
    spoiled = Spoiled(sound)
    spoiled["postings"][spoiled.row("body", b"quorum")[AREA] + 1] += np.uint64(1 << 55)
    spoiled["areas"][spoiled.term("body", b"quorum")] += np.uint64(1 << 48)
    check_lists(spoiled.write(tmp_path / "0.segment"))
