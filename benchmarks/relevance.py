"""How good the ranking is: a test collection through the real analysis, index and scores, measured by ir-measures.

    python -m benchmarks.relevance --collection DIR [--json OUT] [--peers bm25s]

Contract: DIR is in BEIR layout (`beir.py`). A query is the OR of its words over title and text; a word that it
says twice counts twice. OUT holds `{"ndcg@10": .., "map": .., "recall@100": ..}`, means over the judged queries, and
the same under the name of each peer, measured in the same run. Rankings are `DEPTH` deep. Ties count in the order in
which the engine gives them.

Not here: speed (`peers/`), the exactness of scores (`tests/search/`).
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import bm25s
import ir_measures
import Stemmer
from ir_measures import AP, R, nDCG

from benchmarks.beir import Collection, CollectionError, Document, read_collection
from indexer.builder import InlineBuilder
from indexer.events import Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector, advance_statistics
from indexer.publisher import Retention
from partition.analysis import terms
from partition.schema import TEXT
from partition.types import Article
from search.leaf import LeafQuery, Slice
from search.query import Filters, Node, Nothing, Or, Term
from search.snapshot import Snapshots

DEPTH = 1000
"""How many documents of a ranking are looked at, as trec_eval does."""

MEASURES = {"ndcg@10": nDCG @ 10, "map": AP, "recall@100": R @ 100}

Ranking = Callable[[str], list[str]]
"""From the text of a query to the ids of the best `DEPTH` matches, best first."""

_QUERY_LIMIT_S = 60.0


def any_word(text: str) -> Node:
    """The query for documents with any word of `text`; nothing in it is syntax."""
    counts = Counter(terms(text))
    words = tuple(Term(TEXT, term, float(n)) for term, n in counts.items())
    return Or(words) if words else Nothing()


def broadsheet(documents: Mapping[str, Document], folder: Path) -> Ranking:
    """This project's engine: an archive of one partition in `folder`, made as the indexer makes it."""
    # Not through `validate`: a document of a collection may lack a title, and is measured all the same.
    articles = [Article(id=key, title=title, body=text) for key, (title, text) in documents.items()]
    with EventLog(log_path(folder), partitions=1) as log:
        projector = Projector(folder, log, InlineBuilder(), retention=Retention())
        log.append([Submission(article.id, article, b"") for article in articles])
        advance_statistics(log)
        manifest = projector.project()
    snapshot = Snapshots(folder).open_current(manifest.epoch)
    (share,) = snapshot.partitions.shares(1)

    def rank(text: str) -> list[str]:
        plan, deadline_s = snapshot.plan(any_word(text)), time.monotonic() + _QUERY_LIMIT_S
        answer = share.search(LeafQuery(plan, Filters(), "relevance", Slice(DEPTH), deadline_s))
        return [match.article_id for match in answer.matches]

    return rank


def bm25s_engine(documents: Mapping[str, Document]) -> Ranking:
    """bm25s as its documentation sets it up: title and text in one, English stop words, stems, default k1 and b."""
    ids = list(documents)
    stemmer = Stemmer.Stemmer("english")

    def analysed(texts: list[str]) -> bm25s.tokenization.Tokenized:
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    engine = bm25s.BM25()
    engine.index(analysed([f"{title} {text}" for title, text in documents.values()]), show_progress=False)

    def rank(text: str) -> list[str]:
        found, scores = engine.retrieve(analysed([text]), k=min(DEPTH, len(ids)), show_progress=False)
        return [ids[at] for at, score in zip(found[0], scores[0], strict=True) if score > 0]

    return rank


PEERS: dict[str, Callable[[Mapping[str, Document]], Ranking]] = {"bm25s": bm25s_engine}


def measured(collection: Collection, rank: Ranking) -> dict[str, float]:
    """The figures of one engine on one collection, each in [0, 1]."""
    rankings = {query: rank(text) for query, text in collection.queries.items()}
    # Ranks in place of scores: the measures would put equal scores into an order of their own.
    run = {query: {key: -float(at) for at, key in enumerate(ranking)} for query, ranking in rankings.items()}
    figures = ir_measures.calc_aggregate(list(MEASURES.values()), collection.judgements, run)
    return {name: round(float(figures[measure]), 5) for name, measure in MEASURES.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--collection", type=Path, required=True, help="a folder in BEIR layout")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peers", nargs="+", choices=sorted(PEERS), default=[])
    given = parser.parse_args(arguments)
    try:
        collection = read_collection(given.collection)
    except CollectionError as error:
        parser.exit(2, f"{error}\n")
    with tempfile.TemporaryDirectory() as folder:
        ours = measured(collection, broadsheet(collection.documents, Path(folder)))
    peers = {name: measured(collection, PEERS[name](collection.documents)) for name in given.peers}
    print(f"{len(collection.documents):,} documents, {len(collection.queries):,} judged queries, OR of their words")
    print(f"{'':12}" + "".join(f"{name:>12}" for name in MEASURES))
    for name, figures in {"broadsheet": ours, **peers}.items():
        print(f"{name:12}" + "".join(f"{figure:>12.4f}" for figure in figures.values()))
    if given.json:
        given.json.write_text(json.dumps({**ours, **peers}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
