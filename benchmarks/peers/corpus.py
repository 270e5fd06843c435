"""The articles that are indexed and the questions that are asked.

Words come from a query log, one query a line, cut down to words of letters and digits in lower case; or from the
titles of the articles. The first so many queries of which at least one word is in some article are asked as `or`,
`or_total`, `date` and `newest`; those whose words some article holds all as `and`, the others as `and_empty`.
Phrases are two to four words that stand side by side in a body, taken as they are. Date ranges are 30 whole days
that hold the publication of an article taken by chance.

Contract: the same files and numbers give the same articles and questions.

Not here: what an article must be (`indexer/article.py`), what is true of a question (`oracle.py`).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from benchmarks.peers.engine import QueryClass, Question
from indexer.article import ArticleInvalid, validate
from indexer.fields import FieldMap
from indexer.readers import Record, open_records
from indexer.sample import generate
from partition.types import Article

Workload = dict[QueryClass, list[Question]]
Hits = Callable[[QueryClass, Question], int]
"""How many articles match a question of a class."""

SAMPLE_ARTICLES = 2000
MAX_WORDS = 16
"""A query of more words is left out."""
RANGE_DAYS = 30
_DAY_MS = 86_400_000
_WORD = re.compile(r"[^\W_]+")
_SEED = 20051231


class NothingToMeasure(Exception):  # noqa: N818 - names the state of the files
    """There is no article, or no question about one; the message says which file to look at."""


def articles_of(corpus: Path | None, count: int | None) -> list[Article]:
    """The first `count` valid articles of a file, or all; sample articles without a file. Each id once.

    Raises:
        NothingToMeasure: there is none.
    """
    found: dict[str, Article] = {}
    for record in _records(corpus, count):
        try:
            article = validate(record, now_ms=time.time_ns() // 1_000_000).article
        except ArticleInvalid:
            continue
        found[article.id] = article
        if len(found) == count:
            break
    if not found:
        raise NothingToMeasure(f"{corpus} holds no valid article; `broadsheet index` says what is wrong with them")
    return list(found.values())


def _records(corpus: Path | None, count: int | None) -> Iterator[dict[str, Any]]:
    if corpus is None:
        yield from generate(count or SAMPLE_ARTICLES, seed=1)
        return
    names = FieldMap()
    for item in open_records([corpus]):
        if isinstance(item, Record):
            yield names.rename(item.values)


def write_articles(path: Path, articles: Iterable[Article]) -> None:
    """Keep articles for another process, one a line."""
    encoder = msgspec.json.Encoder()
    with path.open("wb") as file:
        file.writelines(encoder.encode(article) + b"\n" for article in articles)


def read_articles(path: Path) -> list[Article]:
    """The articles that `write_articles` kept."""
    decoder = msgspec.json.Decoder(Article)
    with path.open("rb") as file:
        return [decoder.decode(line) for line in file]


def write_workload(path: Path, workload: Workload) -> None:
    """Keep questions for another process."""
    path.write_bytes(msgspec.json.encode(workload))


def read_workload(path: Path) -> Workload:
    """The questions that `write_workload` kept."""
    return msgspec.json.decode(path.read_bytes(), type=Workload)


def workload_of(queries: Path | None, articles: Sequence[Article], hits: Hits, asked: int) -> Workload:
    """At most `asked` questions of each class.

    Args:
        queries: one query a line; without it the first three words of titles are asked.
        articles: where phrases and dates come from.
        hits: the oracle.
        asked: how many.

    Raises:
        NothingToMeasure: no query has a word that is in any article.
    """
    texts = _log_texts(queries) if queries else _title_texts(articles)
    asking = list(islice((Question(text) for text in texts if hits("or", Question(text))), asked))
    if not asking:
        raise NothingToMeasure(f"no query of {queries} has a word that is in any article; give other queries")
    shared: Workload = {"and": [], "and_empty": []}
    for question in asking:
        shared["and" if hits("and", question) else "and_empty"].append(question)
    return {
        "or": asking,
        "or_total": asking,
        **shared,
        "phrase": _phrases(articles, asked),
        "date": _dated(articles, asking),
        "newest": asking,
    }


def _log_texts(queries: Path) -> Iterator[str]:
    texts = dict.fromkeys(map(_plain, queries.read_text(encoding="utf-8").splitlines()))
    return (text for text in texts if 1 <= len(text.split()) <= MAX_WORDS)


def _title_texts(articles: Iterable[Article]) -> Iterator[str]:
    texts = dict.fromkeys(" ".join(_plain(article.title).split()[:3]) for article in articles)
    return (text for text in texts if text)


def _plain(line: str) -> str:
    """The words of a query, each once: a word said twice counts twice in some engines."""
    return " ".join(dict.fromkeys(_WORD.findall(line.lower())))


def _phrases(articles: Sequence[Article], count: int) -> list[Question]:
    random = Random(_SEED)
    found: dict[Question, None] = {}
    # Short bodies have few phrases: a small archive may have fewer than are wanted.
    for _attempt in range(20 * count):
        words = _WORD.findall(random.choice(articles).body.lower())
        length = random.randint(2, 4)
        if len(words) >= length:
            start = random.randrange(len(words) - length + 1)
            found[Question(" ".join(words[start : start + length]))] = None
        if len(found) == count:
            break
    return list(found)


def _dated(articles: Sequence[Article], asking: Sequence[Question]) -> list[Question]:
    random = Random(_SEED)
    days = [article.published_ms // _DAY_MS for article in articles if article.published_ms is not None]
    if not days:
        return []
    starts = ((random.choice(days) - random.randrange(RANGE_DAYS)) * _DAY_MS for _question in asking)
    return [
        Question(question.text, start_ms, start_ms + RANGE_DAYS * _DAY_MS)
        for question, start_ms in zip(asking, starts, strict=True)
    ]


def words_in(articles: Iterable[Article]) -> int:
    """How many words titles and bodies hold."""
    return sum(len(_WORD.findall(text)) for article in articles for text in (article.title, article.body))
