"""Projection: exactly once, complete or invisible, whatever dies in between."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.builder import BuildJob, Built, InlineBuilder, Progress
from indexer.builder_processes import ProcessBuilder
from indexer.events import LogError, Submission
from indexer.log import log_path
from indexer.projection import MiscountError, advance_statistics, statistics_due
from indexer.publisher import IndexerLock, Retention
from partition.manifest import (
    EMPTY_GENERATION,
    Layout,
    RootManifest,
    encode_manifest,
)
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics
from partition.types import Article
from tests.small_index import SmallIndex, article, contents, expected, files_of, named, newest, titles, tree

FIRST = [article(f"a/{number}", f"Title {number}", body="of the first day " * number) for number in range(8)]
CORRECTED = [replace(one, title=one.title + " corrected") for one in FIRST[:3]]
LATER = [article(f"b/{number}", body="of a later day") for number in range(4)]


def test_an_epoch_is_the_log_so_far(tmp_path: Path) -> None:
    """Each epoch holds exactly what the log held, and says how far it goes."""
    with SmallIndex(tmp_path) as index:
        index.put(*FIRST)
        first = index.publish()
        index.clock.pass_s(1)
        index.put(*CORRECTED, *LATER)
        index.withdraw("a/7")
        second = index.publish()
        assert (first.epoch, second.epoch) == (1, 2)
        assert (first.applied_seq, second.applied_seq) == (8, 16)
        assert second.indexed_through_ms == second.published_ms == index.clock.now_ms
        assert first.indexed_through_ms == index.clock.now_ms - 1000
    assert titles(tmp_path, 1) == expected(*FIRST)
    assert titles(tmp_path, 2) == expected(*FIRST[3:7], *CORRECTED, *LATER)
    stored = contents(tmp_path)["a/0"]
    assert (stored["version"], stored["indexed_ms"]) == (2, second.published_ms)
    assert stored["authors"] == []
    assert asdict(CORRECTED[0]).items() <= {**stored, "authors": (), "tags": ()}.items()


def _files(root: Path) -> dict[Path, tuple[int, int, int]]:
    """What tells whether a file was written, or replaced; not when it was last read."""
    found = {path: path.stat() for path in root.glob("[eps]*/**/*")}
    return {path: (status.st_ino, status.st_size, status.st_mtime_ns) for path, status in found.items()}


def test_nothing_new_is_no_epoch(tmp_path: Path) -> None:
    """Publishing again, also by another process, changes no file."""
    with SmallIndex(tmp_path) as index:
        assert index.publish().epoch == 0, "an empty log publishes nothing"
        index.put(*FIRST)
        index.publish()
        before = _files(tmp_path)
        assert index.publish().epoch == 1
    with SmallIndex(tmp_path) as index:
        assert index.publish().epoch == 1
    assert _files(tmp_path) == before


def test_partitions_without_news_stay_as_they_are(tmp_path: Path) -> None:
    """A generation is made only where something changed."""
    with SmallIndex(tmp_path, partitions=8) as index:
        index.put(*FIRST)
        before = index.publish()
        index.put(LATER[0])
        after = index.publish()
    changed = [at for at in range(8) if before.partitions[at] != after.partitions[at]]
    assert len(changed) == 1
    assert EMPTY_GENERATION in after.partitions


def test_a_merge_changes_no_article(tmp_path: Path) -> None:
    """Merging publishes an epoch of one segment a partition, without tombstones, with the same articles."""
    with SmallIndex(tmp_path, partitions=2, retention=Retention(seconds=0)) as index:
        for batch in ([article(f"c/{number}") for number in range(60)], LATER, [article("c/0", "Corrected")]):
            index.put(*batch)
            ragged = index.publish()
        stored = contents(tmp_path)
        merged = index.publish(merge=True)
    assert max(record.segments for record in ragged.partitions) > 1
    assert sum(record.tombstones for record in ragged.partitions) == 1
    assert all((record.segments, record.tombstones) == (1, 0) for record in merged.partitions)
    assert contents(tmp_path) == stored


def test_epochs_never_change(tmp_path: Path) -> None:
    """No byte of an epoch's files differs after later epochs, corrections, withdrawals and merges."""
    hashes: dict[Path, str] = {}

    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    with SmallIndex(tmp_path) as index:
        steps: list[Callable[[], object]] = [
            lambda: index.put(*FIRST),
            lambda: index.put(*CORRECTED, *LATER),
            index.log.append_statistics,
            lambda: index.withdraw(*(one.id for one in FIRST)),
            lambda: index.put(*FIRST),
        ]
        for merge in (False, True):
            for step in steps:
                step()
                manifest = index.publish(merge=merge)
                hashes |= {path: digest(path) for path in files_of(tmp_path, manifest)}
    assert len(Layout(tmp_path).published_epochs()) == newest(tmp_path).epoch > 10
    assert {path: digest(path) for path in hashes} == hashes


def _statistics(root: Path, manifest: RootManifest) -> Statistics:
    return Statistics(Layout(root).statistics / manifest.statistics_file.name)


@settings(max_examples=12, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.lists(st.sampled_from([*FIRST, *CORRECTED, *LATER]), min_size=1, max_size=4),
            st.sampled_from([one.id for one in FIRST]),
            st.just("freeze"),
        ),
        max_size=8,
    ),
    moments=st.sets(st.integers(0, 8)),
    merging=st.booleans(),
)
def test_statistics_are_frozen_where_the_log_says(
    steps: list[list[Article] | str], moments: set[int], *, merging: bool
) -> None:
    """Whenever one publishes, and however it is partitioned and merged, statistics are those of the event."""
    with tempfile.TemporaryDirectory() as folder:
        often = SmallIndex(Path(folder, "often"), partitions=3)
        once = SmallIndex(Path(folder, "once"), partitions=1)
        with often, once:
            live: dict[str, Article] = {}
            frozen: list[tuple[int, int]] = [(0, 0)]
            for at, step in enumerate(steps):
                for index in (often, once):
                    if step == "freeze":
                        index.log.append_statistics()
                    elif isinstance(step, str):
                        index.withdraw(step)
                    else:
                        index.put(*step)
                if step == "freeze":
                    frozen.append((often.log.last_seq(), len(live)))
                elif isinstance(step, str):
                    live.pop(step, None)
                else:
                    live |= {one.id: one for one in step}
                if at in moments:
                    often.publish(merge=merging)
            last = [often.publish(), once.publish()]
            for index, manifest in zip((often, once), last, strict=True):
                assert manifest.statistics_epoch == len(frozen) - 1
                statistics = _statistics(index.root, manifest)
                assert (statistics.through_seq, statistics.articles) == frozen[-1]
            assert last[0].statistics_file == last[1].statistics_file
            if last[1].epoch:
                assert titles(often.root) == titles(once.root) == expected(*live.values())


def test_statistics_count_live_articles(tmp_path: Path) -> None:
    """Corrected and withdrawn articles do not count, although their postings may still be there."""
    with SmallIndex(tmp_path, partitions=2) as index:
        index.put(*(article(f"{at}", body="storm") for at in range(40)))
        index.publish()
        index.put(*(article(f"{at}", body="harvest") for at in range(2)))
        index.withdraw("2", "3", "4")
        tombstones = sum(record.tombstones for record in index.publish().partitions)
        seq = index.log.append_statistics()
        manifest = index.publish()
    statistics = _statistics(tmp_path, manifest)
    assert tombstones > 0
    assert (statistics.articles, statistics.through_seq) == (37, seq)
    assert (statistics.df("body", "storm"), statistics.df("body", "harvest")) == (35, 2)
    assert statistics.total_lengths == {"text": 2 * 74 + 37, "title": 74, "body": 37, "author": 0}
    assert set(TEXT_FIELDS) == set(statistics.total_lengths)


def test_statistics_advance_with_growth(tmp_path: Path) -> None:
    """They are frozen with the first article, then when a tenth came or went, and not again without news."""
    assert [live for live in range(90, 112) if statistics_due(live, 100)] == [90, 110, 111]
    assert not statistics_due(0, 0)
    assert statistics_due(1, 0)
    assert statistics_due(0, 1)
    with SmallIndex(tmp_path) as index:
        for count in (0, 20, 21, 22, 22):
            index.put(*(article(str(at)) for at in range(count)))
            advance_statistics(index.log)
        assert index.log.statistics_events(0, 100) == [(21, 20), (24, 22)]


def test_a_failed_build_publishes_nothing(tmp_path: Path) -> None:
    """An error in one partition leaves the epoch before, and the next run starts over."""
    with SmallIndex(tmp_path) as index:
        index.put(*FIRST)
        index.publish()

    def failing(jobs: Sequence[BuildJob], progress: Progress) -> list[Built]:
        InlineBuilder()(jobs[:-1], progress)
        raise OSError("no space left")

    with SmallIndex(tmp_path, builder=failing) as index:
        index.put(*CORRECTED, *LATER)
        with pytest.raises(OSError, match="no space left"):
            index.publish()
        assert titles(tmp_path) == expected(*FIRST)
    with SmallIndex(tmp_path) as index:
        assert tree(tmp_path) - {"log.sqlite-wal", "log.sqlite-shm"} == named(tmp_path)
        assert index.publish().epoch == 2
    assert titles(tmp_path) == expected(*FIRST[3:], *CORRECTED, *LATER)


@pytest.mark.parametrize("more", [-1, 1])
def test_an_epoch_that_is_not_what_the_log_says_is_refused(tmp_path: Path, more: int) -> None:
    """An article too few or too many: the epoch before stays, and nothing is left of what was built."""

    def wrong(jobs: Sequence[BuildJob], progress: Progress) -> list[Built]:
        first, *others = InlineBuilder()(jobs, progress)
        return [first._replace(record=replace(first.record, articles=first.record.articles + more)), *others]

    with SmallIndex(tmp_path) as index:
        index.put(*FIRST)
        index.publish()
    with SmallIndex(tmp_path, builder=wrong) as index:
        index.put(*CORRECTED, *LATER)
        says = rf"epoch 2 would show {12 + more} articles, but after event 15 the log has 12, of which 0 are parked"
        with pytest.raises(MiscountError, match=says):
            index.publish()
        assert titles(tmp_path) == expected(*FIRST)
    with SmallIndex(tmp_path) as index:
        assert tree(tmp_path) - {"log.sqlite-wal", "log.sqlite-shm"} == named(tmp_path)
        assert index.publish().epoch == 2
    assert titles(tmp_path) == expected(*FIRST[3:], *CORRECTED, *LATER)


def test_what_was_taken_down_since_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a state of before, made anew, of which the text is gone; but no more than that."""
    with SmallIndex(tmp_path) as index:
        index.put(*FIRST)
        index.log.append_statistics()
        index.log.append([Submission(FIRST[0].id, None, b"", "takedown")])
        index.log._db.execute("UPDATE event SET body = NULL WHERE article_id = ?", (FIRST[0].id,))
        manifest = index.projector.project(9)
        assert (manifest.applied_seq, manifest.articles) == (9, 7)
        assert index.publish().articles == 7
        monkeypatch.setattr(index.log, "taken_down", lambda _after: 5)
        index.put(*LATER)
        monkeypatch.setattr(index.log, "live_articles", lambda through: 17 if through == 14 else 0)
        with pytest.raises(MiscountError, match="would show 11 articles, but after event 14 the log has 17"):
            index.publish()
        monkeypatch.setattr(index.log, "live_articles", lambda through: 16 if through == 14 else 0)
        assert index.publish().articles == 11


def test_builders_in_processes_are_the_same(tmp_path: Path) -> None:
    """Several builder processes give the articles that one process gives, and tell how far they are.

    The same processes serve one epoch after the other, and end before the lock is let go.
    """
    told: list[int] = []
    many = [article(f"c/{number}") for number in range(120)]
    with (
        IndexerLock(tmp_path) as lock,
        ProcessBuilder(2, lock.handle) as builder,
        SmallIndex(tmp_path, builder=builder) as index,
    ):
        before = _children()
        index.put(*many[:60])
        index.projector.project(progress=told.append)
        builders = _children() - before
        assert len(builders) == 2
        index.put(*many[60:])
        index.projector.project(progress=told.append)
        assert _children() - before == builders
    assert not _children() & builders
    assert titles(tmp_path) == expected(*many)
    assert sum(told) == 120


def _children() -> set[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return {child for path in lists for child in path.read_text().split()}


def test_another_log_is_refused(tmp_path: Path) -> None:
    """A log that ends before the epoch was lost or replaced: nothing is written over what is there."""
    with SmallIndex(tmp_path) as index:
        index.put(*FIRST)
        index.publish()
    log_path(tmp_path).rename(tmp_path / "elsewhere")
    with pytest.raises(LogError, match=r"the event log ends before epoch 1, .*; restore the log"):
        SmallIndex(tmp_path)
    assert titles(tmp_path) == expected(*FIRST)


def test_other_rules_are_refused(tmp_path: Path) -> None:
    """An archive that was routed or analysed in another way must not be extended."""
    with SmallIndex(tmp_path) as index:
        index.put(*FIRST)
        manifest = index.publish()
        other = replace(manifest, schema_version=manifest.schema_version + 1)
        index.layout.manifest(1).write_bytes(encode_manifest(other))
        with pytest.raises(LogError, match="indexed under other rules"):
            index.publish()
