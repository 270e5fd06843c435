"""Progress: seldom enough on plain output, a bar for each stage on a terminal."""

from types import SimpleNamespace

import pytest

import broadsheet.progress
from broadsheet.progress import EVERY_S, PlainReporter, TerminalReporter, reporter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until it is told otherwise."""
    moving = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(broadsheet.progress, "time", SimpleNamespace(monotonic=lambda: moving.now_s))
    return moving


def test_plain_lines_come_now_and_then(clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """However often it is told, a line is written every few seconds, and at the end of a stage."""
    with PlainReporter() as told:
        for count in range(1, 641):
            clock.now_s += EVERY_S / 64
            told.reading(count, count * 1000, 2_000_000)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 10
        assert lines[0] == "[    5.0 s] read 64 lines, 0.1 of 2.0 MB"
        told.reading(2000, 2_000_000, 2_000_000)
        told.indexing(500, 2000)
        told.indexing(2000, 2000)
    assert capsys.readouterr().out.splitlines() == [
        "[   50.0 s] read 2,000 lines, 2.0 of 2.0 MB",
        "[   50.0 s] indexed 2,000 of 2,000 articles",
    ]


def test_a_pipe_has_no_known_length(clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a total, what was read is told alone."""
    with PlainReporter() as told:
        clock.now_s += EVERY_S
        told.reading(7, 7_000_000, None)
    assert capsys.readouterr().out == "[    5.0 s] read 7 lines, 7.0 MB\n"


def test_notes_are_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A note is a line, whenever it comes."""
    with reporter() as told:
        assert isinstance(told, PlainReporter), "pytest is no terminal"
        told.note("title <- headline")
    assert capsys.readouterr().out == "title <- headline\n"


def test_each_round_has_a_bar(clock: SimpleNamespace) -> None:
    """Reading is one bar; each round of indexing is another that ends full, with its rates in it."""
    with TerminalReporter() as told:
        told.reading(0, 0, 1_000_000)
        for _round in range(2):
            told.indexing(0, 10)
            clock.now_s += 1
            told.indexing(4, 10)
            told.indexing(10, 10)
        clock.now_s += 2
        told.reading(100, 1_000_000, 1_000_000)
        tasks = told._progress.tasks
    assert [(task.description, task.completed, task.total) for task in tasks] == [
        ("reading", 1_000_000, 1_000_000),
        ("indexing", 10, 10),
        ("indexing", 10, 10),
    ]
    assert tasks[0].fields["state"] == "100 lines, 25/s, 0.2 MB/s"
    assert tasks[2].fields["state"] == "10 of 10 articles, 10/s"
