"""Kills and interruptions of a running `broadsheet index`."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from indexer.builder_processes import _start
from indexer.stories import BATCH, stories_path
from partition.manifest import Layout
from tests import commands
from tests.api_server import eventually
from tests.indexer.kill_harness import PARTITIONS, index, kills, make_source, outcome, verify

KILLS = 3
"""The harness itself does as many as it is told: `python -m tests.indexer.kill_harness --kills 20`."""


def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """Whenever the run is killed, alone or with its builders: an epoch that is sound, and a run that completes."""
    found = list(kills(tmp_path, count=KILLS, seed=7, articles=400))
    assert len(found) == KILLS
    assert any("killed the group" in line for line in found)
    assert any("killed the parent" in line for line in found)


@pytest.mark.parametrize("moment", ["reading", "building"])
def test_an_interruption_ends_the_run_and_keeps_the_epoch(tmp_path: Path, moment: str) -> None:
    """Ctrl-C reaches the whole group: status 130, a message and no traceback; the next run goes on."""
    source = make_source(tmp_path / "articles.jsonl")
    root = tmp_path / "archive"
    lines = source.path.read_bytes()
    rounds = 500 if moment == "reading" else 1_000_000
    arguments = ("index", "-", "--data", root, "--partitions", str(PARTITIONS))
    with commands.start(*arguments, builders=2, round_articles=rounds) as process:
        assert process.stdin
        process.stdin.write(lines)
        if moment == "reading":  # the input does not end, and so the run waits for more of it
            process.stdin.flush()
            eventually(lambda: Layout(root).newest_epoch() >= 2)
        else:
            process.stdin.close()
            process.stdin = None
            eventually(lambda: list(root.glob("partitions/*/*")))
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=commands.TIMEOUT_S)
    assert process.returncode == 130, errors
    assert errors == b"broadsheet: interrupted; the last published epoch stays searchable, run again to go on\n"
    assert b"Traceback" not in output
    epoch, articles = verify(source, root)
    assert (epoch >= 2, articles > 500) == (moment == "reading",) * 2
    if epoch:
        assert commands.run("check", "--data", root).returncode == 0
    index(source, root)
    bodies = {article_id: article["body"] for article_id, article in outcome(root)[1].items()}
    assert bodies == {article_id: versions[-1]["body"] for article_id, versions in source.versions.items()}


def test_an_interruption_ends_a_rebuild(tmp_path: Path) -> None:
    """Also one that has decided stories and begun to build; the index is as it was."""
    source = make_source(tmp_path / "articles.jsonl")
    root = tmp_path / "archive"
    index(source, root)
    stories_path(root).unlink()
    before = {*root.glob("partitions/*/*")}
    with commands.start("rebuild", "--data", root, builders=1) as process:
        eventually(lambda: {*root.glob("partitions/*/*")} - before)
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=commands.TIMEOUT_S)
    assert process.returncode == 130, (output, errors)
    assert errors == b"broadsheet: interrupted; the index is as it was\n"
    assert verify(source, root)
    assert commands.run("rebuild", "--data", root).returncode == 0


def test_only_a_builder_is_deaf_to_an_interruption(tmp_path: Path) -> None:
    """From its first moment; whoever has started it is not, whichever thread that was."""
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    with _start(lock) as child:
        try:
            assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
            if sys.platform == "linux":
                status = Path(f"/proc/{child.pid}/status").read_text()
                assert int(re.findall(r"^SigBlk:\t(\w+)$", status, re.MULTILINE)[0], 16) == 1 << (signal.SIGINT - 1)
        finally:
            child.kill()
            os.close(lock)


def test_what_is_wrong_with_the_stories_is_said(tmp_path: Path) -> None:
    """Also where they are decided while more is read, and whatever else ends with that."""
    root = tmp_path / "archive"
    root.mkdir()
    stories_path(root).write_bytes(b"no database" * 1000)
    rows = b"".join(b'{"id": "%d", "title": "t", "body": "b"}\n' % number for number in range(3 * BATCH))
    for some in (rows, b"".join(rows.splitlines(keepends=True)[:10])):
        ended = commands.run("index", "-", "--data", root, stdin=some)
        assert ended.returncode == 1
        assert "stories.sqlite: the stories cannot be used (file is not a database); put that right" in ended.stderr
        assert "Traceback" not in ended.stderr
