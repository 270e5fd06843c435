"""Tombstones as arrays, and as the dictionary that they stand for."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partition.tombstones import ERASED, NONE, Tombstones, in_order, read_tombstones, write_tombstones

_deleted = st.dictionaries(st.integers(0, 20), st.integers(ERASED, 9))


def _of(deleted: dict[int, int]) -> Tombstones:
    return in_order(np.array([*deleted], np.int64), np.array([*deleted.values()], np.int64))


def _as_dict(some: Tombstones) -> dict[int, int]:
    assert (np.diff(some.docnums) > 0).all(), "ascending, each once"
    return dict(zip(some.docnums.tolist(), some.seqs.tolist(), strict=True))


@given(first=_deleted, more=_deleted)
def test_they_are_a_dictionary(first: dict[int, int], more: dict[int, int]) -> None:
    """Looked up, added to, and asked for what was deleted by a sequence."""
    some = _of(first)
    assert _as_dict(some) == first
    assert [some.seq_of(docnum) for docnum in range(22)] == [first.get(docnum) for docnum in range(22)]
    assert _as_dict(some.with_more(more)) == {**first, **more}
    for seq in range(11):
        assert some.until(seq).tolist() == sorted(docnum for docnum, found in first.items() if found <= seq)


def test_they_come_back_from_a_file(tmp_path: Path) -> None:
    """Also an odd number of them, and none."""
    for at, some in enumerate((NONE, _of({3: 7, 1: ERASED, 9: 2}))):
        path = tmp_path / str(at)
        seal = write_tombstones(path, some).seal
        assert _as_dict(read_tombstones(path, seal=seal)) == _as_dict(some)
