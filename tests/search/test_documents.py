"""The documents of a page: that a page takes memory for what it shows, and not for what it leaves out.

Not here: their contents (`test_http_search.py`), snippets (`test_snippets.py`).
"""

import tracemalloc
from typing import Any

import pytest

from search.documents import documents_of
from search.leaf import Match

ARTICLES, CHARS = 100, 1_000_000


class _Long:
    """A snapshot, its partitions, their leaf and its reader: articles as long as they may be."""

    partitions = reader = property(lambda self: self)

    def leaf(self, _partition: int) -> "_Long":
        """The partition."""
        return self

    def stored(self, _segment: int, docnum: int) -> dict[str, Any]:
        """An article."""
        return {"title": f"storm {docnum}", "body": "storm " + "x" * CHARS, "summary": "", "language": ""}


@pytest.mark.parametrize("highlight", [False, True])
@pytest.mark.parametrize("fields", [{"title"}, {"title", "snippet"}])
def test_a_page_holds_what_it_shows(fields: set[str], *, highlight: bool) -> None:
    """A hundred articles of a megabyte, of which nothing but titles and passages is shown, take few of them."""
    snapshot: Any = _Long()
    matches = [Match(0, 0, "id", 0, 0, 0, docnum) for docnum in range(ARTICLES)]
    documents_of(snapshot, matches[:1], frozenset(fields), frozenset({"storm"}), highlight=highlight)  # made once
    tracemalloc.start()
    try:
        documents = documents_of(snapshot, matches, frozenset(fields), frozenset({"storm"}), highlight=highlight)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [document["title"] for document in documents] == [f"storm {docnum}" for docnum in range(ARTICLES)]
    assert all("<mark>storm</mark>" in document.get("snippet", "<mark>storm</mark>") for document in documents)
    assert [len(document.get("highlights", {"passages": "?"})["passages"]) for document in documents] == [
        1
    ] * ARTICLES
    assert peak_bytes < ARTICLES * CHARS * 3 / 4
