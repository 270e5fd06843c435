"""Merging in the background where something fails: nothing is left behind, and it is tried again if that helps.

Not here: what is merged (`tests/partition/test_merge_aside.py`), deaths (`tests/broadsheet/live_kill_harness.py`).
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer import merging
from indexer.builder import InlineBuilder
from indexer.merging import AGAIN_S, BackgroundMerger
from indexer.projection import MANY_SEGMENTS, Projector
from indexer.publisher import Retention
from partition.errors import CorruptFile
from partition.merge_aside import merge_aside
from tests.small_index import SmallIndex, article, contents


class Merged:
    """An archive of one partition with many small segments, its merger and a clock."""

    def __init__(self, index: SmallIndex, merger: BackgroundMerger, projector: Projector) -> None:
        self.index, self.merger, self.projector = index, merger, projector
        self.now_s = 0.0
        self.attempts = 0
        self.error: Exception | None = None
        self.left: list[Path] = []

    def merge_aside(self, *given: Any, writing: Callable[[Path], None], **named: Any) -> Any:
        """The real thing, or half a file and an error."""
        self.attempts += 1
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
    monkeypatch.setattr("indexer.projection.MERGE_AT_MOST", 0)
    monkeypatch.setattr(merging, "MERGE_AT_MOST", 0)
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


def test_segments_stay_bounded_where_merging_does_not_keep_up(merged: Merged) -> None:
    """Then they are merged while the epoch is made; nothing is missing."""
    merged.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # it never comes to anything
    rounds = MANY_SEGMENTS + 5
    segments = [merged.round() for _round in range(rounds)]
    assert max(segments) == MANY_SEGMENTS
    assert segments[-1] < 10
    assert len(contents(merged.index.root)) == rounds
