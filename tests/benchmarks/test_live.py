"""Live: the arithmetic of its figures, and that every phase is measured and every promise looked at.

Not here: whether the figures are good, which belongs to a machine.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.live import __main__ as command
from benchmarks.live import overload, phases
from benchmarks.live.feed import PREFIX, Feed
from benchmarks.live.figures import after_warm_up, compared, latencies, patience, ratio, slope
from benchmarks.live.probing import Prober
from benchmarks.live.report import Target
from benchmarks.live.schedule import evenly, on_schedule
from benchmarks.live.watching import Sample, summary
from benchmarks.live.wire import Answer, Client
from benchmarks.live.writing import address_of, taken
from indexer.sample import generate

SENT = Answer(202, b"HTTP/1.1 202 Accepted\r\nRetry-After: 7\r\ncontent-length: 2\r\n\r\n", b"{}", 0.0)


def test_percentiles_are_latencies_that_somebody_had() -> None:
    """By nearest rank, in milliseconds; of nothing they are not known."""
    assert latencies(number / 1000 for number in range(200, 0, -1)) == {
        "count": 200,
        "p50_ms": 100,
        "p95_ms": 190,
        "p99_ms": 198,
        "max_ms": 200,
    }
    assert latencies([]) == {"count": 0, "p50_ms": None, "p95_ms": None, "p99_ms": None, "max_ms": None}


def test_a_slope_is_that_of_the_line_of_least_squares() -> None:
    """Noise that is the same on both sides does not count; one place has no slope."""
    assert slope([(x, 3 * x + (-1) ** x) for x in range(5)]) == pytest.approx(3)
    assert slope([(2.0, 5.0), (2.0, 7.0)]) == slope([]) == 0


def test_the_first_third_of_the_time_is_warming_up() -> None:
    """Of the time, not of the points."""
    assert after_warm_up([(0, 1), (1, 1), (2, 1), (10, 5), (30, 6)]) == [(10, 5), (30, 6)]
    assert after_warm_up([]) == []


def test_ratios_of_what_is_not_known_are_not_known() -> None:
    """Else they are told to two digits."""
    assert (ratio(10.0, 4.0), ratio(None, 4.0), ratio(1.0, None), ratio(1.0, 0.0)) == (2.5, None, None, None)


@pytest.mark.parametrize(
    ("walked", "found"),
    [
        ("abcd", {"repeats": 0, "skipped": 0, "strangers": 0, "in_order": True, "right": True}),
        ("abdc", {"repeats": 0, "skipped": 0, "strangers": 0, "in_order": False, "right": False}),
        ("abccd", {"repeats": 1, "skipped": 0, "strangers": 0, "in_order": False, "right": False}),
        ("abd", {"repeats": 0, "skipped": 1, "strangers": 0, "in_order": False, "right": False}),
        ("abcxd", {"repeats": 0, "skipped": 0, "strangers": 1, "in_order": False, "right": False}),
    ],
)
def test_a_walk_is_held_against_its_state(walked: str, found: dict[str, Any]) -> None:
    """Repeats, skips, strangers and, where it is known, the order."""
    counts = {"hits": len(walked), "expected": 4}
    assert compared(walked, "abcd", ordered=True) == {**counts, **found}
    assert compared(walked, "dcba", ordered=False)["right"] is (sorted(walked) == list("abcd"))


def test_waits_are_compared_with_what_it_took() -> None:
    """The median of what was told; nothing is compared where nobody was told anything."""
    assert patience([3, 1, 2], 4.0) == {"told_p50_s": 2, "told_max_s": 3, "took_s": 4.0, "told_for_took": 0.5}
    assert patience([], 4.0) == {"told_p50_s": None, "told_max_s": None, "took_s": 4.0, "told_for_took": None}


def test_a_target_is_met_up_to_its_bound() -> None:
    """And not if its figure is not known."""
    assert [Target("x", figure, 2).met for figure in (1.9, 2, 2.1, None)] == [True, True, False, False]


def test_the_feed_knows_what_must_be_there() -> None:
    """New articles, corrections of what is there, withdrawals; each article is given to one at a time."""
    feed = Feed(["a", "b"], texts=3, seed=1, corrections=1.0)
    lines = feed.mixed(3)
    assert {"a", "b"} < set(lines.ids)
    assert [orjson.loads(line)["id"] for line in lines.body.splitlines()] == lines.ids
    assert all(orjson.loads(line)["title"] for line in lines.body.splitlines())
    assert feed.take() is None, "both are being corrected"
    feed.doubtful(lines.ids)
    assert feed.uncertain == set(lines.ids)
    feed.written(lines.ids)
    assert (feed.expected, feed.uncertain) == ({"a", "b", f"{PREFIX}00000001"}, set())
    assert sorted(filter(None, (feed.take() for _ in range(4)))) == sorted(lines.ids)
    feed.withdrawn("a")
    some = feed.fresh(2)
    feed.doubtful(some.ids)
    feed.settled(some.ids, some.ids[:1])
    assert (feed.expected, feed.uncertain) == ({"b", f"{PREFIX}00000001", some.ids[0]}, set())


def test_the_feed_is_the_same_again() -> None:
    """For a seed and an order of calls."""
    first, second = (Feed(["a", "b", "c"], texts=5, seed=7, corrections=0.3) for _ in range(2))
    assert [first.mixed(4) for _ in range(3)] == [second.mixed(4) for _ in range(3)]


def test_a_body_is_taken_when_all_its_lines_are() -> None:
    """A job that failed, or that left out a line, is not."""
    lines = Feed([], texts=1, seed=1, corrections=0).fresh(2)

    def job(status: str, done: int) -> Answer:
        return SENT._replace(body=orjson.dumps({"status": status, "progress": {"done": done}}))

    assert taken(job("running", 2), lines)
    assert not taken(job("failed", 2), lines)
    assert not taken(job("running", 1), lines)
    assert not taken(job("running", 2)._replace(status=503), lines)


def test_what_is_looked_for_is_changed_by_nobody() -> None:
    """A probe is to be corrected or withdrawn like any other article, but only when it was found, or given up."""
    feed, handed_out = Feed([], texts=1, seed=1, corrections=1.0), []

    class Server:
        """Acknowledges, and fails the last search."""

        async def send(self, *_given: Any) -> Answer:
            """A write."""
            return SENT._replace(body=b'{"min_seq": 1}')

        async def get(self, _target: str) -> Answer:
            """A search."""
            handed_out.append(feed.take())
            if len(handed_out) == 2:
                raise OSError
            return Answer(200, b"", b'{"total": {"value": 1}}', 1.0)

    prober = Prober(Server(), feed)  # type: ignore[arg-type]
    asyncio.run(prober.probe(1000.0, 0.002))
    assert handed_out == [None, "probe-0000000"]
    assert feed.expected == {"probe-0000000", "probe-0000001"}
    assert (feed.take(), prober.errors) == ("probe-0000001", {"OSError": 1})


def test_ids_are_percent_encoded() -> None:
    """Byte by byte, all but letters and digits."""
    assert address_of("Akaka/10 é") == "/v1/articles/Akaka%2F10%20%C3%A9"


def test_moments_are_kept_whatever_takes_long() -> None:
    """What starts late starts at once, and is told when it was due."""
    assert list(evenly(4, 1)) == [0, 0.25, 0.5, 0.75]

    async def run() -> list[tuple[float, float]]:
        told: list[tuple[float, float]] = []
        first_over = asyncio.Event()

        async def start(due_s: float) -> None:
            told.append((due_s, time.monotonic()))
            if len(told) == 3:
                first_over.set()
            await first_over.wait()

        await on_schedule(evenly(100, 0.03), start)
        return told

    told = asyncio.run(run())
    assert [due_s - told[0][0] for due_s, _ in told] == pytest.approx([0, 0.01, 0.02])
    assert all(started_s >= due_s for due_s, started_s in told)


def test_samples_are_summed_up_by_role() -> None:
    """Cores are CPU time by time; growth is that after the first third."""

    def sample(at_s: float) -> Sample:
        held = {"rss_mb": 100 + at_s, "anonymous_mb": 50.0 if at_s else 10.0, "cpu_s": at_s / 2}
        return Sample(at_s, int(at_s) * 5, 1000, 20 + int(at_s) % 2, 3, 7, 9000, {"api": held})

    found = summary([sample(float(at_s)) for at_s in range(61)])
    assert (found["epochs"], found["epochs_per_s"]) == (300, 5.0)
    assert (found["segments"]["most"], found["segments"]["most_of_a_partition"]) == (21, 3)
    api = found["processes"]["api"]
    assert (api["cores"], api["rss_mb_per_minute"], api["anonymous_mb_per_minute"]) == (0.5, 60.0, 0.0)
    assert (api["anonymous_mb_first"], api["anonymous_mb_most"]) == (10.0, 50.0)


def test_answers_may_come_in_pieces_and_connections_may_be_gone() -> None:
    """A kept connection that the server has closed costs a GET nothing; headers are found whatever their case."""
    head, body = SENT.head, b"{}"

    async def run() -> list[Answer]:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"\r\n\r\n")
            for at in range(len(head + body)):
                writer.write((head + body)[at : at + 1])
                await writer.drain()
            if connections == 1:
                await reader.readuntil(b"\r\n\r\n")  # and is gone without a word
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, Client(_port(server)) as client:
            answers = [await client.get("/a"), await client.get("/b")]
        assert connections == 2
        return answers

    for answer in asyncio.run(run()):
        assert (answer.status, answer.body, answer.header("retry-after")) == (202, b"{}", "7")
        assert answer.header("no-such-header") is None


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def test_every_phase_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short run: nothing acknowledged is missing, both walks meet their states, refusals say when to come back."""
    corpus, queries = tmp_path / "corpus.jsonl", tmp_path / "queries"
    corpus.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in generate(400, 3, 80)))
    queries.mkdir()
    (queries / "log.txt").write_text("security council\nbudget\nfestival weekend\n", encoding="utf-8")
    monkeypatch.setattr(overload, "SURGE", 1000)
    monkeypatch.setattr(phases, "CLOSED_LOOPS", (2,))
    out = tmp_path / "out" / "live.json"
    given = ["--corpus", str(corpus), "--queries", str(queries), "--walk", "security said", "--json", str(out)]
    brief = ["--minutes", "0.05", "--quiet-s", "1", "--overload-s", "2", "--rate", "200", "--clients", "2"]
    command.main([*given, *brief, "--max-backlog", "1000", "--partitions", "2"])
    report = json.loads(out.read_text(encoding="utf-8"))
    # A busy machine may refuse a search, and has so many bulk requests at a time that it refuses one more.
    refused = ("search: ", "probe: 1 times write: status 503", "probe: 2 times write: status 503")
    assert [one for one in report["complaints"] if not one.startswith(refused)] == []
    live, much, end = report["live"], report["overload"], report["end"]
    assert report["build"]["articles"] == 400
    assert 0 < live["searchable"]["all"]["p50_ms"] <= live["searchable"]["all"]["max_ms"]
    assert live["searchable"]["waited"]["count"] > 0 < live["searchable"]["polled"]["count"]
    assert live["writes"]["acknowledged"] == 600
    assert live["writes"]["withdrawn"] > 0
    assert live["server"]["epochs"] > 0
    assert {"api", "indexer", "generator"} <= live["server"]["processes"].keys()
    assert all(report[phase]["search"]["count"] > 0 for phase in ("quiet", "live", "grown", "overload"))
    assert much["refused"] > 0
    assert much["refusals"]["count"] == much["refused"]
    assert much["retry_after"]["told_p50_s"] >= 1
    assert much["offered"] >= much["accepted"] == sum(much["accepted_of_each"])
    assert end["expected"] >= end["held"] - end["uncertain"] > 400
    assert (end["missing"], end["strangers"], end["twice"], end["parked"]) == (0, 0, 0, 0)
    assert [(walk["sort"], walk["right"]) for walk in report["walks"]] == [("relevance", True), ("newest", True)]
    assert all(walk["hits"] > 100 for walk in report["walks"])
    assert "acknowledged to searchable, p99 ms" in capsys.readouterr().out
