"""Parking: an event that cannot be applied is put aside, told, and replaced by the next one of its article.

Bodies are damaged in the log itself; what an article sets off while it is indexed is a fault, and so a double.
"""

import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import parking
from indexer.builder_processes import ProcessBuilder
from indexer.events import Submission
from indexer.log import log_path
from indexer.publisher import IndexerLock
from partition.build import SegmentBuilder
from partition.changes import Put
from partition.types import Article
from tests.small_index import SmallIndex, article, contents, expected, newest, titles

ARTICLES = [article(f"a/{number}", f"Title {number}") for number in range(200)]
POISON = "a/77"


def _damage(root: Path, article_id: str, body: str = "x'01'") -> None:
    with sqlite3.connect(log_path(root)) as log:
        log.execute(f"UPDATE event SET body = {body} WHERE article_id = ?", (article_id,))  # noqa: S608 - our own words
    log.close()


def _parked(root: Path) -> dict[str, str]:
    return {one.article_id: one.reason for one in newest(root).parked}


@pytest.mark.parametrize("processes", [False, True])
def test_a_damaged_body_is_parked_alone(tmp_path: Path, *, processes: bool) -> None:
    """Everything else is applied, also in later epochs; a correction takes its place."""
    with (
        IndexerLock(tmp_path) as lock,
        ProcessBuilder(1, lock.handle) as builder,
        SmallIndex(tmp_path, builder=builder if processes else None) as index,
    ):
        index.put(*ARTICLES[:100])
        _damage(tmp_path, POISON)
        index.publish()
        assert contents(tmp_path).keys() == {one.id for one in ARTICLES[:100]} - {POISON}
        assert list(_parked(tmp_path)) == [POISON]
        assert "damaged" in _parked(tmp_path)[POISON]
        index.put(*ARTICLES[100:])
        index.publish()
        assert list(_parked(tmp_path)) == [POISON]
        assert len(contents(tmp_path)) == 199
        index.put(replace(ARTICLES[77], title="Corrected"))
        index.publish()
        assert not _parked(tmp_path)
        assert contents(tmp_path)[POISON]["title"] == "Corrected"


@pytest.fixture
def _poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    add = SegmentBuilder.add

    def fails(builder: SegmentBuilder, put: Put) -> None:
        if put.article.body == "poison":
            raise ZeroDivisionError("nobody thought of this")
        add(builder, put)

    monkeypatch.setattr(SegmentBuilder, "add", fails)


@pytest.mark.usefixtures("_poisonous")
def test_what_an_article_sets_off_is_parked(tmp_path: Path) -> None:
    """The version before stays; retried, it is parked again, or applied once it can be; a withdrawal ends it."""
    poison = [replace(one, body="poison") for one in ARTICLES[70:80:3]]
    with SmallIndex(tmp_path) as index:
        index.put(*ARTICLES)
        index.publish()
        index.put(*poison, replace(ARTICLES[0], title="Corrected"))
        index.publish()
        assert _parked(tmp_path) == {one.id: "ZeroDivisionError: nobody thought of this" for one in poison}
        stored = contents(tmp_path)
        assert len(stored) == len(ARTICLES)
        assert stored["a/0"]["title"] == "Corrected"
        assert all(stored[one.id]["body"] == "" for one in poison)
        index.withdraw(poison[0].id)
        index.log.append([Submission(poison[1].id, None, b"", "retry")])
        index.publish()
        assert _parked(tmp_path).keys() == {one.id for one in poison[1:]}
        last = newest(tmp_path).parked[-1]
        assert (last.article_id, last.after_seq) == (poison[1].id, len(ARTICLES)), "by its new sequence"
        assert poison[0].id not in contents(tmp_path)


@pytest.mark.usefixtures("_poisonous")
def test_a_retry_applies_what_could_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the article stands now, once the fault is gone."""
    with SmallIndex(tmp_path) as index:
        index.put(replace(ARTICLES[1], body="poison"))
        index.publish()
        assert contents(tmp_path) == {}
        monkeypatch.undo()
        assert [one.status for one in index.log.append([Submission("a/1", None, b"", "retry")])] == ["retried"]
        index.publish()
    assert not _parked(tmp_path)
    assert contents(tmp_path)["a/1"]["body"] == "poison"


def test_zeros_are_damage(tmp_path: Path) -> None:
    """Only where an article was taken down do they say that its text was destroyed."""
    with SmallIndex(tmp_path) as index:
        index.put(*ARTICLES[:3])
        index.publish()
        index.put(*(replace(one, title="Corrected") for one in ARTICLES[:3]))
        index.take_down("a/1")
        _damage(tmp_path, "a/0", "zeroblob(length(body))")
        index.log.destroy("a/1")
        index.publish()
        assert titles(tmp_path) == expected(ARTICLES[0], replace(ARTICLES[2], title="Corrected"))
        assert list(_parked(tmp_path)) == ["a/0"]
        (newest_version, _first) = index.log.history("a/0")
        assert "damaged" in newest_version.fault
        assert not any(one.fault or one.article for one in index.log.history("a/1"))


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(ARTICLES[:2]),
        st.sampled_from(["put", "poison", "put damaged", "withdraw", "restore", "retry"]),
    ),
    max_size=12,
)


@pytest.mark.usefixtures("_poisonous")
@settings(max_examples=30, deadline=None)
@given(steps=_STEPS)
def test_rounds_make_no_difference(steps: list[tuple[Article, str]]) -> None:
    """Applied all at once, a log shows what it shows event after event, however many of them cannot be applied."""
    with tempfile.TemporaryDirectory() as folder:
        one_by_one, at_once = Path(folder) / "one by one", Path(folder) / "at once"
        with SmallIndex(one_by_one) as patient, SmallIndex(at_once) as hasty:
            for number, (one, step) in enumerate([(ARTICLES[9], "put"), *steps]):
                for index in (patient, hasty):
                    _take(index, one, step, number)
                patient.publish()
            hasty.publish()
        assert contents(at_once) == contents(one_by_one)
        assert {one.seq for one in newest(at_once).parked} == {one.seq for one in newest(one_by_one).parked}


def _take(index: SmallIndex, one: Article, step: str, number: int) -> None:
    if not step.startswith(("put", "poison")):
        index.log.append([Submission(one.id, None, b"", step)])  # type: ignore[arg-type]
        return
    (seq,) = index.put(replace(one, title=f"Version {number}", body="poison" if step == "poison" else ""))
    if step == "put damaged":
        with sqlite3.connect(log_path(index.root)) as log:
            log.execute("UPDATE event SET body = x'01' WHERE seq = ?", (seq,))
        log.close()


def test_nobodys_fault_parks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is not an article's; nor is what no article sets off by itself."""
    with SmallIndex(tmp_path) as index:
        for error, tried in ((OSError("no space left"), 0), (ZeroDivisionError("together only"), 1)):
            index.put(ARTICLES[2], ARTICLES[3])
            calls: list[int] = []

            def failing(*_given: object, error: Exception = error, **_named: object) -> None:
                raise error

            def found(*_given: object, calls: list[int] = calls) -> list[object]:
                calls.append(1)
                return []

            with monkeypatch.context() as patched:
                patched.setattr("indexer.builder.write_generation", failing)
                patched.setattr("indexer.builder.unfit", found)
                with pytest.raises(type(error), match=str(error)):
                    index.publish()
            assert len(calls) == tried
        index.publish()
    assert contents(tmp_path).keys() == {"a/2", "a/3"}
    assert parking.reason_of(ValueError("x" * 1000))[-1] == "x"
