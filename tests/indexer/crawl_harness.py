"""Kills imports of web crawls at random moments and proves that no article is lost and none is logged twice.

    python -m tests.indexer.crawl_harness --kills 20 --seed 1

Contract: each kill starts an import of the same files in a process of its own and ends it by SIGKILL at a random
moment of a run's usual time; the moments are spread evenly over it. Kill follows kill on the same archive until a run
ends by itself, then a new archive is begun. Whenever one has ended, the events of its log are those of a run that
nobody killed, in the same order. The first thing that is not so raises `AssertionError`.

Not here: deaths of indexing (`kill_harness.py`), what is read from WARC files (`test_warc.py`).
"""

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from indexer.crawls import import_crawls
from indexer.log import EventLog
from indexer.rejects import RejectsFile
from tests import commands

PAGES = 120
BATCH = 7
"""Smaller than the product's, so that a short run has many."""
_SENTENCES = (
    "The council voted on Friday to approve the long debated plan for the harbour.",
    "Residents said that they were pleased with the outcome of the vote.",
    "Work on the new quay is to begin in the spring of next year.",
)

Events = list[tuple[str, str, str]]
"""Kind, article id and title, in the order of the log."""


def page(title: str) -> bytes:
    """A web page with an article in it."""
    text = "".join(f"<p>{sentence} {title}.</p>" for sentence in _SENTENCES * 2)
    article = f"<article><h1>{title}</h1>{text}</article>"
    return f"<html><head><title>{title}</title></head><body>{article}</body></html>".encode()


def record(url: str, body: bytes, *, content_type: str = "text/html") -> bytes:
    """A response in a WARC file."""
    block = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode() + body
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\n"
        f"WARC-Date: 2020-05-06T07:08:09Z\r\nWARC-Target-URI: {url}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def make_crawl(folder: Path, *, pages: int = PAGES, seed: int = 1) -> list[Path]:
    """Three WARC files: addresses captured again with another text, pages that are none, a file that is cut short."""
    random = Random(seed)
    files = []
    for name in ("a.warc.gz", "b.warc.gz", "c.warc"):
        records = []
        for number in range(pages // 3):
            # Few addresses, so that many are captured more than once, also within one batch.
            url = f"http://news.example/{random.randrange(pages // 2)}"
            body = b"<html></html>" if number % 11 == 5 else page(f"{name} {number}")
            records.append(record(url, body, content_type="image/png" if number % 13 == 7 else "text/html"))
        packed = b"".join(map(gzip.compress, records) if name.endswith(".gz") else records)
        path = folder / name
        path.write_bytes(packed[:-40] if name == "b.warc.gz" else packed)
        files.append(path)
    return files


def events(root: Path) -> Events:
    """Everything that the log of an archive holds."""
    with EventLog(root / "log.sqlite") as log:
        found = [
            event
            for (article_id,) in log._db.execute("SELECT article_id FROM article").fetchall()
            for event in log.history(article_id)
        ]
    found.sort(key=lambda event: event.seq)
    return [(event.kind, event.article_id, event.article.title if event.article else "") for event in found]


def import_into(root: Path, files: list[Path], *, batch: int = BATCH) -> None:
    """Import the files in this process."""
    root.mkdir(exist_ok=True)
    sys.modules["indexer.crawls"].BATCH = batch  # type: ignore[attr-defined]
    with EventLog(root / "log.sqlite", partitions=2) as log, RejectsFile(root / "rejects.jsonl") as rejects:
        import_crawls(files, log, rejects, root / "crawls.sqlite", processes=2)


def import_and_kill(root: Path, files: list[Path], *, after_s: float) -> float | None:
    """Import them in a process for so long, then kill it. If it ends before: the seconds it took."""
    command = [sys.executable, "-m", "tests.indexer.crawl_harness", "--into", str(root), *map(str, files)]
    started_s = time.monotonic()
    with subprocess.Popen(command, cwd=commands.REPOSITORY) as process:
        try:
            status = process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    assert status == 0
    return time.monotonic() - started_s


def kills(folder: Path, *, count: int, seed: int, pages: int = PAGES) -> Iterator[str]:
    """Do it so many times; says of each what was found."""
    random = Random(seed)
    files = make_crawl(folder, pages=pages, seed=seed)
    whole = folder / "whole"
    usual_s = import_and_kill(whole, files, after_s=600)
    assert usual_s
    expected = events(whole)
    assert {kind for kind, _, _ in expected} == {"put", "correct"}
    root, number = folder / "killed", 0
    while number < count:
        fresh = not root.exists()
        # Nothing happens before the modules are imported; the later part is where batches are.
        after_s = usual_s * (0.3 + 0.7 * (number + random.random()) / count)
        ended_s = import_and_kill(root, files, after_s=after_s)
        held = events(root) if (root / "log.sqlite").exists() else []
        assert held == expected[: len(held)], "an event was lost or is there twice"
        if ended_s is None:
            number += 1
            yield f"{after_s:6.2f} of {usual_s:.2f} s: killed  {len(held):>5,} of {len(expected):,} events"
            if random.random() < 0.5:
                continue
            import_and_kill(root, files, after_s=600)
        elif fresh:  # it is quicker now: kill earlier
            usual_s = ended_s
        assert events(root) == expected
        import_and_kill(root, files, after_s=600)
        assert events(root) == expected, "a file was imported twice"
        shutil.rmtree(root)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill imports of crawls at random moments.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.into:
        import_into(given.into, given.files)
        return
    with tempfile.TemporaryDirectory(prefix="crawls-") as folder:
        for line in kills(Path(folder), count=given.kills, seed=given.seed, pages=given.pages):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{given.kills} kills with seed {given.seed}: no article lost, none twice\n")


if __name__ == "__main__":
    main()
