"""Wildcards over HTTP: what they find is what the plain executor finds, and what Whoosh's own matchers do.

Not here: the kernel (`tests/partition/test_kernels_wildcards.py`), Whoosh over our segments in general
(`tests/partition/test_whoosh_queries.py`).
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from whoosh import query

from indexer.builder import InlineBuilder
from indexer.events import Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector
from indexer.publisher import IndexerLock, Retention
from partition.analysis import OF
from partition.manifest import Layout
from partition.reader import PartitionReader
from partition.scoring import ONE
from partition.types import Article
from partition.whoosh_codec import open_whoosh_index
from search.exhaustive import Executor
from search.expansions import MAX_EXPANSIONS
from search.query import Filters, Node, Or, Wildcard
from search.snapshot import Snapshots
from tests.api_server import ApiServer, problem_of
from tests.archive import PARTITIONS, Archive, copied, publish
from tests.small_index import newest
from tests.trees import tree

QUERIES = (
    *("bud?et", "bud*et", "tar*ff", "sen?te AND hou*se", "bud*t OR sto?m", "clim* -tar?ff", "NOT bud*t"),
    *("title:bud?et^3 OR bud?et", 'veter?n "health care"', "vot* (cli*te OR coa?t)", "(bud*t OR tar*f) bud*t"),
    *("nothing?like", "author:sto?m", "body:bud?e*"),
)


@pytest.fixture(scope="module")
def root(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, of which some articles were withdrawn again, and which has one of very many words."""
    root = copied(archive.root, tmp_path_factory.mktemp("wild") / "archive")
    publish(
        root,
        [Article(id="many", title="Many", body=" ".join(f"word{number}x" for number in range(MAX_EXPANSIONS + 1)))],
    )
    with IndexerLock(root), EventLog(log_path(root), partitions=PARTITIONS) as log:
        log.append_statistics()  # so that its words are known
        log.append([Submission(article.id, None, b"", "withdraw") for article in archive.articles[5::7]])
        Projector(root, log, InlineBuilder(), retention=Retention()).project()
    return root


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[ApiServer]:
    """A server on it."""
    with ApiServer(root) as server:
        yield server


@pytest.mark.parametrize("text", QUERIES)
def test_they_find_what_the_plain_executor_finds(served: ApiServer, root: Path, text: str) -> None:
    """The same articles with the same scores, alone, in trees, excluded, boosted, and in any order."""
    snapshot = Snapshots(root).open_current(Layout(root).newest_epoch())
    node = tree(text, newest(root).languages_at(newest(root).applied_seq))
    expected = {}
    for leaf in snapshot.partitions.leaves:
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
    (found,) = served.page({"q": "wor*112x", "fields": "id,snippet"})["data"]
    assert found["id"] == "many"
    assert re.findall("<mark>(.*?)</mark>", found["snippet"]) == ["word112x"]
    assert "word111x" in found["snippet"]


def test_merging_does_not_change_what_is_too_much(root: Path, tmp_path: Path) -> None:
    """Words that only withdrawn articles hold count until the next statistics, however segments are merged."""
    own = copied(root, tmp_path / "archive")
    with IndexerLock(own), EventLog(log_path(own), partitions=PARTITIONS) as log:
        log.append([Submission("many", None, b"", "withdraw")])
        projector = Projector(own, log, InlineBuilder(), retention=Retention())
        projector.project()
        with ApiServer(own) as server:
            before = server.search({"q": "wor*x"})
        projector.project(merge=True)
        with ApiServer(own) as server:
            after = server.search({"q": "wor*x"})
    for response in (before, after):
        problem_of(response, 400, "query-invalid")


@pytest.mark.parametrize("text", ["bud*et", "tar*ff", "sto?m", "sen*te", "cli*te"])
def test_whoosh_finds_the_same(served: ApiServer, root: Path, text: str) -> None:
    """Its matchers, over the same segments."""
    manifest = newest(root)
    folders = enumerate(manifest.partitions)
    readers = [PartitionReader(Layout(root).partition(at), record) for at, record in folders if record.generation]
    index = open_whoosh_index(readers, epoch=manifest.epoch)
    with index.searcher() as searcher:
        found = searcher.docs_for_query(query.Or(list(_for_whoosh(tree(text)))))
        ids = {searcher.stored_fields(docnum)["id"] for docnum in found}
    first = served.page({"q": text, "limit": 100, "fields": "id"})
    assert {item["id"] for page in (first, *served.walk(first)) for item in page["data"]} == ids


def _for_whoosh(node: Node) -> Iterator[query.Query]:
    """A wildcard, or any of some; a term may end with its language."""
    for one in node.clauses if isinstance(node, Or) else (node,):
        assert isinstance(one, Wildcard)
        yield query.Wildcard("text", one.text)
        yield query.Wildcard("text", f"{one.text}{OF}??")


def test_too_many_words(served: ApiServer) -> None:
    """A wildcard that stands for more words than are allowed is refused, as a beginning is."""
    for text in ("wor*x", "word?x OR word??x OR word???x"):
        body = problem_of(served.search({"q": text}), 400, "query-invalid")
        assert "stands for too many words" in body["detail"]
    for text in ("wo?d", "w*d"):
        refused = problem_of(served.search({"q": text, "strict": True}), 400, "query-invalid")
        assert "3 letters must come before" in refused["detail"]
