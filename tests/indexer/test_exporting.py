"""Exports, whatever breaks them off: all that was found, once each, of one state.

The search is a double that says which state it answers from. Not here: the routes (`test_saga_routes.py`).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from indexer import exporting
from indexer.exporting import KIND, MAX_BEGUN, Exporter, ExportExpiredError, Page
from indexer.jobs import KEPT_MS
from indexer.sagas import CANCELED, SAGAS_FILE, NotYet, Saga, SagaStore, advance
from tests.small_index import Clock

PAGE = 2


class Archive:
    """What is searched: each state has its own articles."""

    def __init__(self) -> None:
        self.state = 1
        self.kept = {1}
        """States in which a walk can go on."""
        self.erased: list[str] = []
        self.asked = 0
        self.dies_at = 0
        """The search that is never answered."""

    def ids(self, state: int) -> list[str]:
        """All that is found in a state."""
        return [one for one in (f"{state}/{number}" for number in range(7)) if one not in self.erased]

    def search(self, _parameters: object, cursor: str | None) -> Page:
        """A page."""
        self.asked += 1
        if self.asked == self.dies_at:
            raise KeyboardInterrupt
        state, at = map(int, cursor.split()) if cursor else (self.state, 0)
        if state not in self.kept:
            raise ExportExpiredError("that state is no longer kept")
        ids = self.ids(state)
        following = f"{state} {at + PAGE}" if at + PAGE < len(ids) else None
        return Page([{"id": one} for one in ids[at : at + PAGE]], following, len(ids), len(self.erased))


class Exporting:
    """One export of an archive."""

    def __init__(self, root: Path) -> None:
        self.archive = Archive()
        self.folder = root / "exports"
        self.store = SagaStore(root / SAGAS_FILE, Clock())
        self.exporter = Exporter(root, self.archive.search, lambda: len(self.archive.erased))
        self.id = self.store.begin(KIND, "client", None, {"parameters": [["q", "all"]]})[0].id

    def saga(self) -> Saga:
        """As it stands."""
        found = self.store.find(self.id)
        assert found
        return found

    def go_on(self, *, stop_at: int = -1) -> str:
        """As a runner does; returns how the saga stands."""

        def stopping() -> bool:
            return self.saga().state != "running" or self.archive.asked == stop_at

        try:
            return advance(self.store, self.saga(), self.exporter.steps(), stopping).state
        except NotYet:
            return self.saga().state

    def die(self, at: int) -> None:
        """The process ends at a search."""
        self.archive.dies_at = self.archive.asked + at
        with pytest.raises(KeyboardInterrupt):
            self.go_on()

    def content(self) -> list[str]:
        """The ids in all parts, which are as they are told."""
        ids = []
        for part in self.exporter.parts(self.id)["parts"]:
            text = self.exporter.path(self.id, part["part"]).read_bytes()
            assert (len(text), hashlib.sha256(text).hexdigest()) == (part["bytes"], part["sha256"])
            lines = [orjson.loads(line)["id"] for line in text.splitlines()]
            assert part["articles"] == len(lines)
            ids += lines
        return ids

    def numbers(self) -> list[int]:
        """Of its parts."""
        return [part["part"] for part in self.exporter.parts(self.id)["parts"]]


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exporting]:
    """One that has not begun; a part has one page."""
    monkeypatch.setattr(exporting, "PART_ARTICLES", PAGE)
    made = Exporting(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_one_that_was_broken_off_goes_on(export: Exporting, at: int) -> None:
    """With the part that it was at, in the state in which it began, whichever is shown meanwhile."""
    export.die(at)
    assert export.numbers() == list(range(1, at))
    if at > 1:
        export.archive.state, export.archive.kept = 2, {1, 2}
    assert export.go_on() == "succeeded"
    assert export.content() == export.archive.ids(1)
    assert export.numbers() == [1, 2, 3, 4]
    assert export.archive.asked == 5, "no part was made twice"


def test_one_whose_state_is_gone_begins_anew(export: Exporting) -> None:
    """Nothing of the first state is left, and no number is given to another part."""
    export.die(3)
    export.archive.state, export.archive.kept = 2, {2}
    assert export.go_on() == "succeeded"
    assert export.content() == export.archive.ids(2)
    assert export.numbers() == [3, 4, 5, 6]
    assert len(list(export.folder.glob("*/*.ndjson"))) == 4


def test_one_that_never_gets_through_fails(export: Exporting) -> None:
    """After some times, with the reason; and leaves nothing."""
    for state in range(1, MAX_BEGUN + 1):
        export.archive.state, export.archive.kept = state, {state}
        export.die(3)
    export.archive.kept = set()
    assert export.go_on() == "failed"
    assert export.saga().reason == "that state is no longer kept"
    assert not list(export.folder.iterdir())


def test_what_is_taken_down_goes_out_of_all_parts(export: Exporting) -> None:
    """Of those that were made, of one that nobody was told of, and of those that are made later."""
    export.die(3)
    (folder,) = export.folder.iterdir()
    untold = folder / "part-00003.ndjson"
    untold.write_bytes(b'{"id":"1/5"}')  # as if it had died just before it told of it
    (export.folder / "notes.txt").write_text("not ours")
    (export.folder / "notes").mkdir()
    export.archive.erased = ["1/1", "1/5"]
    assert export.exporter.redact("1/5") == 0
    assert export.exporter.redact("1/1") == 1
    assert not untold.exists()
    assert export.content() == ["1/0", "1/2", "1/3"]
    assert export.go_on() == "succeeded"
    assert not {"1/1", "1/5"} & {*export.content()}


def test_one_can_be_canceled_at_any_time(export: Exporting) -> None:
    """While it is made, its part is not finished; when it has ended, its parts go."""
    assert export.go_on(stop_at=2) == "running"
    assert export.exporter.count() == 1
    export.store.fails(export.saga(), CANCELED)
    assert export.go_on() == "failed"
    assert (export.saga().reason, export.exporter.count()) == (CANCELED, 0)
    again = export.store.begin(KIND, "client", None, {"parameters": []})[0]
    export.id = again.id
    assert export.go_on() == "succeeded"
    export.store.fails(export.saga(), CANCELED)
    assert export.store.unfinished([KIND]) == [again.id]
    assert export.go_on() == "failed"
    assert export.exporter.count() == 0


def test_they_are_forgotten_after_a_week(export: Exporting) -> None:
    """With their sagas, and not sooner; what is not one of them stays."""
    assert export.go_on() == "succeeded"
    (export.folder / "notes.txt").write_text("not ours")
    (export.folder / "notes").mkdir()
    began_ms = int.from_bytes(export.id[:6], "big")
    for now_ms, left in ((began_ms + KEPT_MS, 1), (began_ms + KEPT_MS + 1, 0)):
        export.exporter.expire(now_ms)
        export.store.forget(KIND, now_ms - KEPT_MS)
        assert export.exporter.count() == left
        assert (export.store.find(export.id) is not None) == bool(left)
    assert {one.name for one in export.folder.iterdir()} == {"notes.txt", "notes"}
