"""Sends malformed bodies of every known kind, several at once, and proves that each costs itself alone.

    python -m tests.broadsheet.malformed_harness --count 200 --long-mb 1024 --seed 1 [--mutant bombs-unpacked]

Contract: each body is drawn at random: good lines, some again and some corrected, lines that are no articles, blank
ones, lines of `--long-mb`; plain, gzip or zstd; whole, cut short, a bomb, or UTF-16. It is sent to a running service
(`changed_service.py`), twice where it is whole, and all of them are indexed as files by one command, twice. Then
every good line before the place where a body breaks was logged once and can be found, every other line has its
number and its reason, what is sent again changes nothing, and no process has grown by more than `MAX_GROWTH_BYTES`.
The first thing that is not so raises `AssertionError`. With a mutant it must.

Not here: single cases (`tests/indexer/test_readers_malformed.py`), deaths half way (`tests/indexer/kill_harness.py`).
"""

import argparse
import gzip
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import orjson
import zstandard

from indexer.log import EventLog, log_path
from tests.api_server import ApiServer, eventually
from tests.broadsheet.changed_service import command
from tests.commands import BROADSHEET, environment
from tests.indexer.malformed import BAD_LINES
from tests.small_index import titles

AT_ONCE = 4
MAX_GROWTH_BYTES = 128 << 20
MUTANTS = ("bombs-unpacked", "bodies-held-whole", "bad-lines-end-it", "lines-counted-wrong")
_PIECE_BYTES = 1 << 16
_BOMB_MB = 80
_SMALL_BAD = [(line, reason) for line, reason in BAD_LINES if len(line) < 100_000]
_LARGE_BAD = [(line, reason) for line, reason in BAD_LINES if len(line) >= 100_000]
_PACKINGS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}
_TOO_LONG = "line longer than 1,048,576 bytes"


@dataclass
class Body:
    """A body, and what is to be said of it."""

    name: str
    text: bytes
    expected: list[tuple[int, str | tuple[str, str]]]
    """Line number, and the reason why it is refused or the id and title of the article, but for blank lines."""
    packing: str = "plain"
    long_bytes: int = 0
    """Of a last line, which is not in `text`."""
    broken: str = ""
    """Why the rest cannot be read; empty if all of it can."""
    cut: int = 0
    """How many bytes are missing at the end."""

    def pieces(self) -> Iterator[bytes]:
        """As it is sent."""
        content = _PACKINGS[self.packing](self.text)
        content = content[: len(content) - self.cut]
        yield from (content[at : at + _PIECE_BYTES] for at in range(0, len(content), _PIECE_BYTES))
        piece = b"x" * _PIECE_BYTES
        yield from (piece for _ in range(self.long_bytes // _PIECE_BYTES))


@dataclass
class Figures:
    """What happened."""

    bodies: Counter[str] = field(default_factory=Counter)
    good: int = 0
    bad: int = 0
    grown_bytes: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """All of it."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.bodies.items()))
        grown = ", ".join(f"{name} {size >> 20} MiB" for name, size in self.grown_bytes.items())
        return (
            f"{self.bodies.total()} bodies ({kinds}): {self.good:,} articles in, {self.bad:,} lines refused by their "
            f"numbers and with reasons, none lost, none twice; grown at most: {grown}"
        )


def drawn(number: int, random: Random, *, long_mb: int) -> Body:
    """A body at random."""
    name = f"body{number}x"
    rows: list[bytes] = []
    expected: list[tuple[int, str | tuple[str, str]]] = []
    for _ in range(random.randint(2, 400)):
        kind = random.random() if expected else 1.0
        line = len(rows) + 1
        if kind < 0.15:
            bad, reason = random.choice(_LARGE_BAD if kind < 0.001 else _SMALL_BAD)
            rows.append(bad)
            expected.append((line, reason))
        elif kind < 0.2:
            rows.append(b" " * random.randint(0, 3))
        else:
            article = f"{name}/{random.randint(0, 300)}", f"{name} {random.randint(0, 2)}"
            rows.append(b'{"id":"%s","title":"%s"}' % (article[0].encode(), article[1].encode()))
            expected.append((line, article))
    ending = b"\r\n" if random.random() < 0.2 else b"\n"
    body = Body(name, ending.join(rows) + ending, expected, random.choice(["plain", "gzip", "zstd"]))
    _spoil(body, len(rows), random, long_mb)
    return body


def _spoil(body: Body, rows: int, random: Random, long_mb: int) -> None:
    kind = random.random()
    if kind < 0.1:
        body.text, body.packing, body.broken = body.text.decode(errors="replace").encode("utf-16"), "plain", "UTF-16"
        body.expected.clear()
    elif kind < 0.3 and body.packing != "plain":
        body.cut, body.broken = random.randint(1, len(b"".join(body.pieces())) - 20), "ends early"
    elif kind < 0.33:
        body.packing, body.broken = random.choice(["gzip", "zstd"]), "100 times its size"
        vast = b'{"id":"%s/vast","title":"%s vast","body":"%s"}\n' % (*(body.name.encode(),) * 2, b" " * 1_000_000)
        article = f"{body.name}/vast", f"{body.name} vast"
        body.expected += [(rows + 1 + at, article) for at in range(_BOMB_MB)]
        body.text += vast * _BOMB_MB
    elif kind < 0.4 or (long_mb and kind < 0.42):
        body.packing, body.long_bytes = "plain", 2 << 20 if kind < 0.4 else long_mb << 20
        body.expected.append((rows + 1, _TOO_LONG))


def _send(server: ApiServer, body: Body) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The job that it became, and its results."""
    headers = {"Content-Type": "application/x-ndjson"}
    with httpx2.Client(base_url=server.url, timeout=300) as client:

        def sent() -> httpx2.Response | None:
            answer = client.post("/v1/articles:bulk", content=body.pieces(), headers=headers)
            assert answer.status_code in {200, 202, 503}, answer.text
            return answer if answer.is_success else None

        address = eventually(sent).headers["Location"]
        job = eventually(lambda: _ended(client.get(address).json()))
        return job, [orjson.loads(line) for line in client.get(job["links"]["results"]).content.splitlines()]


def _ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["status"] in {"succeeded", "failed"} else None


def _judge(body: Body, job: dict[str, Any], results: list[dict[str, Any]], shown: dict[str, str]) -> None:
    """Compare what was said with what is to be said, and note what is shown from here on."""
    assert job["status"] == ("failed" if body.broken else "succeeded"), (body.name, job)
    assert body.broken in job.get("reason", ""), (body.name, job)
    told = body.expected[: len(results)]
    assert body.broken or len(told) == len(body.expected), (body.name, "lines are missing")
    assert [one["line"] for one in results] == [line for line, _said in told], (body.name, "lines have other numbers")
    for one, (line, said) in zip(results, told, strict=True):
        if isinstance(said, str):
            assert one["status"] == "rejected", (body.name, line, one)
            assert one["error"].startswith(said), (body.name, line, one)
            continue
        article_id, title = said
        before = shown.get(article_id)
        status = "created" if before is None else "unchanged" if before == title else "corrected"
        assert (one["status"], one["id"]) == (status, article_id), (body.name, line, one)
        shown[article_id] = title


class Service:
    """A running service that bodies are sent to."""

    def __init__(self, root: Path, figures: Figures, mutant: str | None) -> None:
        self._figures = figures
        self._telling = threading.Lock()
        changes = ["hurried", *([mutant] if mutant else [])]
        settings: dict[str, Any] = {"indexer": True, "workers": 1, "builders": 1}
        self.server = ApiServer(root, ready=False, command=command(changes), **settings)
        self._root = root
        _send(self.server, drawn(10**9, Random(0), long_mb=0))
        self._before = {process: _memory(process, "VmRSS") for process in self.server.api_processes()}

    def take(self, body: Body) -> None:
        """Send one, again if it is whole, and look whether all of it is there."""
        shown: dict[str, str] = {}
        job, results = _send(self.server, body)
        _judge(body, job, results, shown)
        events = sum(one["status"] in {"created", "corrected"} for one in results)
        if not body.broken:
            settled = {said[0]: said for _line, said in body.expected if not isinstance(said, str)}
            again, repeated = _send(self.server, _whole(body, list(settled.values())))
            assert {one["status"] for one in repeated} <= {"unchanged"}, (body.name, "changed by the same again")
            assert again["min_seq"] == 0
        page = self.server.page({"q": body.name, "min_seq": job["min_seq"], "limit": 1})
        assert page["total"]["value"] == len(shown), (body.name, "articles are missing")
        with EventLog(log_path(self._root)) as log:
            logged = sum(len(log.history(article_id)) for article_id in shown)
        assert logged == events, (body.name, "logged more or less than it was said")
        with self._telling:
            self._figures.bodies[f"{body.packing} {body.broken or ('long' if body.long_bytes else 'whole')}"] += 1
            self._figures.good += len(shown)
            self._figures.bad += sum(one["status"] == "rejected" for one in results)

    def grown_bytes(self) -> int:
        """How much larger its processes have been than they were at first."""
        return max(_memory(process, "VmHWM") - before for process, before in self._before.items())


def _whole(body: Body, articles: list[tuple[str, str]]) -> Body:
    text = b"".join(b'{"title":"%s","id":"%s"}\n' % (title.encode(), name.encode()) for name, title in articles)
    return Body(body.name, text, [])


def _memory(process: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) << 10


def bodies(folder: Path, *, count: int, seed: int, long_mb: int, mutant: str | None = None) -> Figures:
    """Send so many bodies, and index them as files."""
    figures = Figures()
    root = folder / "live"
    root.mkdir()
    random = Random(seed)
    numbered = [drawn(number, random, long_mb=long_mb) for number in range(count)]
    service = Service(root, figures, mutant)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(service.take, numbered):
                pass
        figures.grown_bytes["service"] = service.grown_bytes()
    finally:
        service.server.close()
    _index(folder, numbered, figures)
    for name, grown in figures.grown_bytes.items():
        assert grown <= MAX_GROWTH_BYTES, f"{name} has grown by {grown:,} bytes"
    return figures


def _index(folder: Path, numbered: Sequence[Body], figures: Figures) -> None:
    """The same as files, by one command; again it changes nothing."""
    files, root = folder / "files", folder / "indexed"
    files.mkdir()
    for body in numbered:
        with (files / f"{body.name}.jsonl").open("wb") as file:
            for piece in body.pieces():
                file.write(piece)
    small = folder / "small.jsonl"
    small.write_bytes(b'{"id":"a","title":"t"}\n')
    least = _run(small, folder / "least")[1]
    before: dict[str, str] | None = None
    for run in range(2):
        status, peak_bytes = _run(files, root)
        figures.grown_bytes[f"index, run {run + 1}"] = peak_bytes - least
        assert status == 3, "files with lines that are refused have a status of their own"
        rejected = root / "rejects.jsonl"
        rejects = [orjson.loads(line) for line in rejected.read_bytes().splitlines()]
        rejected.unlink()
        shown = titles(root)
        assert before is None or before == shown, "indexing the same files again has changed something"
        before = shown
        for body in numbered:
            _judge_file(body, [one for one in rejects if one["file"].endswith(f"{body.name}.jsonl")], shown)


def _judge_file(body: Body, rejects: list[dict[str, Any]], shown: dict[str, str]) -> None:
    if body.broken:
        last = rejects.pop()
        assert body.broken in last["reason"], (body.name, last)
    refused = [(line, said) for line, said in body.expected if isinstance(said, str)]
    if not body.broken:
        assert len(rejects) == len(refused), (body.name, rejects)
        good = dict(said for _line, said in body.expected if not isinstance(said, str))
        assert good == {name: shown[name] for name in good}, (body.name, "articles are missing")
    for one, (line, reason) in zip(rejects, refused, strict=False):
        assert one["line"] == line, (body.name, one)
        assert one["reason"].startswith(reason), (body.name, one)


def _run(source: Path, root: Path) -> tuple[int, int]:
    """Exit status of `broadsheet index`, and its largest resident set."""
    # By a small process, since what starts another counts as part of it until then.
    code = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen(sys.argv[1:], stdout=2)\n"
        "_pid, status, usage = os.wait4(child.pid, 0)\n"
        "print(os.waitstatus_to_exitcode(status), usage.ru_maxrss << 10)"
    )
    arguments = [*BROADSHEET, "index", str(source), "--data", str(root)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(builders=1), text=True,
    )  # fmt: skip
    status, peak = done.stdout.split()
    return int(status), int(peak)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Send malformed bodies to a live service.")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--long-mb", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="malformed-") as folder:
        figures = bodies(Path(folder), count=given.count, seed=given.seed, long_mb=given.long_mb, mutant=given.mutant)
    sys.stdout.write(f"seed {given.seed}: {figures.line()}\n")


if __name__ == "__main__":
    main()
