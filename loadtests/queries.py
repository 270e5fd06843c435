"""The query stream: what readers ask, in the order in which they asked it.

Contract: a recorded log keeps its order and its repeats, since the hit rate of a cache depends on both. Where
there is no recorded log, a generated one stands in: seeded, so the same on every run. All readers of one
phase share one stream. No locust here, so the tests need none.

Not here: what is requested beside searches (`traffic.py`).
"""

import gzip
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

GENERATED_QUERIES = 50_000
WORDS_PER_QUERY = {1: 20, 2: 40, 3: 30, 4: 10}
"""Length of a generated query in words -> its weight."""
POPULARITY_EXPONENT = 0.8
"""Of queries. 0.64 to 0.83 for web requests: Breslau et al., "Web Caching and Zipf-like Distributions",
INFOCOM 1999."""
WORD_EXPONENT = 1.0
"""Of words within queries: Zipf's law."""

_WORD = re.compile(r"[a-z]{4,}")  # shorter ones are mostly function words, which readers leave out
_ARTICLES_READ = 2_000
_WORDS_KEPT = 5_000

NEWS_WORDS = _WORD.findall("""
government president senate minister election police court budget economy market company health school
education energy climate water farm trade border security military peace treaty union labor industry science
research space weather storm flood fire rescue hospital vaccine drug crime trial judge appeal reform bill
vote campaign party leader policy protest strike wage price inflation bank loan housing transport railway
airport bridge highway river island city county village museum theatre music film book sport football tennis
cricket olympic medal record history
""")
"""Common words of news in English, for a log that is generated without an article at hand."""


class QueryLogError(Exception):
    """There is no query log, or no article, where one was asked for."""


def read_queries(folder: Path) -> list[str]:
    """The lines of the `*.txt` files of `folder`, file by file in order of name, each file in its own order.

    Lines without a letter or a digit ask nothing and are left out.

    Raises:
        QueryLogError: the folder holds no query.
    """
    lines = itertools.chain.from_iterable(
        path.read_text(encoding="utf-8", errors="replace").splitlines() for path in sorted(folder.glob("*.txt"))
    )
    queries = [line.strip() for line in lines if any(map(str.isalnum, line))]
    if not queries:
        raise QueryLogError(f"{folder} holds no query; give a folder of .txt files with one query a line")
    return queries


def words_of(articles: Path) -> list[str]:
    """Words of the first articles of a JSONL file (plain or gzip), the most frequent first.

    Raises:
        QueryLogError: the file cannot be read as JSONL with a text in its articles.
    """
    counts: Counter[str] = Counter()
    try:
        with (gzip.open if articles.suffix == ".gz" else open)(articles, "rt", encoding="utf-8") as lines:
            for line in itertools.islice(lines, _ARTICLES_READ):
                article = json.loads(line)
                counts.update(_WORD.findall(f"{article.get('title', '')} {article.get('body', '')}".lower()))
    except (OSError, ValueError, AttributeError) as error:
        raise QueryLogError(f"{articles} is not a readable JSONL file of articles: {error}") from error
    if not counts:
        raise QueryLogError(f"{articles} holds no word; give articles with a title or a body")
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_WORDS_KEPT]]


def zipf_log(words: Sequence[str], seed: int, count: int = GENERATED_QUERIES) -> list[str]:
    """A log of `count` queries made of `words` (the most frequent first): few are asked often, most once."""
    draw = random.Random(seed)
    word_weights = _zipf_weights(len(words), WORD_EXPONENT)
    lengths = draw.choices(list(WORDS_PER_QUERY), list(WORDS_PER_QUERY.values()), k=count)
    candidates = (draw.choices(words, cum_weights=word_weights, k=length) for length in lengths)
    distinct = list(dict.fromkeys(" ".join(dict.fromkeys(candidate)) for candidate in candidates))
    draw.shuffle(distinct)  # else the short queries, which come up first, would also be the popular ones
    return draw.choices(distinct, cum_weights=_zipf_weights(len(distinct), POPULARITY_EXPONENT), k=count)


def query_log(folder: Path | None, articles: Path | None, seed: int) -> list[str]:
    """The recorded log of `folder`; else a generated log of words of `articles` or of `NEWS_WORDS`."""
    if folder is not None:
        return read_queries(folder)
    return zipf_log(words_of(articles) if articles is not None else NEWS_WORDS, seed)


class QueryStream:
    """The one stream that all readers take from: `queries` in order, from the start again at their end."""

    def __init__(self, queries: Sequence[str]) -> None:
        self._queries = itertools.cycle(queries)
        self.taken = 0

    def take(self) -> str:
        """The next query."""
        self.taken += 1
        return next(self._queries)


def _zipf_weights(ranks: int, exponent: float) -> list[float]:
    """Cumulative weights of the ranks 1, 2, ... `ranks`, each rank ** -exponent."""
    return list(itertools.accumulate(rank**-exponent for rank in range(1, ranks + 1)))
