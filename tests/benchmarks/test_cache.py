"""The cache's benchmark as a command: every part is measured, and what is wrong makes the exit status."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from benchmarks.cache import __main__ as command
from benchmarks.cache import asking, stampede, trigger, troubles, writes
from tests.archive import Archive

QUERIES = ["river", "water", "storm warning", "river", "election", "water", "school", "river", "city", "health"] * 3
PARTS = ["replay", "writes", "stampede", "troubles", "trigger"]


@pytest.fixture
def brief(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments for a small archive, few queries and few troubles."""
    log = tmp_path / "queries.txt"
    log.write_text("\n".join(QUERIES), encoding="utf-8")
    monkeypatch.setattr(command, "CROWDS", 2)
    monkeypatch.setattr(stampede, "CLIENTS", 50)
    some = [one for one in troubles.TROUBLES if one.name in {"refused", "damaged"}]
    monkeypatch.setattr(troubles, "TROUBLES", some)
    # Answers that memory has no room for.
    monkeypatch.setattr(troubles, "address", partial(asking.address, limit=100, fields="id,title,body"))
    monkeypatch.setattr(writes, "TEXTS", 100)
    monkeypatch.setattr(trigger, "TRIGGERS", {"flushed": trigger.TRIGGERS["flushed"]})
    monkeypatch.setattr(trigger, "POPULAR", 3)
    monkeypatch.setattr(trigger, "SHARE", 0.02)
    archive_and_log = ["--data", str(archive.root), "--queries", str(log)]
    return [*archive_and_log, "--rate", "60", "--seconds", "1", "--rounds", "1"]


def test_every_part_is_measured(brief: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the most important figures stand at the top, and in the table."""
    out = tmp_path / "out" / "cache.json"
    assert command.main([*brief, "--only", ",".join(PARTS), "--json", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["hit_rate_ceiling"] == round(1 - len(set(QUERIES)) / len(QUERIES), 4)
    assert 0.9 <= report["replay"]["of_ceiling"] <= 1
    assert (report["compared"], report["wrong_answers"]) == (len(QUERIES), 0)
    repeats = report["writes"]["repeats"]
    assert repeats["and"]["repeats"] + repeats["or"]["repeats"] > 0
    assert report["computations_in_stampede"] == 1
    assert report["stampede"]["failed"] == 0
    assert set(report["redis_troubles"]) == {"none", "refused", "damaged"}
    for row in report["redis_troubles"].values():
        assert (row["errors"], row["wrong"]) == (0, 0)
    assert report["redis_troubles"]["refused"]["recovery_s"] is not None
    assert report["trigger"]["flushed"]["goodput_after"] > 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("hit_rate", "computations_in_stampede", "refused", "flushed"))


def test_what_is_wrong_is_a_failure() -> None:
    """Each of them, by name."""
    row = {"errors": 1, "wrong": 2}
    writes = {"examples": ["river"], "errors": {"500/200": 1}}
    failures = command._failures({"wrong_answers": 3, "writes": writes, "redis_troubles": {"hung": row}})
    assert len(failures) == 3
    assert "river" in failures[0]
    assert "hung" in failures[2]


def test_without_wrk_it_says_so(
    brief: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hits are measured by a generator that is faster than any here."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert command.main([*brief, "--only", "speed"]) == 1
    assert "wrk is not installed: apt-get install wrk" in capsys.readouterr().err
