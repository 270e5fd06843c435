"""The supervisor: what dies comes back alone, what is told ends, what cannot start is said; with real processes."""

import os
import signal
from itertools import accumulate, takewhile
from pathlib import Path

import pytest

from broadsheet.supervisor import HOPELESS, MAX_BACKOFF_S, backoff_s
from tests.api_server import eventually, runs
from tests.broadsheet.stand_ins import Supervised


def test_a_process_that_dies_is_replaced_alone(tmp_path: Path) -> None:
    """Whichever role it is of: all others go on as they were, and its end is told."""
    with Supervised(tmp_path, "api:2", "indexer:1:exclusive") as it:
        first, second = it.ready("api", 2)
        (indexer,) = it.ready("indexer")
        os.kill(indexer, signal.SIGKILL)
        eventually(lambda: indexer not in it.running("indexer"))
        (replacement,) = it.ready("indexer")
        assert replacement != indexer
        assert it.started("api") == [first, second]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: first not in it.running("api"))
        assert it.ready("api", 2)[0] == second
        assert it.started("indexer") == [indexer, replacement]
        assert it.ended() == [indexer, first]


def test_waits_double_up_to_a_bound() -> None:
    """A process that always dies is started 6 times in the first 4 seconds, and then every 5."""
    waits_s = [backoff_s(deaths) for deaths in range(1, 100)]
    assert waits_s[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
    assert len([*takewhile(lambda at_s: at_s < 4, accumulate(waits_s))]) == 5
    assert set(waits_s[6:]) == {MAX_BACKOFF_S}


def test_a_process_that_always_dies_does_not_keep_the_machine_busy(tmp_path: Path) -> None:
    """It was ready once, and so it is tried for ever, but less and less often; others do not notice."""
    with Supervised(tmp_path, "api:1", "indexer:1") as it:
        (api,) = it.ready("api")
        it.ready("indexer")
        it.behave("indexer", "short")
        os.kill(it.started("indexer")[0], signal.SIGKILL)
        eventually(lambda: len(it.started("indexer")) == HOPELESS + 1)
        it.behave("indexer", "good")
        it.ready("indexer")
        assert len(it.started("indexer")) <= HOPELESS + 3
        assert it.running("api") == [api]
        assert it.end() == 0


@pytest.mark.parametrize(("manner", "status", "attempts"), [("unusable", 2, 1), ("broken", 7, HOPELESS)])
def test_what_cannot_start_ends_everything(tmp_path: Path, manner: str, status: int, attempts: int) -> None:
    """With its status and a message, at once if another attempt is in vain; only one process of the role tries."""
    (tmp_path / "api.manner").write_text(manner)
    with Supervised(tmp_path, "indexer:1", "api:3") as it:
        assert it.process.wait(60) == status
        assert len(it.started("api")) == attempts
        assert f"this is {manner}\n" in it.log()
        assert it.log().endswith(" before it was ready; see what it said above\n")
        assert f"the api process ended with status {status}" in it.log()
        assert it.running("indexer") == []


def test_a_program_that_is_not_there_ends_everything(tmp_path: Path) -> None:
    """As one that dies: after some attempts, with status 1."""
    with Supervised(tmp_path, "nowhere:1") as it:
        assert it.process.wait(60) == 1
        assert it.log().count("/nowhere/program") == HOPELESS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    """With status 0, and nothing is started meanwhile."""
    with Supervised(tmp_path, "api:2", "indexer:1:exclusive") as it:
        processes = [*it.ready("api", 2), *it.ready("indexer")]
        assert it.end(number) == 0
        assert not any(map(runs, processes))
        assert sorted(it.ended()) == sorted(processes)
        assert len(it.started("api")) == 2


def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """After the time that it is given."""
    (tmp_path / "api.manner").write_text("stubborn")
    with Supervised(tmp_path, "api:1", drain_s=0.5) as it:
        (api,) = it.ready("api")
        assert it.end() == 0
        assert not runs(api)
        assert "process killed for taking too long" in it.log()


def test_a_second_interrupt_kills_at_once(tmp_path: Path) -> None:
    """However long it would wait."""
    (tmp_path / "api.manner").write_text("stubborn")
    with Supervised(tmp_path, "api:1", drain_s=3600) as it:
        (api,) = it.ready("api")
        it.process.send_signal(signal.SIGINT)
        it.process.send_signal(signal.SIGTERM)  # is no second interrupt
        assert it.end(signal.SIGINT) == 0
        assert not runs(api)


def test_all_are_renewed_one_after_the_other(tmp_path: Path) -> None:
    """An old process ends after its replacement was ready; of an exclusive role, before its replacement begins."""
    with Supervised(tmp_path, "api:2", "indexer:1:exclusive") as it:
        old = it.ready("api", 2)
        (indexer,) = it.ready("indexer")
        it.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(it.started("indexer")) == 2)
        assert it.ended() == [*old, indexer]
        it.ready("indexer")
        new = it.ready("api", 2)
        assert it.started("api") == old + new
        said = it.log()
        places = [said.index(f'"pid": {pid}, "event": "process ready"') for pid in it.started("api")]
        assert places == sorted(places)
        assert "given up" not in said


@pytest.mark.parametrize("manner", ["mute", "broken"])
def test_a_replacement_that_is_never_ready_changes_nothing(tmp_path: Path, manner: str) -> None:
    """It is killed in time if it does not end by itself; what ran goes on, and can be renewed later."""
    with Supervised(tmp_path, "api:2", "indexer:1:exclusive", ready_s=2) as it:
        old, indexer = it.ready("api", 2), it.ready("indexer")
        it.behave("api", manner)
        it.process.send_signal(signal.SIGHUP)
        eventually(lambda: "renewal given up; what runs goes on" in it.log())
        assert it.ended() == it.started("api")[2:]
        assert len(it.ended()) == 1
        assert (it.running("api"), it.running("indexer")) == (old, indexer)
        it.behave("api", "good")
        it.process.send_signal(signal.SIGHUP)
        eventually(lambda: not set(old) & set(it.running("api")))
        it.ready("api", 2)


def test_an_old_process_that_dies_during_its_renewal_comes_back(tmp_path: Path) -> None:
    """So that somebody is there even when the replacement is never ready."""
    with Supervised(tmp_path, "api:1", ready_s=3) as it:
        (old,) = it.ready("api")
        it.behave("api", "mute")
        it.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(it.started("api")) == 2)
        it.behave("api", "good")
        os.kill(old, signal.SIGKILL)
        eventually(lambda: "renewal given up" in it.log())
        assert it.ready("api") == it.started("api")[2:]


def test_a_stop_during_a_renewal(tmp_path: Path) -> None:
    """Old process, replacement and all others end."""
    with Supervised(tmp_path, "api:2") as it:
        it.ready("api", 2)
        it.behave("api", "mute")
        it.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(it.started("api")) == 3)
        assert it.end() == 0
        assert it.running("api") == []
        assert len(it.started("api")) == 3


@pytest.mark.parametrize("manner", ["good", "mute"])
def test_processes_end_with_their_supervisor(tmp_path: Path, manner: str) -> None:
    """Also when it was killed, and whether they were ready or not."""
    with Supervised(tmp_path, "api:1", "indexer:1") as it:
        it.behave("indexer", manner)
        it.ready("api")
        eventually(lambda: it.started("indexer"))
        it.process.kill()
        eventually(lambda: it.running("api") + it.running("indexer") == [])
