"""Killers as a command: that every phase is measured, and that what is wrong makes the exit status.

Not here: whether the service survives them (`tests/search/test_killers.py`).
"""

import json
import socket
import threading
from pathlib import Path

import pytest

from benchmarks.killers import __main__ as command
from benchmarks.killers.asking import Outcome, ask, complaint
from benchmarks.killers.catalogue import Killer, killers
from tests.archive import Archive

BRIEF = ["--seconds", "0.5", "--rate", "10", "--rounds", "1", "--together", "4", "--random", "400"]
AMPLE = ["--timeout-ms", "20000"]


def test_every_phase_is_measured(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In peace, under killers, and random queries; each killer's time and memory; what is held after."""
    some = killers()[::9]
    monkeypatch.setattr(command, "killers", lambda: some)
    out = tmp_path / "out" / "killers.json"
    assert command.main(["--data", str(archive.root), *BRIEF, *AMPLE, "--json", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report == json.loads(capsys.readouterr().out)
    assert report["articles"] == len(archive.articles)
    assert report["complaints"] == []
    one, at_random, together = report["one_at_a_time"], report["at_random"], report["together"]
    for figures in (report["in_peace"], *(phase["bystanders"] for phase in (one, at_random, together))):
        assert figures["answered"] > 0
        assert 0 < figures["words"]["p50_ms"] <= figures["words"]["p99_ms"]
    assert report["killers"] == len(some)
    assert set(at_random["statuses"]) == {"200", "400"}
    assert sum(at_random["statuses"].values()) == 398  # and two killers
    assert 0 < at_random["p50_ms"] <= at_random["most_ms"]
    assert one["asked"] == sum(one["statuses"].values()) >= len(some)
    assert sum(together["rounds"][0]["statuses"].values()) == len(some)
    assert one["slowest"][0]["ms"] >= one["slowest"][-1]["ms"] > 0
    assert report["idle_mb"] > together["rounds"][0]["anonymous_mb"] > 0


def test_killers_have_names_of_their_own() -> None:
    """By which they can be told apart."""
    names = [killer.name for killer in killers()]
    assert len(set(names)) == len(names)
    assert sum(killer.heavy for killer in killers()) == 12


@pytest.mark.parametrize(
    ("beyond", "outcome", "crowded", "wrong"),
    [
        (False, Outcome(200, b"", 0), False, False),
        (False, Outcome(504, b"", 0), False, False),
        (False, Outcome(400, b"", 0), False, True),
        (False, Outcome(500, b"", 0), False, True),
        (False, Outcome(0, b"", 0), True, True),
        (None, Outcome(400, b"", 0), False, False),
        (None, Outcome(200, b"", 0), False, False),
        (True, Outcome(414, b"", 0), False, False),
        (True, Outcome(200, b"", 0), False, True),
        (True, Outcome(504, b"", 0), False, True),
        (True, Outcome(0, b"", 0), False, True),
        (False, Outcome(503, b'{"type": "/docs/problems/overloaded"}', 0), False, True),
        (False, Outcome(503, b'{"type": "/docs/problems/overloaded"}', 0), True, False),
        *(
            (
                False,
                Outcome(503, json.dumps({"type": "x", "coverage": {"partitions": {"failed": failed}}}).encode(), 0),
                False,
                wrong,
            )
            for failed, wrong in (
                ([], True),
                ([{"partition": 1, "reason": "timeout"}], False),
                ([{"partition": 1, "reason": "timeout"}, {"partition": 2, "reason": "failed"}], True),
            )
        ),
    ],
)
def test_what_may_come_of_a_killer(beyond: bool | None, outcome: Outcome, crowded: bool, wrong: bool) -> None:
    """Beyond a limit a refusal and nothing else; within it an answer, or one that says that time was short."""
    assert bool(complaint(Killer("x", dict, beyond), outcome, crowded=crowded)) == wrong


def test_a_refusal_before_all_was_said() -> None:
    """What the server says before it closes the connection is heard, however much was still to be said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _address = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 414 No\r\n\r\nno")

        server = threading.Thread(target=refuse)
        server.start()
        outcome = ask(listening.getsockname()[1], Killer("long", lambda: b"q=" + b"x" * 50_000_000), 1000)
        server.join()
    assert outcome[:2] == (414, b"no")
