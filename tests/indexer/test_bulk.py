"""Bulk indexing: files in, epochs out, every line accounted for, and running it again changes nothing."""

import gzip
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from indexer.bulk import DEFAULT_PARTITIONS, Summary, index_files
from indexer.events import LogError
from indexer.publisher import Retention
from indexer.readers import InputError
from partition.manifest import Layout
from tests.small_index import contents, newest

Rows = list[dict[str, Any]]

ROWS: Rows = [
    {"id": f"a/{number}", "title": f"Title {number}", "body": "storm " * number, "published": "2007-04-10"}
    for number in range(40)
]
BAD_LINES = (b"{", b"[]", b'{"id": "x"}', b'{"title": "no id"}', b'{"id": "nul", "title": "a\\u0000b"}', b"\xff\xfe")

_NEVER_THERE = ", status, embargoed_until, editor_note"


class Told:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.read: list[tuple[int, int, int | None]] = []
        self.indexed: list[tuple[int, int]] = []

    def note(self, line: str) -> None:
        """A line."""
        self.notes.append(line)

    def reading(self, lines: int, read_bytes: int, total_bytes: int | None) -> None:
        """Progress of reading."""
        self.read.append((lines, read_bytes, total_bytes))

    def indexing(self, done: int, total: int) -> None:
        """Progress of a round."""
        self.indexed.append((done, total))


class Runs:
    """Runs of the bulk indexer into one archive, with one builder process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "archive"
        self.told = Told()

    def file(self, rows: Rows, name: str = "articles.jsonl") -> Path:
        """A file of these rows."""
        path = self.folder / name
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        return path

    def index(
        self,
        *paths: Path,
        partitions: int | None = 2,
        mapping: Mapping[str, str] | None = None,
        round_articles: int = 100_000,
        stdin: io.BytesIO | None = None,
    ) -> Summary:
        """One run."""
        self.told = Told()
        return index_files(
            paths,
            self.root,
            partitions=partitions,
            mapping=mapping,
            builders=1,
            memory_mb=512,
            round_articles=round_articles,
            retention=Retention(),
            reporter=self.told,
            stdin=stdin,
        )

    def rejects(self) -> Rows:
        """What stands in the rejects file."""
        return [orjson.loads(line) for line in (self.root / "rejects.jsonl").read_bytes().splitlines()]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """A new archive."""
    return Runs(tmp_path)


class Counts(NamedTuple):
    """A summary without its time."""

    lines: int
    accepted: int
    rejected: int
    changed: int
    articles: int
    epoch: int


def _counts(summary: Summary) -> Counts:
    *counts, _seconds = astuple(summary)
    return Counts(*counts)


def _published(root: Path) -> dict[str, bytes]:
    """Every published byte."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in ("epochs", "partitions", "statistics")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_indexing_twice_leaves_the_same_index(runs: Runs) -> None:
    """The second run accepts every line, changes nothing and publishes nothing: same ids, versions, epoch, bytes."""
    path = runs.file(ROWS)
    first = runs.index(path)
    assert _counts(first) == Counts(lines=40, accepted=40, rejected=0, changed=40, articles=40, epoch=1)
    stored = contents(runs.root)
    assert stored.keys() == {row["id"] for row in ROWS}
    assert {one["version"] for one in stored.values()} == {1}
    before = _published(runs.root)
    second = runs.index(path)
    assert _counts(second) == _counts(first)._replace(changed=0)
    assert _published(runs.root) == before
    # However it is packed, and by whatever name: the articles are the same.
    packed = runs.folder / "again.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert _counts(runs.index(packed, path)) == _counts(first)._replace(lines=80, accepted=80, changed=0)
    assert _published(runs.root) == before


def test_the_same_id_replaces_the_older_version(runs: Runs) -> None:
    """A corrected article is a new version in a new epoch; the others stay as they are."""
    runs.index(runs.file(ROWS))
    before = contents(runs.root)
    corrected = {**ROWS[3], "title": "Corrected"}
    summary = runs.index(runs.file([*ROWS[:3], corrected, *ROWS[4:]]))
    assert (summary.changed, summary.articles, summary.epoch) == (1, 40, 2)
    after = contents(runs.root)
    changed = after["a/3"]
    assert (changed["title"], changed["version"]) == ("Corrected", 2)
    assert {key: value for key, value in after.items() if key != "a/3"} == {
        key: value for key, value in before.items() if key != "a/3"
    }


def test_within_one_run_the_last_line_wins(runs: Runs) -> None:
    """An id that stands in the input several times is one article: the last of them, on every run."""
    rows = [{"id": "a", "title": f"Version {number}"} for number in range(5)]
    for _ in range(2):
        summary = runs.index(runs.file([*ROWS, *rows]))
        assert summary.articles == 41
        assert contents(runs.root)["a"]["title"] == "Version 4"


def test_every_line_is_accounted_for(runs: Runs) -> None:
    """Accepted and rejected make up all lines; each reject says where it stood and why."""
    path = runs.folder / "mixed.jsonl"
    good = [orjson.dumps(row) for row in ROWS]
    lines = [*good[:10], *BAD_LINES, *good[10:], BAD_LINES[0]]
    path.write_bytes(b"\n".join(lines))
    summary = runs.index(path)
    assert (summary.lines, summary.accepted, summary.rejected) == (47, 40, 7)
    assert summary.articles == len(contents(runs.root)) == 40
    rejects = runs.rejects()
    assert [reject["line"] for reject in rejects] == [*range(11, 17), 47]
    assert {reject["file"] for reject in rejects} == {str(path)}
    assert all(reject["reason"] for reject in rejects)
    assert [reject.get("id") for reject in rejects][2] == "x"


def test_nothing_but_bad_lines(runs: Runs) -> None:
    """A file without one article publishes nothing, and says so."""
    path = runs.folder / "bad.jsonl"
    path.write_bytes(b"\n".join(BAD_LINES))
    assert _counts(runs.index(path)) == Counts(lines=6, accepted=0, rejected=6, changed=0, articles=0, epoch=0)
    assert Layout(runs.root).newest_epoch() == 0


def test_status_and_embargo(runs: Runs) -> None:
    """What waits is not there until the next run after its time has come; what is withdrawn needs an id only."""
    rows = [
        {"id": "shown", "headline": "Shown", "embargoed": "2001-01-01", "pubstatus": "usable"},
        {"id": "waits", "headline": "Waits", "embargoed": "2100-01-01"},
        {"id": "soon", "headline": "Soon", "embargoed": "soon"},
        {"id": "draft", "headline": "Draft", "pubstatus": "draft"},
        {"id": "unknown", "pubstatus": "canceled"},
    ]
    assert _counts(runs.index(runs.file(rows))) == Counts(
        lines=5, accepted=3, rejected=2, changed=2, articles=1, epoch=1
    )
    assert contents(runs.root).keys() == {"shown"}
    assert [reject["id"] for reject in runs.rejects()] == ["soon", "draft"]
    soon = time.time() + 0.2
    runs.index(runs.file([{"id": "waits", "headline": "Waits", "embargoed": soon}]))
    assert contents(runs.root).keys() == {"shown"}
    time.sleep(max(0.0, soon - time.time()))
    kept = [{"id": "shown", "pubstatus": "Withheld"}]
    assert _counts(runs.index(runs.file(kept))) == Counts(
        lines=1, accepted=1, rejected=0, changed=1, articles=1, epoch=3
    )
    assert contents(runs.root).keys() == {"waits"}
    runs.index(runs.file([{"id": "taken", "headline": "t", "pubstatus": "draft"}]), mapping={"status": ""})
    assert contents(runs.root).keys() == {"waits", "taken"}, "what is no status here can be left alone"


def test_a_mapping_names_the_fields(runs: Runs) -> None:
    """What is mapped is taken from there, the rest is recognised, and what was taken for what is told."""
    rows = [{"nr": number, "kop": f"Kop {number}", "title": "not this one", "tekst": "t"} for number in range(3)]
    summary = runs.index(runs.file(rows), mapping={"id": "nr", "title": "kop", "body": "tekst"})
    assert (summary.accepted, summary.rejected) == (3, 0)
    stored = contents(runs.root)["2"]
    assert (stored["title"], stored["body"]) == ("Kop 2", "t")
    assert runs.told.notes[:3] == ["id <- nr", "title <- kop", "body <- tekst"]
    assert runs.told.notes[-1] == "ignored: title"


def test_columns_can_be_mapped_by_number(runs: Runs) -> None:
    """A table without a header is read by the numbers of its columns."""
    path = runs.folder / "table.tsv"
    path.write_text("x\tFirst\ny\tSecond\n")
    assert runs.index(path, mapping={"id": "1", "title": "2"}).accepted == 2
    assert contents(runs.root)["y"]["title"] == "Second"


def test_fields_are_told_once(runs: Runs) -> None:
    """After the first hundred records, while the rest is still to come."""
    rows = [{"id": str(number), "headline": "h"} for number in range(300)]
    runs.index(runs.file(rows))
    assert runs.told.notes == [
        "id <- id",
        "title <- headline",
        "not found: body, summary, authors, source, section, tags, language, url, published_at, modified_at"
        + _NEVER_THERE,
    ]


def test_standard_input(runs: Runs) -> None:
    """`-` reads what is piped in, also between files."""
    first, last = runs.file(ROWS[:10], "first.jsonl"), runs.file(ROWS[30:], "last.jsonl")
    piped = runs.file(ROWS[10:30], "piped").read_bytes()
    summary = runs.index(first, Path("-"), last, stdin=io.BytesIO(piped))
    assert _counts(summary) == Counts(lines=40, accepted=40, rejected=0, changed=40, articles=40, epoch=1)
    assert runs.told.read[-1][2] is None, "nobody knows how long a pipe is"


def test_rounds_publish_on_the_way(runs: Runs) -> None:
    """A long run publishes an epoch now and then, and what it shows is the log so far."""
    rows = [{"id": f"r/{number}", "title": f"Title {number}"} for number in range(1300)]
    path = runs.file(rows)
    summary = runs.index(path, round_articles=500)
    assert (summary.epoch, summary.articles) == (3, 1300)
    assert [len(contents(runs.root, epoch)) for epoch in (1, 2, 3)] == [500, 1000, 1300]
    assert contents(runs.root, 2).keys() == {row["id"] for row in rows[:1000]}
    assert newest(runs.root).statistics_epoch == 3
    size = path.stat().st_size
    assert [lines for lines, _read, _total in runs.told.read] == [500, 1000, 1300]
    assert runs.told.read[-1] == (1300, size, size)
    ends = [(done, total) for done, total in runs.told.indexed if done == total]
    assert ends == [(500, 500), (500, 500), (300, 300)], "the end of each round is told once"
    assert all(done <= total for done, total in runs.told.indexed)


class Interrupted(io.BytesIO):
    """An input during which somebody presses Ctrl-C."""

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, until there are none."""
        piece = super().read(size)
        if not piece:
            raise KeyboardInterrupt
        return piece


def test_an_interrupted_run_goes_on_where_it_was(runs: Runs) -> None:
    """What was logged is not logged again, and the next run publishes all of it, once."""
    rows = [{"id": f"r/{number}", "title": f"Title {number}"} for number in range(1300)]
    path = runs.file(rows)
    with pytest.raises(KeyboardInterrupt):
        runs.index(Path("-"), stdin=Interrupted(path.read_bytes()), round_articles=1000)
    assert Layout(runs.root).newest_epoch() in {0, 1}, "the round that was being built is published or is not"
    summary = runs.index(path, round_articles=1000)
    assert _counts(summary) == Counts(lines=1300, accepted=1300, rejected=0, changed=300, articles=1300, epoch=2)
    assert {one["version"] for one in contents(runs.root).values()} == {1}


def test_what_is_logged_but_not_published_is_published_next(runs: Runs) -> None:
    """A run that only finds out that it has nothing to add still brings the index up to the log."""
    path = runs.file([{"id": f"r/{number}", "title": "t"} for number in range(500)])
    with pytest.raises(KeyboardInterrupt):
        runs.index(Path("-"), stdin=Interrupted(path.read_bytes()))
    assert Layout(runs.root).newest_epoch() == 0
    summary = runs.index(runs.file([], "empty.jsonl"))
    assert _counts(summary) == Counts(lines=0, accepted=0, rejected=0, changed=0, articles=500, epoch=1)
    assert len(contents(runs.root)) == 500


def test_partitions_are_those_of_the_first_run(runs: Runs) -> None:
    """A new archive has the default number unless told; later runs take what it has, or are refused."""
    path = runs.file(ROWS)
    runs.index(path, partitions=None)
    assert len(newest(runs.root).partitions) == DEFAULT_PARTITIONS
    runs.index(path, partitions=DEFAULT_PARTITIONS)
    before = _published(runs.root)
    with pytest.raises(LogError, match=f"the archive has {DEFAULT_PARTITIONS} partitions, not 5"):
        runs.index(path, partitions=5)
    assert _published(runs.root) == before


def test_a_path_that_is_not_there_changes_nothing(runs: Runs) -> None:
    """All inputs are looked at before anything is made."""
    with pytest.raises(InputError, match="nowhere"):
        runs.index(runs.file(ROWS), runs.folder / "nowhere.jsonl")
    assert not runs.root.exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: (folder / "archive").write_text("a file"),
        lambda folder: (folder / "archive" / "log.sqlite").mkdir(parents=True),
    ],
)
def test_a_folder_that_cannot_be_used(runs: Runs, make: Callable[[Path], object]) -> None:
    """A data folder that is none is one of the documented errors."""
    path = runs.file(ROWS)
    make(runs.folder)
    with pytest.raises((LogError, OSError)):
        runs.index(path)
