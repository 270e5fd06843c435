"""Rebuilding: the log alone gives the same answers, and nobody sees anything of it before it is done."""

import shutil
from pathlib import Path

import pytest

from indexer.events import LogError
from indexer.projection import advance_statistics
from partition.manifest import Layout, RootManifest
from partition.statistics import Statistics, TermCounts
from tests.commands import run
from tests.small_index import SmallIndex, article, contents, files_of, named, newest, tree

ARTICLES = [article(f"a/{number}", f"Title {number}", body=f"word{number % 7} said so") for number in range(120)]


def _full(root: Path) -> RootManifest:
    """An archive with a past: corrections, withdrawals, statistics, a reshard, a takedown that was purged."""
    with SmallIndex(root, partitions=3) as index:
        for at in range(0, 120, 40):
            index.put(*ARTICLES[at : at + 40])
            advance_statistics(index.log)
            index.publish()
        index.put(*(article(one.id, one.title + " corrected") for one in ARTICLES[:9]))
        index.withdraw("a/10", "a/11")
        index.log.append_reshard(5)
        index.publish()
        index.take_down("a/20")
        index.log.destroy("a/20")
        index.projector.purge()
        index.put(article("last"))
        return index.publish()


def _answering(root: Path) -> tuple[dict[str, object], list[object]]:
    """All that answers are made of: what is stored, and the statistics."""
    manifest = newest(root)
    statistics = Statistics(root / "statistics" / manifest.statistics_file.name)
    counts = [tuple(part.tolist() for part in (one.keys, one.ends, one.dfs)) for one in _counts(statistics)]
    return dict(contents(root)), [statistics.articles, statistics.through_seq, statistics.total_lengths, counts]


def _counts(statistics: Statistics) -> list[TermCounts]:
    return [statistics.counts(name) for name in statistics.total_lengths]


def test_the_same_is_built_again(tmp_path: Path) -> None:
    """One epoch later, from the same sequence, in as many partitions: everything is what it was."""
    before = _full(tmp_path)
    answering, files = _answering(tmp_path), files_of(tmp_path, before)
    with SmallIndex(tmp_path, partitions=5) as index:
        after = index.projector.rebuild()
        assert not set(files_of(tmp_path, after)) & set(files), "beside what there was"
        assert (after.epoch, after.applied_seq) == (before.epoch + 1, before.applied_seq)
        assert _answering(tmp_path) == answering
        assert after.since_seq == after.applied_seq, "earlier states were not built"
        index.projector.purge()
        index.clock.pass_s(60)
        index.projector.tidy()
        index.put(article("later"))
        index.publish()
    assert set(contents(tmp_path)) == {*answering[0], "later"}
    assert {path for path in tree(tmp_path) if "." in path} == {path for path in named(tmp_path) if "." in path}


def test_a_partition_without_articles_is_built_again(tmp_path: Path) -> None:
    """Even where statistics are counted."""
    with SmallIndex(tmp_path, partitions=5) as index:
        index.put(ARTICLES[0])
        index.log.append_statistics()
        index.publish()
        index.projector.rebuild()
    assert contents(tmp_path).keys() == {"a/0"}


def test_without_an_index_there_is_one_from_the_log(tmp_path: Path) -> None:
    """Whatever became of epochs, statistics and partitions."""
    _full(tmp_path)
    answering = _answering(tmp_path)
    for folder in ("epochs", "partitions", "statistics"):
        shutil.rmtree(tmp_path / folder)
    with SmallIndex(tmp_path, partitions=5) as index:
        index.projector.rebuild()
    assert _answering(tmp_path) == answering


def test_nothing_is_seen_of_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old epoch stays the newest, and its files stay."""
    before = _full(tmp_path)
    answering = _answering(tmp_path)
    with SmallIndex(tmp_path, partitions=5) as index:
        with monkeypatch.context() as patched:

            def die(*_arguments: object, **_named: object) -> None:
                raise OSError("the disk is full")

            patched.setattr("indexer.projection.spread", die)
            with pytest.raises(OSError, match="full"):
                index.projector.rebuild()
        assert newest(tmp_path) == before
        assert _answering(tmp_path) == answering
        assert index.projector.rebuild().epoch == before.epoch + 1
    assert _answering(tmp_path) == answering


def test_a_damaged_index_is_built_again(tmp_path: Path) -> None:
    """Whichever of its files is damaged: the log is what it is made from."""
    manifest = _full(tmp_path)
    answering = _answering(tmp_path)
    for path in files_of(tmp_path, manifest)[1:]:
        path.write_bytes(b"?" * 100)
    assert run("rebuild", "--data", tmp_path).returncode == 0
    assert _answering(tmp_path) == answering


def test_an_empty_log_builds_nothing(tmp_path: Path) -> None:
    """It says so."""
    with SmallIndex(tmp_path) as index, pytest.raises(LogError, match="empty"):
        index.projector.rebuild()


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_a_manifest_that_nobody_can_read_is_no_hindrance(tmp_path: Path, content: bytes) -> None:
    """Also the only one: what it named goes, once the new epoch is there."""
    before = _full(tmp_path)
    answering = _answering(tmp_path)
    layout = Layout(tmp_path)
    for epoch in layout.published_epochs()[:-1]:
        layout.manifest(epoch).unlink()
    layout.manifest(before.epoch).write_bytes(content)
    assert run("rollback", "--data", tmp_path).stderr.rstrip().endswith("broadsheet rebuild")
    rebuilt = run("rebuild", "--data", tmp_path)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert layout.published_epochs() == [before.epoch + 1]
    assert _answering(tmp_path)[0] == answering[0]
    with SmallIndex(tmp_path, partitions=5) as index:
        index.put(article("later"))
        index.publish()
    assert set(contents(tmp_path)) == {*answering[0], "later"}
