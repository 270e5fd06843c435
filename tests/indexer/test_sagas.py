"""Sagas: each step once where it says so, undone in reverse where one fails, gone on with by whoever is there."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.saga_runner import SagaRunner
from indexer.sagas import CANCELED, Doing, NotYet, Saga, SagaFailedError, SagaStore, Step, advance
from indexer.writing import JobView, saga_view
from tests.small_index import Clock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SagaStore]:
    """A file of sagas."""
    with closing(SagaStore(tmp_path / "sagas.sqlite", Clock())) as opened:
        yield opened


class Told:
    """Steps that tell what is done."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.fails = ""
        self.waits = ""

    def step(self, name: str) -> Step:
        """One of them."""

        def do(doing: Doing) -> dict[str, object]:
            if name == self.waits:
                raise NotYet
            self.said.append(f"do {name}")
            if name == self.fails:
                raise SagaFailedError(f"no {name}")
            return {"subject": doing.saga.subject["of"], "before": len(doing.saga.receipts)}

        return Step(name, do, lambda _saga: self.said.append(f"undo {name}"))


def _begun(store: SagaStore, key: str | None = None) -> Saga:
    return store.begin("kind", "client", key, {"of": "it"})[0]


def _never() -> bool:
    return False


def test_steps_are_done_in_order_with_receipts(store: SagaStore) -> None:
    """Each is told what it is about, and what was done before it."""
    told = Told()
    saga = advance(store, _begun(store), [told.step("a"), told.step("b")], _never)
    assert told.said == ["do a", "do b"]
    assert (saga.state, saga.ended) == ("succeeded", True)
    assert [(one.step, one.told) for one in saga.receipts] == [
        ("a", {"subject": "it", "before": 0}),
        ("b", {"subject": "it", "before": 1}),
    ]
    assert store.unfinished(["kind"]) == []


def test_one_that_fails_is_undone_backwards(store: SagaStore) -> None:
    """The step that failed, too, since it may have done a part; those after it were never begun."""
    told = Told()
    told.fails = "b"
    saga = advance(store, _begun(store), [told.step("a"), told.step("b"), told.step("c")], _never)
    assert told.said == ["do a", "do b", "undo b", "undo a"]
    assert (saga.state, saga.reason) == ("failed", "no b")


def test_undoing_is_gone_on_with(store: SagaStore) -> None:
    """A process that dies while it undoes leaves the rest to the next one; nothing is done again."""
    told = Told()
    told.fails = "b"
    steps = [told.step("a"), told.step("b")]

    def die(_saga: Saga) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advance(store, _begun(store), [Step("a", steps[0].do, die), steps[1]], _never)
    (saga_id,) = store.unfinished(["kind"])
    found = store.find(saga_id)
    assert found
    assert advance(store, found, steps, _never).state == "failed"
    assert told.said == ["do a", "do b", "undo b", "undo b", "undo a"]


def test_what_is_not_possible_yet_is_tried_again(store: SagaStore) -> None:
    """It goes on where it waited, also how far its step was."""
    told = Told()
    told.waits = "b"
    steps = [told.step("a"), told.step("b")]
    saga = _begun(store)
    with pytest.raises(NotYet):
        advance(store, saga, steps, _never)
    store.note(saga, {"far": 3})
    found = store.find(saga.id)
    assert found
    assert (found.state, found.progress) == ("running", {"far": 3})
    told.waits = ""
    ended = advance(store, found, steps, _never)
    assert (told.said, ended.progress) == (["do a", "do b"], {})


def test_a_saga_is_told_as_a_job(store: SagaStore) -> None:
    """Queued until something of it was done, then running until it has ended, as one that was canceled, too."""
    saga, told = _begun(store), Told()
    steps = [told.step("a"), told.step("b")]

    def now() -> JobView:
        found = store.find(saga.id)
        assert found
        return saga_view(found)

    assert (now().status, now().accepted, now().lines) == ("queued", 0, 1)
    store.note(saga, {"far": 3})
    assert now().status == "running"
    told.waits = "b"
    with pytest.raises(NotYet):
        advance(store, saga, steps, _never)
    assert (now().status, now().accepted, now().lines) == ("running", 1, 2)
    store.fails(saga, CANCELED)
    assert now().status == "running"
    found = store.find(saga.id)
    assert found
    advance(store, found, steps, _never)
    assert (now().status, now().reason) == ("canceled", CANCELED)


def test_the_same_key_is_the_same_saga(store: SagaStore) -> None:
    """Of one kind; without a key each is its own."""
    first, new = store.begin("kind", "client", "key", {"of": "it"})
    assert new
    assert store.begin("kind", "other", "key", {"of": "something else"}) == (first, False)
    assert store.begin("other", "client", "key", {})[1]
    assert _begun(store).id != _begun(store).id


def test_one_process_at_a_time_has_it(store: SagaStore, tmp_path: Path) -> None:
    """And when it has ended, no file of its lock stays."""
    saga = _begun(store)
    with store.mine(saga.id) as mine, store.mine(saga.id) as others:
        assert (mine, others) == (True, False)
        assert advance(store, saga, [Told().step("a")], _never).ended
    assert not list((tmp_path / "run").iterdir())


def test_one_that_is_canceled_while_its_last_step_is_done_is_undone(store: SagaStore) -> None:
    """That it was done does not make it succeed."""
    told = Told()
    saga = _begun(store)

    def canceled(_doing: Doing) -> dict[str, object]:
        store.fails(saga, CANCELED)
        return {}

    ended = advance(store, saga, [told.step("a"), Step("last", canceled)], _never)
    assert (ended.state, ended.reason, told.said) == ("failed", CANCELED, ["do a", "undo a"])


def test_a_runner_breaks_off_what_is_canceled(store: SagaStore) -> None:
    """A step that asks, as often as it can, goes no further, and is undone."""
    at_work, undone = threading.Event(), threading.Event()

    def long(doing: Doing) -> dict[str, object]:
        at_work.set()
        while not doing.stopping():
            pass
        raise NotYet

    saga = _begun(store)
    runner = SagaRunner(store, {"kind": [Step("long", long, lambda _saga: undone.set())]}, every_s=0.01)
    runner.start()
    try:
        assert at_work.wait(60)
        store.fails(saga, CANCELED)
        assert undone.wait(60)
    finally:
        runner.stop()


def test_a_runner_goes_on_with_all_kinds(store: SagaStore) -> None:
    """A step that hangs, or fails again and again, holds up no other kind and no other saga."""
    hanging, done, tries = threading.Event(), threading.Event(), []

    def hang(_doing: Doing) -> dict[str, object]:
        hanging.wait(60)
        return {}

    def stubborn(doing: Doing) -> dict[str, object]:
        tries.append(doing.saga.id)
        if len(tries) < 3:
            raise OSError("not today")
        return {}

    def last(_doing: Doing) -> dict[str, object]:
        done.set()
        return {}

    slow = store.begin("slow", "c", None, {})[0]
    first = store.begin("quick", "c", "first", {})[0]
    runner = SagaRunner(
        store, {"slow": [Step("hang", hang)], "quick": [Step("odd", stubborn), Step("last", last)]}, every_s=0.01
    )
    runner.start()
    try:
        assert done.wait(60)
        assert tries == [first.id] * 3
        found = store.find(slow.id)
        assert found
        assert found.state == "running"
    finally:
        hanging.set()
        runner.stop()
    assert store.unfinished(["quick"]) == []
