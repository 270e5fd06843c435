"""Where the engine stands: the same articles and queries through Broadsheet's leaf and through stock Whoosh.

    python -m benchmarks.baseline [--corpus FILE] [--queries FILE] [--articles 2000] [--asked 200] [--json OUT]

Contract: one process, one thread, one partition, the two engines in turn on the same query; top 10 with ids, parsing
included. Broadsheet builds through its log, with exact lengths and totals; Whoosh gets the same two fields with
stemming and boosts, ids stored. Without a corpus, sample articles and the words of their titles are used.

Not here: HTTP (`loadtests/`), other engines.
"""

import argparse
import itertools
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from whoosh import fields as whoosh_fields
from whoosh import index as whoosh_index
from whoosh.qparser import MultifieldParser, OrGroup

from indexer.article import ArticleInvalid, validate
from indexer.builder import build_inline
from indexer.fields import FieldMap
from indexer.log import EventLog, Submission
from indexer.projection import Projector, advance_statistics, log_path
from indexer.publisher import Retention
from indexer.readers import Record, open_records
from indexer.sample import generate
from partition.analysis import ANALYZER
from partition.types import Article
from search.leaf import Slice, search
from search.parsing import parse_query
from search.query import Filters, Query
from search.snapshot import Snapshots

_WORD = re.compile(r"\w+")
Ask = Callable[[list[str]], object]


def articles_of(corpus: Path | None, count: int) -> list[Article]:
    """The first `count` valid articles, each id once."""

    def records() -> Iterator[dict[str, Any]]:
        if corpus is None:
            yield from generate(count, seed=1)
            return
        names = FieldMap()
        for item in open_records([corpus]):
            if isinstance(item, Record):
                yield names.rename(item.values)

    found: dict[str, Article] = {}
    for record in records():
        try:
            article = validate(record, now_ms=time.time_ns() // 1_000_000).article
        except ArticleInvalid:
            continue
        found[article.id] = article
        if len(found) == count:
            break
    return list(found.values())


def queries_of(queries: Path | None, articles: list[Article], count: int) -> list[list[str]]:
    """The words of `count` queries."""
    if queries is not None:
        lines = queries.read_text(encoding="utf-8").splitlines()
    else:
        lines = [
            " ".join(_WORD.findall(article.title)[:3]) for article in articles[:: max(1, len(articles) // count)]
        ]
    words = ([word for word in _WORD.findall(line) if word.upper() not in {"AND", "OR", "NOT"}] for line in lines)
    return list(itertools.islice(filter(None, words), count))


def broadsheet(articles: list[Article], folder: Path) -> tuple[float, dict[str, Ask]]:
    """Build; returns seconds and how to ask each class of query."""
    started_s = time.perf_counter()
    folder.mkdir()
    with EventLog(log_path(folder), partitions=1) as log:
        projector = Projector(folder, log, build_inline, retention=Retention())
        log.append([Submission(article.id, article, b"") for article in articles])
        advance_statistics(log)
        manifest = projector.project()
    built_s = time.perf_counter() - started_s
    snapshot = Snapshots(folder).open(manifest.epoch)
    reader = snapshot.partition(0)
    assert reader

    def ask(joint: str, sort: str) -> Ask:
        def run(words: list[str]) -> object:
            node = parse_query(joint.join(words), snapshot.statistics.prefix_size)
            query = Query(node, Filters(), sort)  # type: ignore[arg-type]
            return search(reader, snapshot.statistics, 0, query, Slice(10), time.monotonic() + 60).matches

        return run

    return built_s, {"or": ask(" OR ", "relevance"), "and": ask(" ", "relevance"), "newest": ask(" ", "newest")}


def stock_whoosh(articles: list[Article], folder: Path) -> tuple[float, dict[str, Ask]]:
    """The same with Whoosh as it comes."""
    schema = whoosh_fields.Schema(
        id=whoosh_fields.ID(stored=True),
        title=whoosh_fields.TEXT(analyzer=ANALYZER, field_boost=2.0),
        body=whoosh_fields.TEXT(analyzer=ANALYZER),
        published=whoosh_fields.NUMERIC(int, bits=64, signed=True, sortable=True),
    )
    started_s = time.perf_counter()
    folder.mkdir()
    index = whoosh_index.create_in(str(folder), schema)
    writer = index.writer(limitmb=128)
    for article in articles:
        published = article.published_ms or 0
        writer.add_document(id=article.id, title=article.title, body=article.body, published=published)
    writer.commit()
    built_s = time.perf_counter() - started_s
    searcher = index.searcher()
    either = MultifieldParser(["title", "body"], schema, group=OrGroup)
    every = MultifieldParser(["title", "body"], schema)

    def ask(parser: MultifieldParser, **options: Any) -> Ask:
        def run(words: list[str]) -> object:
            return [hit["id"] for hit in searcher.search(parser.parse(" ".join(words)), limit=10, **options)]

        return run

    newest = ask(every, sortedby="published", reverse=True)
    return built_s, {"or": ask(either), "and": ask(every), "newest": newest}


def measure(engines: dict[str, dict[str, Ask]], queries: list[list[str]]) -> dict[str, dict[str, dict[str, float]]]:
    """Milliseconds by engine and class; the engines take turns at each query, after one round that is not counted."""
    spent: dict[tuple[str, str], list[float]] = {}
    for counted in (False, True):
        for words in queries:
            for kind in ("or", "and", "newest"):
                for name, asks in engines.items():
                    started_s = time.perf_counter()
                    asks[kind](words)
                    if counted:
                        spent.setdefault((name, kind), []).append((time.perf_counter() - started_s) * 1000)
    figures: dict[str, dict[str, dict[str, float]]] = {name: {} for name in engines}
    for (name, kind), times in spent.items():
        p50, p95, p99 = np.percentile(times, (50, 95, 99))
        figures[name][kind] = {
            "mean_ms": round(float(np.mean(times)), 3),
            "p50_ms": round(float(p50), 3),
            "p95_ms": round(float(p95), 3),
            "p99_ms": round(float(p99), 3),
        }
    return figures


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--articles", type=int, default=2000)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    articles = articles_of(given.corpus, given.articles)
    queries = queries_of(given.queries, articles, given.asked)
    with tempfile.TemporaryDirectory() as folder:
        built = {
            "broadsheet": broadsheet(articles, Path(folder, "broadsheet")),
            "whoosh": stock_whoosh(articles, Path(folder, "whoosh")),
        }
        figures = measure({name: asks for name, (_spent_s, asks) in built.items()}, queries)
    report = {
        "corpus": {"name": given.corpus.name if given.corpus else "sample", "articles": len(articles)},
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "queries": len(queries),
        "engines": {
            name: {"build_articles_per_s": round(len(articles) / spent_s, 1), **figures[name]}
            for name, (spent_s, _asks) in built.items()
        },
    }
    print(f"{len(articles):,} articles, {len(queries)} queries, top 10, one thread; milliseconds")
    print(f"{'':12}{'build/s':>9}" + "".join(f"{kind + ' p50':>12}{'p99':>9}" for kind in ("or", "and", "newest")))
    for name, engine in report["engines"].items():
        cells = "".join(f"{engine[k]['p50_ms']:>12.2f}{engine[k]['p99_ms']:>9.2f}" for k in ("or", "and", "newest"))
        print(f"{name:12}{engine['build_articles_per_s']:>9,.0f}{cells}")
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
