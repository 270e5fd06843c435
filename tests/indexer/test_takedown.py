"""Takedowns: whatever breaks off in between, in the end nothing of the article is left where it was."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from indexer import takedown
from indexer.events import LogError, Submission
from indexer.exporting import Exporter, Page
from indexer.jobs import JobStore, LineReject
from indexer.log import EventLog, log_path
from indexer.projection import advance_statistics
from indexer.rejects import Reject, RejectsFile
from indexer.sagas import Saga, SagaStore, Step, Steps, advance
from partition.types import Article
from tests.carving import hiding_places
from tests.small_index import SmallIndex, article, contents, newest, put, small_dictionaries, withdraw

WORDS = ("quixzorp", "blanderwick")
SECRET = [
    article("secret", f"The {WORDS[0]} affair, from the beginning", body=f"It was {WORDS[1]} who said so. " * 300),
    article("secret", "Corrected", body=f"It was {WORDS[1]} who said nothing. " * 300),
]
OTHERS = [article(f"a/{number}", f"Title {number}", body=f"word{number} it was said so " * 9) for number in range(60)]


class Crash(BaseException):
    """The process dies here."""


class Scene:
    """An archive in which the article has got everywhere, and whoever takes it down."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = SmallIndex(root, partitions=2)
        self.jobs = JobStore(root / "jobs.sqlite", self.index.clock)
        self.exporter = Exporter(root, self._search, lambda: newest(root).erased_seq)
        self.purged = 0
        for one in SECRET:
            self.index.put(one, *OTHERS)
            advance_statistics(self.index.log)
            self.index.publish()
        self.index.log.append([*withdraw("secret"), *put(SECRET[1])])
        self.index.publish()
        with RejectsFile(root / "rejects.jsonl") as rejects:
            for number, excerpt in enumerate((SECRET[0].title, "nothing of it", SECRET[0].body, "x")):
                rejects.write(Reject(file="f", line=number, reason="r", excerpt=excerpt))
            rejects.write(Reject(file="f", line=9, reason=f"title {WORDS[0]}", id="secret"))
        self.job, _new = self.jobs.begin("bulk", "c", None)
        told = [LineReject(1, "secret", f"odd {WORDS[0]}"), LineReject(2, None, SECRET[1].body[:200])]
        self.jobs.reject(self.job.id, [*told, LineReject(3, "other", "nothing of it")])
        with closing(SagaStore(root / "sagas.sqlite", self.index.clock)) as store:
            self.export, _new = store.begin("export", "c", None, {"parameters": []})
            assert advance(store, self.export, self.exporter.steps(), lambda: False).state == "succeeded"
            self.saga, _new = store.begin("takedown", "c", "secret", {"id": "secret", "reason": "a court"})

    def close(self) -> None:
        """Release all files."""
        self.index.log.close()
        self.jobs.close()

    def _search(self, _given: object, _cursor: object) -> Page:
        """Everything on one page."""
        items = sorted(contents(self.root).items())
        return Page([stored for _id, stored in items], None, len(items), newest(self.root).erased_seq)

    def _go_on(self) -> int:
        """What the indexer does meanwhile."""
        manifest = self.index.publish()
        if manifest.erased_seq > manifest.purged_seq:
            manifest = self.index.projector.purge()
        return manifest.applied_seq

    def _time_passes(self) -> bool:
        self.index.clock.pass_s(20)
        self.index.projector.tidy()
        return False

    def _purge_caches(self) -> int:
        self.purged += 1
        return 0

    def steps(self) -> Steps:
        """Those of a takedown."""
        return takedown.steps_of(
            takedown.Places(
                root=self.root,
                open_log=lambda: EventLog(log_path(self.root), now_ms=self.index.clock),
                announce=lambda: None,
                applied_seq=self._go_on,
                purge_caches=self._purge_caches,
                jobs=self.jobs,
                redact_exports=self.exporter.redact,
            )
        )

    def take_down(self, steps: Steps | None = None) -> Saga:
        """Go on with it until it has ended."""
        with closing(SagaStore(self.root / "sagas.sqlite", self.index.clock)) as store:
            saga = store.find(self.saga.id)
            assert saga
            return advance(store, saga, steps or self.steps(), self._time_passes)

    def found(self) -> Counter[str]:
        """Where the article is."""
        return hiding_places(self.root, WORDS)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """An archive in which the article has got everywhere."""
    with small_dictionaries():
        made = Scene(tmp_path)
        yield made
        made.close()


PLACES = {".segment", ".dictionary", ".stat", ".ndjson", "rejects.jsonl", "jobs.sqlite-wal", "log.sqlite-wal"}


def test_nothing_is_left_of_it(scene: Scene) -> None:
    """Not in the index, its dictionaries and statistics, the log, the rejects, the results of jobs, and exports."""
    assert scene.found().keys() >= PLACES, "the scan finds it wherever it is"
    saga = scene.take_down()
    assert (saga.state, [one.step for one in saga.receipts]) == ("succeeded", [step.name for step in scene.steps()])
    assert scene.found() == Counter()
    assert scene.purged == 2
    assert set(contents(scene.root)) == {one.id for one in OTHERS}
    told = {one.step: one.told for one in saga.receipts}
    assert (told["rejects"], told["jobs"], told["exports"]) == ({"lines": 3}, {"lines": 2}, {"parts": 1})
    assert told["bodies"] == {"events": 4}
    assert told["beyond"]["not_reached"]
    (outcome,) = scene.index.log.append(put(SECRET[0]))
    assert outcome.status == "blocked"


def test_what_tells_of_others_stays(scene: Scene) -> None:
    """Rejects, results and exported articles that have nothing to do with it are as they were."""
    scene.take_down()
    lines = [orjson.loads(line) for line in (scene.root / "rejects.jsonl").read_bytes().splitlines()]
    assert [line["reason"] for line in lines] == ["taken down", "r", "taken down", "r", "taken down"]
    assert [one.line for one in scene.jobs.rejects(scene.job.id, 0, 10)] == [3]
    told = scene.exporter.parts(scene.export.id)
    exported = scene.exporter.path(scene.export.id, 1).read_bytes().splitlines()
    assert {orjson.loads(line)["id"] for line in exported} == {one.id for one in OTHERS}
    assert told["parts"][0]["articles"] == len(OTHERS)


STEPS = [
    "log",
    "epoch",
    "caches",
    "rejects",
    "jobs",
    "exports",
    "bodies",
    "segments",
    "files",
    "last caches",
    "beyond",
]


@pytest.mark.parametrize("noted", [False, True], ids=["undone", "done"])
@pytest.mark.parametrize("name", STEPS)
def test_it_is_gone_on_with_wherever_it_was_broken_off(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch, *, noted: bool
) -> None:
    """A process that dies after a step, before or after its receipt is there, leaves the rest to the next one."""
    done = SagaStore.done

    def die(store: SagaStore, saga: Saga, step: str, told: dict[str, object], *, last: bool) -> None:
        if noted or step != name:
            done(store, saga, step, told, last=last)
        if step == name:
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(SagaStore, "done", die)
        with pytest.raises(Crash):
            scene.take_down()
    assert scene.take_down().state == "succeeded"
    assert scene.found() == Counter()


def _skipped(steps: Steps, name: str) -> Steps:
    """The same, but for one that does nothing."""
    return [Step(one.name, lambda _doing: {"left": []}) if one.name == name else one for one in steps]


@pytest.mark.parametrize(
    ("name", "place"),
    [("rejects", "rejects.jsonl"), ("jobs", "jobs.sqlite-wal"), ("exports", ".ndjson"), ("bodies", "log.sqlite-wal")],
)
def test_a_step_that_is_left_out_is_seen(scene: Scene, name: str, place: str) -> None:
    """The scan finds the place that was forgotten, and no other."""
    scene.take_down(_skipped(scene.steps(), name))
    assert set(scene.found()) <= {place, place.removesuffix("-wal")} != set()


def test_a_dictionary_that_is_kept_is_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are written anew but stored as before still hold pieces of it."""
    monkeypatch.setattr("partition.generation.GenerationWriter._train", lambda _writer, _sources: None)
    scene.take_down()
    assert set(scene.found()) == {".dictionary"}


def test_reading_the_log_delays_it(scene: Scene) -> None:
    """While a reader keeps pages of the WAL, it is not said that they are gone."""
    scene.index.log.append([Submission("secret", None, b"", "takedown")])
    with closing(EventLog(log_path(scene.root))) as reader:
        reader._db.execute("BEGIN")
        reader._db.execute("SELECT count(*) FROM event").fetchone()
        with closing(EventLog(log_path(scene.root))) as log:
            log._db.execute("PRAGMA busy_timeout = 50")
            with pytest.raises(LogError, match="try again"):
                log.destroy("secret")
            reader._db.execute("COMMIT")
            assert log.destroy("secret") == 4


def test_quoting() -> None:
    """A title, or a stretch of a text; not what any text might say."""
    one = Article(
        id="a", title="A title of sixteen", body="It was a dark and stormy night; the rain fell in torrents."
    )
    quotes: Callable[[str], bool] = takedown.quoting([one])
    assert quotes('{"title": "A title of sixteen"}')
    assert quotes("...a dark and stormy night; the rain fell in torrents")
    assert not quotes("It was a dark")
    assert not quotes("")
    assert not takedown.quoting([])("anything at all that is long enough to be a piece of something")


def test_many_versions_are_overwritten_in_place(tmp_path: Path) -> None:
    """Of small and large texts no copy is left in the log, wherever its pages were split."""
    with EventLog(log_path(tmp_path), partitions=2) as log:
        for number in range(300):
            text = f"{WORDS[0]}{number} " * (number * 37 % 4000)
            log.append(
                [Submission("secret" if number % 3 else f"b/{number}", article("x", body=text), b"%d" % number)]
            )
        log.append([Submission("secret", None, b"", "takedown")])
        assert hiding_places(tmp_path, [f"{WORDS[0]}{number} " for number in range(300) if number % 3])
        assert log.destroy("secret") == 200
        assert not hiding_places(tmp_path, [f"{WORDS[0]}{number} " for number in range(300) if number % 3])
        assert hiding_places(tmp_path, [f"{WORDS[0]}{number} " for number in range(300)])
