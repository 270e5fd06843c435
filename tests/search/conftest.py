"""Fixtures of the searching half that several of its tests share.

Not here: those of every room (`tests/conftest.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.api_server import ApiServer
from tests.archive import Archive
from tests.reference.naive import NaiveIndex
from tests.search.long_articles import write_long_articles
from tests.trees import naive_index


@pytest.fixture(scope="package")
def long_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of `long_articles.py`."""
    root = tmp_path_factory.mktemp("long") / "archive"
    write_long_articles(root)
    return root


@pytest.fixture(scope="package")
def long_server(long_root: Path) -> Iterator[ApiServer]:
    """A server, warm, on that archive, whose cache holds next to nothing."""
    with ApiServer(long_root, cache_bytes=1 << 16) as server:
        for number in range(8):
            server.page({"q": ("the", "con?x")[number % 2], "limit": 1 + number})
        yield server


@pytest.fixture(scope="package")
def naive(archive: Archive) -> NaiveIndex:
    """The plain index of the articles of `archive`."""
    index = naive_index()
    for article in archive.articles:
        index.put(msgspec.to_builtins(article))
    index.freeze()
    return index
