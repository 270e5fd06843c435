"""The rejects file: one bounded JSON object a line, and no file without a reject."""

from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from indexer.rejects import Reject, RejectsFile


def _lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_no_reject_makes_no_file(tmp_path: Path) -> None:
    """A clean run leaves nothing behind."""
    path = tmp_path / "rejects.jsonl"
    with RejectsFile(path):
        assert not path.exists()
    assert not path.exists()


def test_rejects_are_appended_and_readable_at_once(tmp_path: Path) -> None:
    """Each write is a whole line before the file is closed; a second run adds to the first."""
    path = tmp_path / "rejects.jsonl"
    for run in (1, 2):
        with RejectsFile(path) as rejects:
            rejects.write(Reject(file="news.jsonl", line=run, reason="no title", id="a", excerpt="{"))
            assert len(_lines(path)) == run
    expected = {"file": "news.jsonl", "line": 1, "reason": "no title", "id": "a", "excerpt": "{"}
    assert _lines(path) == [expected, expected | {"line": 2}]


def test_an_unknown_id_is_left_out(tmp_path: Path) -> None:
    """A line that could not be parsed has no id to name."""
    path = tmp_path / "rejects.jsonl"
    with RejectsFile(path) as rejects:
        rejects.write(Reject(file="-", line=3, reason="broken JSON"))
    assert _lines(path) == [{"file": "-", "line": 3, "reason": "broken JSON", "excerpt": ""}]


def test_half_a_line_of_a_killed_run_swallows_nothing(tmp_path: Path) -> None:
    """What follows a torn line begins on a line of its own."""
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(b'{"file": "old", "li')
    with RejectsFile(path) as rejects:
        rejects.write(Reject(file="new", line=1, reason="no title"))
    torn, whole = path.read_bytes().splitlines()
    assert torn == b'{"file": "old", "li'
    assert orjson.loads(whole)["file"] == "new"


@given(text=st.text(st.characters(exclude_categories=())), repeat=st.integers(0, 3000))
def test_a_line_is_bounded_whatever_it_holds(tmp_path_factory: object, text: str, repeat: int) -> None:
    """Endless, control and unencodable characters give one line of JSON of limited size."""
    path = tmp_path_factory.mktemp("rejects") / "rejects.jsonl"  # type: ignore[attr-defined]
    long = text * repeat
    with RejectsFile(path) as rejects:
        rejects.write(Reject(file=long, line=1, reason=long, id=long, excerpt=long))
    (line,) = path.read_bytes().split(b"\n")[:-1]
    assert len(line) < 60_000
    assert len(orjson.loads(line)["excerpt"]) <= 200
