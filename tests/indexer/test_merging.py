"""Merging in the background where something fails: nothing is left behind, and it is tried again if that helps.

Not here: what is merged (`tests/partition/test_merge_aside.py`), deaths (`tests/broadsheet/live_kill_harness.py`).
"""

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer import merging
from indexer.builder import InlineBuilder
from indexer.merging import AGAIN_S, MANY_SEGMENTS, MORE_SEGMENTS, NICE, SMALL, BackgroundMerger, small
from indexer.projection import MERGE_EVERY, Projector
from indexer.publisher import Retention
from partition.errors import CorruptFile
from partition.format import MAX_ARTICLES
from partition.merge_aside import merge_aside
from partition.merge_policy import FACTOR
from tests.small_index import SmallIndex, article, contents


class Merged:
    """An archive of one partition with many small segments, its merger and a clock."""

    def __init__(self, index: SmallIndex, merger: BackgroundMerger, projector: Projector) -> None:
        self.index, self.merger, self.projector = index, merger, projector
        self.now_s = 0.0
        self.attempts = 0
        self.error: Exception | None = None
        self.left: list[Path] = []
        self.nice: list[int] = []

    def merge_aside(self, *given: Any, writing: Callable[[Path], None], **named: Any) -> Any:
        """The real thing, or half a file and an error."""
        self.attempts += 1
        self.nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        if self.error is None:
            return merge_aside(*given, writing=writing, **named)
        left = given[0] / "0000000001-000-0000000009.segment"
        writing(left)
        left.write_bytes(b"half")
        self.left.append(left)
        raise self.error

    def round(self) -> int:
        """One more article; how many segments there are then."""
        number = self.index.log.last_seq()
        self.index.put(article(f"a/{number}", f"Title {number}"))
        manifest = self.projector.project()
        if self.merger._merging:
            self.merger._merging.result(60)
        return manifest.partitions[0].segments


@pytest.fixture
def merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Merged]:
    """Everything is merged aside, or not at all."""
    monkeypatch.setattr(merging, "SMALL", 0)
    with SmallIndex(tmp_path, partitions=1) as index, BackgroundMerger(tmp_path) as merger:
        projector = Projector(
            tmp_path, index.log, InlineBuilder(), retention=Retention(seconds=0), merger=merger, now_ms=index.clock
        )
        made = Merged(index, merger, projector)
        monkeypatch.setattr(merging, "merge_aside", made.merge_aside)
        monkeypatch.setattr("time.monotonic", lambda: made.now_s)
        yield made


def test_a_full_disk_puts_merging_off(merged: Merged) -> None:
    """For a while, not for good; half a file is gone at once, and nothing is missing then."""
    merged.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for segments in range(1, 6):
        assert merged.round() == segments
    assert merged.attempts == 1
    assert [path.exists() for path in merged.left] == [False]
    merged.error = None
    merged.round()
    assert merged.attempts == 1
    merged.now_s = AGAIN_S
    merged.round()
    assert merged.attempts == 2
    assert merged.round() < 6
    assert len(contents(merged.index.root)) == 8


def test_a_damaged_file_ends_merging_of_its_partition(merged: Merged) -> None:
    """Another attempt would find it again."""
    merged.error = CorruptFile(Path("x"), "the checksum does not match", "build it again")
    merged.round()
    merged.error = None
    merged.now_s = 100 * AGAIN_S
    for _round in range(6):
        merged.round()
    assert merged.attempts == 1


def test_segments_stay_bounded_where_merging_does_not_keep_up(
    merged: Merged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then they are merged while the epoch is made, once they count as small; nothing is missing."""
    monkeypatch.setattr(merging, "SMALL", FACTOR**-2)
    merged.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # it never comes to anything
    many = MANY_SEGMENTS + MORE_SEGMENTS
    segments = [merged.round() for _round in range(many + 2 * MERGE_EVERY)]
    assert many <= max(segments) < many + MERGE_EVERY
    assert segments[-1] < 10
    assert len(contents(merged.index.root)) == len(segments)


def test_small_segments_are_left_to_epochs(merged: Merged, monkeypatch: pytest.MonkeyPatch) -> None:
    """The background touches none of them."""
    monkeypatch.setattr(merging, "SMALL", 1)
    monkeypatch.setattr("indexer.projection.MERGE_EVERY", 1000)
    assert [merged.round() for _round in range(2 * FACTOR)] == list(range(1, 2 * FACTOR + 1))
    assert merged.attempts


def test_epochs_merge_now_and_then(merged: Merged, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of `MERGE_EVERY` generations of a partition."""
    monkeypatch.setattr(merging, "SMALL", SMALL)
    between = list(range(2, MERGE_EVERY + 1))
    assert [merged.round() for _round in range(3 * MERGE_EVERY)] == [1, 2, 3, 1, *between, 1, *between, 1]


def test_what_is_small_depends_on_how_many_there_are() -> None:
    """Never more than a segment can hold."""
    some = [small(segments) for segments in range(MANY_SEGMENTS + 2 * MORE_SEGMENTS)]
    assert some == [SMALL] * MANY_SEGMENTS + [SMALL * FACTOR] * MORE_SEGMENTS + [SMALL * FACTOR**2] * MORE_SEGMENTS
    assert small(1000) == MAX_ARTICLES


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux only")
def test_merging_gives_way_until_there_are_many_segments(merged: Merged) -> None:
    """Then it has to come to an end."""
    for _round in range(MANY_SEGMENTS + 2):
        merged.round()
        merged.now_s += AGAIN_S
        merged.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert set(merged.nice[: MANY_SEGMENTS - 1]) == {NICE}
    assert merged.nice[-1] == 0
