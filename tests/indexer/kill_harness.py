"""Kills indexing at random moments and proves that nothing is lost.

    python -m tests.indexer.kill_harness --kills 20 --seed 1

Contract: each kill starts `broadsheet index FILE --data DIR` in a new folder and ends it by SIGKILL at a random
moment of a run's usual time; the moments are spread evenly over it. Every other kill hits only the parent, so that
its builder processes are orphaned. Then the archive was never published, or its newest epoch is sound and every
article in it is, whole, one that the file holds; and a second run completes and leaves what a run that nobody killed
leaves. The first thing that is not so raises `AssertionError`.

Not here: deaths at exact steps (`death.py`), power cuts.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from partition.manifest import Layout, read_manifest
from tests import commands
from tests.small_index import contents, newest

ARTICLES = 1600
PARTITIONS = 3
ROUND_ARTICLES = 500
"""Several epochs in one run."""
_WORDS = [stem + ending for stem in ("storm", "vote", "élan", "harvest") for ending in ("", "s", "ing", "er")]

Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A file of articles, some corrected further on, with some lines that are none."""

    path: Path
    versions: dict[str, list[dict[str, str]]]
    """What the file says of each article, the last version last."""
    rejected: int


def make_source(path: Path, *, articles: int = ARTICLES, seed: int = 1) -> Source:
    """Write a file of so many lines."""
    random = Random(seed)
    versions: dict[str, list[dict[str, str]]] = {}
    rejected = 0
    with path.open("w", encoding="utf-8") as file:
        for number in range(articles):
            if number % 97 == 50:
                rejected += 1
                file.write(f'{{"id": "broken/{number}", "title"\n')
                continue
            article_id = f"a/{number - 30 if number % 20 == 19 and number > 60 else number}"
            record = {"id": article_id, "title": _text(random, 6), "body": _text(random, 60)}
            versions.setdefault(article_id, []).append(record)
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return Source(path, versions, rejected)


def _text(random: Random, words: int) -> str:
    return " ".join(random.choices(_WORDS, k=random.randint(1, 2 * words)))


def _command(source: Source, root: Path) -> tuple[str | Path, ...]:
    return "index", source.path, "--data", root, "--partitions", str(PARTITIONS)


def index(source: Source, root: Path) -> None:
    """Index the whole file."""
    done = commands.run(*_command(source, root), builders=2, round_articles=ROUND_ARTICLES)
    assert done.returncode == 3, done.stderr
    assert f" {source.rejected:,} rejected; {len(source.versions):,} articles in epoch" in done.stdout, done.stdout


def index_and_kill(source: Source, root: Path, *, after_s: float, whole_group: bool) -> float | None:
    """Index the file for so long, then kill. If the run ends before: the seconds it took."""
    started_s = time.monotonic()
    with commands.start(*_command(source, root), builders=2, round_articles=ROUND_ARTICLES) as process:
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
            return None
        finally:
            # Orphans hold the pipes for as long as they live: nobody waits for them here.
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe
                pipe.close()
    return time.monotonic() - started_s


def verify(source: Source, root: Path) -> tuple[int, int]:
    """The newest epoch and its number of articles; (0, 0) if nothing was published yet.

    Raises:
        AssertionError, IndexFileError: something is there that should not be, or the other way round.
    """
    layout = Layout(root)
    epochs = layout.published_epochs()
    if not epochs:
        return 0, 0
    assert epochs == list(range(1, epochs[-1] + 1)), f"epochs {epochs}"
    stored = contents(root)
    for article_id, article in stored.items():
        shown = {name: article[name] for name in ("id", "title", "body")}
        assert shown in source.versions[article_id], f"{article_id} is none of the versions in the file: {shown}"
    manifest = read_manifest(layout, epochs[-1])
    assert manifest.articles == len(stored)
    return manifest.epoch, manifest.articles


def outcome(root: Path) -> tuple[list[int], dict[str, Stored]]:
    """What must not depend on kills: articles by partition, and everything stored but times and versions."""
    stored = {
        article_id: {name: value for name, value in article.items() if name not in {"indexed_ms", "version"}}
        for article_id, article in contents(root).items()
    }
    return [record.articles for record in newest(root).partitions], stored


def kills(folder: Path, *, count: int, seed: int, articles: int = ARTICLES) -> Iterator[str]:
    """Do it so many times; says of each what was found."""
    random = Random(seed)
    source = make_source(folder / "articles.jsonl", articles=articles, seed=seed)
    started_s = time.monotonic()
    index(source, folder / "whole")
    usual_s = time.monotonic() - started_s
    expected = outcome(folder / "whole")
    assert expected[1].keys() == source.versions.keys()
    number = 0
    while number < count:
        root = folder / f"killed-{number}"
        after_s = usual_s * (number + random.random()) / count
        whole_group = number % 2 == 0
        ended_s = index_and_kill(source, root, after_s=after_s, whole_group=whole_group)
        epoch, held = verify(source, root)
        index(source, root)
        assert outcome(root) == expected
        shutil.rmtree(root)
        if ended_s is None:
            number += 1
            victim = "the group" if whole_group else "the parent"
            yield f"{after_s:6.2f} of {usual_s:.2f} s: killed {victim:<10}  epoch {epoch}, {held:>6,} articles"
        else:  # it is quicker now: kill earlier
            usual_s = ended_s


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill indexing at random moments.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--articles", type=int, default=ARTICLES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        for line in kills(Path(folder), count=given.kills, seed=given.seed, articles=given.articles):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{given.kills} kills with seed {given.seed}: nothing lost, nothing half there\n")


if __name__ == "__main__":
    main()
