"""Wildcards, for which there is no kernel: what Whoosh's matchers say is what the plain executor says.

Not here: Whoosh over our segments in general (`tests/partition/test_whoosh_queries.py`), processes in trouble
(`test_faults.py`).
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.builder import build_inline
from indexer.log import EventLog, Submission
from indexer.projection import Projector, log_path
from indexer.publisher import IndexerLock, Retention
from partition.manifest import Layout
from partition.scoring import ONE
from partition.types import Article
from search.exhaustive import Executor
from search.parsing import MAX_EXPANSIONS, parse_query
from search.query import Filters
from search.snapshot import Snapshots
from tests.api_server import ApiServer, problem_of
from tests.archive import PARTITIONS, Archive, publish

QUERIES = (
    *("bud?et", "bud*et", "tar*ff", "sen?te AND hou*se", "bud*t OR sto?m", "clim* -tar?ff", "NOT bud*t"),
    *("title:bud?et^3 OR bud?et", 'veter?n "health care"', "vot* (cli*te OR coa?t)", "(bud*t OR tar*f) bud*t"),
    *("nothing?like", "author:sto?m", "body:bud?e*"),
)


@pytest.fixture(scope="module")
def root(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, of which some articles were withdrawn again, and which has one of very many words."""
    root = Path(shutil.copytree(archive.root, tmp_path_factory.mktemp("wild") / "archive"))
    publish(
        root,
        [Article(id="many", title="Many", body=" ".join(f"word{number}x" for number in range(MAX_EXPANSIONS + 1)))],
    )
    with IndexerLock(root), EventLog(log_path(root), partitions=PARTITIONS) as log:
        log.append([Submission(article.id, None, b"") for article in archive.articles[5::7]])
        Projector(root, log, build_inline, retention=Retention()).project()
    return root


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[ApiServer]:
    """A server on it."""
    with ApiServer(root) as server:
        yield server


@pytest.mark.parametrize("text", QUERIES)
def test_whoosh_says_what_the_plain_executor_says(served: ApiServer, root: Path, text: str) -> None:
    """The same articles with the same scores, alone, in trees, excluded, boosted, and in any order."""
    snapshot = Snapshots(root).open(Layout(root).newest_epoch())
    node = parse_query(text)
    expected = {}
    for leaf in snapshot.leaves:
        for segment in leaf.reader.segments:
            found = Executor(segment, snapshot.statistics, time.monotonic() + 60).execute(node, Filters())
            for docnum in np.flatnonzero(found.mask).tolist():
                expected[segment.article_id(docnum)] = int(found.scores[docnum]) / ONE
    for sort in ("relevance", "newest"):
        first = served.page({"q": text, "sort": sort, "limit": 40, "fields": "id,score"})
        data = [item for page in (first, *served.walk(first)) for item in page["data"]]
        assert {item["id"]: item["score"] for item in data} == expected
        assert len(data) == len(expected) == first["total"]["value"]
    assert bool(expected) == (text != "nothing?like")


def test_words_that_match_are_marked(served: ApiServer) -> None:
    """In snippets, those that the wildcard stands for, and no others that begin like it."""
    (found,) = served.page({"q": "wor*12x", "fields": "id,snippet"})["data"] or [{"id": None}]
    assert found["id"] in {None, "many"}
    snippet = served.page({"q": "title:bud*et", "fields": "snippet", "limit": 1})["data"][0]["snippet"]
    assert "<mark>" in snippet or "udget" not in snippet


def test_too_many_words(served: ApiServer) -> None:
    """A wildcard that stands for more words than are allowed is refused, as a beginning is."""
    for text in ("wor*x", "word?x OR word??x OR word???x"):
        body = problem_of(served.search({"q": text}), 400, "query-invalid")
        assert "stands for too many words" in body["detail"]
    for text in ("wo?d", "w*d"):
        assert "3 letters must come before" in problem_of(served.search({"q": text}), 400, "query-invalid")["detail"]
