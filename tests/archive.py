"""A small archive for tests that need one on disk: made-up articles, chosen to be awkward.

Contract: deterministic. Texts repeat, so that scores tie exactly; dates repeat, are missing, lie before 1970 and at
both ends of a day; ids hold slashes, spaces, percent signs, other scripts, and up to 512 bytes.

Not here: serving it (`api_server.py`), large corpora.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from indexer.article import validate
from indexer.builder import InlineBuilder
from indexer.events import Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector, advance_statistics
from indexer.publisher import IndexerLock, Retention
from partition.types import Article

PARTITIONS = 8
ODD_IDS = (
    "Akaka/10Apr2007akaka175",
    "two words",
    "100%25 sure?&a=b#c",
    "Ångström/新聞/🗞",
    "semi;colon,comma",
    "a+b",
    "..",
    "x/versions",
    "l" * 512,
    "é" * 256,
)
_SUBJECTS = ("budget", "budget", "budget", "tariff", "tariff", "election", "storm", "veterans")
_WORDS = re.findall(
    r"\w+", "the senate house vote of and health care reform climate summit school road river coast bill"
)
_DATES = (
    *(None, "2007-02-30"),
    *("2007-04-10", "2007-04-10T23:59:59.999Z", "2007-04-11T00:00:00Z", "2007-04-09T23:59:59Z"),
    *("1969-12-31", "1955-05-05T05:05:05Z", "2006-11-07", "2007-04-10T12:00:00+02:00"),
    *(f"2007-0{month}-{day}" for month in range(1, 7) for day in (10, 20)),
)
_NOW_MS = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Archive:
    """Where it lies and what it holds."""

    root: Path
    articles: tuple[Article, ...]


def copied(root: Path, to: Path) -> Path:
    """A copy of an archive, which may be served; not of the pipes of those who do, nor of what they were asked."""
    return Path(shutil.copytree(root, to, ignore=shutil.ignore_patterns("run", "popular")))


def made_up(count: int, *, seed: int = 1, prefix: str = "n") -> tuple[Article, ...]:
    """So many articles, the first of them with odd ids."""
    random = Random(seed)
    # Three articles share each text on average.
    texts = [_text(random, _SUBJECTS[number % len(_SUBJECTS)]) for number in range(count // 3)]
    return tuple(_article(random, number, *random.choice(texts), prefix=prefix) for number in range(count))


def _text(random: Random, subject: str) -> tuple[str, str]:
    words = random.choices(_WORDS, k=random.randint(5, 60)) + [subject] * random.randint(1, 4)
    random.shuffle(words)
    return f"{subject.title()} {random.choice(_WORDS)}", " ".join(words) + "."


def _article(random: Random, number: int, title: str, body: str, *, prefix: str) -> Article:
    article_id = ODD_IDS[number] if prefix == "n" and number < len(ODD_IDS) else f"{prefix}{number:04d}"
    return validate(
        {
            "id": article_id,
            "title": title,
            "body": body,
            "section": random.choice(("Politics", "Sport", "Arts & Leisure", "")),
            "source": random.choice(("Wire", "The Post", "Öffentlicher Funk")),
            "authors": random.sample(("Ann Storm", "Bo Vote", "Élodie Budget"), k=random.randint(0, 2)),
            "tags": random.sample(("veterans", "Health"), k=random.randint(0, 2)),
            "language": random.choice(("en", "de-AT")),
            "url": f"https://news.example/{number}",
            "published_at": random.choice(_DATES),
            "modified_at": _DATES[number * 5 % len(_DATES)],
        },
        now_ms=_NOW_MS,
    ).article


def publish(
    root: Path,
    articles: Sequence[Article],
    *,
    retention: Retention | None = None,
    partitions: int = PARTITIONS,
    merge: bool = False,
) -> int:
    """Put the articles into the archive at `root`, made if it is not there; returns the new epoch."""
    root.mkdir(parents=True, exist_ok=True)
    with IndexerLock(root), EventLog(log_path(root), partitions=partitions) as log:
        log.append([Submission(article.id, article, repr(article).encode()) for article in articles])
        advance_statistics(log)
        projector = Projector(root, log, InlineBuilder(), retention=retention or Retention())
        return projector.project(merge=merge).epoch


def make_archive(root: Path, count: int = 400) -> Archive:
    """A new archive of `count` articles."""
    articles = made_up(count)
    publish(root, articles)
    return Archive(root, articles)
