"""An archive on which queries of death take seconds: few articles, but long ones of few words, and very many words.

Phrases are slow where words are frequent: a third of the articles' words are `the`. Wildcards are slow where very
many words begin alike. Facets are large where every article has tags of its own.

Contract: the articles are always the same; their words are those of `benchmarks/killers/catalogue.py`.

Not here: what is asked of it (`test_killers.py`, `test_deadlines.py`).
"""

from itertools import accumulate
from pathlib import Path
from random import Random
from string import ascii_lowercase

from benchmarks.killers.catalogue import BEGINNING, COMMON
from partition.types import Article
from tests.archive import publish

LONG, LONG_WORDS = 1200, 3000
STRANGE, STRANGE_WORDS = 160, 500
TAGS = 50
PARTITIONS = 2
"""Each long for a thread."""
_SHARES = list(accumulate(1 / (rank + 1) for rank in range(len(COMMON))))
_DAY_MS = 86_400_000


def write_long_articles(root: Path) -> None:
    """Make the archive in a new folder."""
    random = Random(1)
    articles = [*(_long(random, number) for number in range(LONG)), *(_strange(random, n) for n in range(STRANGE))]
    publish(root, articles, partitions=PARTITIONS)


def _long(random: Random, number: int) -> Article:
    return Article(
        id=f"long/{number}",
        title=" ".join(random.choices(COMMON, cum_weights=_SHARES, k=6)),
        body=" ".join(random.choices(COMMON, cum_weights=_SHARES, k=LONG_WORDS)),
        tags=tuple(f"tag {number} {tag}" for tag in range(TAGS)),
        published_ms=number * _DAY_MS,
    )


def _strange(random: Random, number: int) -> Article:
    words = (BEGINNING + "".join(random.choices(ascii_lowercase, k=8)) for _ in range(STRANGE_WORDS))
    return Article(id=f"strange/{number}", title="Strange", body=" ".join(words))
