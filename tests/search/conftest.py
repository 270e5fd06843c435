"""Fixtures of the searching half that several of its tests share.

Not here: those of every room (`tests/conftest.py`).
"""

from collections.abc import Iterator

import pytest

from tests.api_server import ApiServer
from tests.search.long_articles import write_long_articles


@pytest.fixture(scope="package")
def long_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server, warm, on `long_articles.py`, whose cache holds next to nothing."""
    root = tmp_path_factory.mktemp("long") / "archive"
    write_long_articles(root)
    with ApiServer(root, cache_bytes=1 << 16) as server:
        for number in range(8):
            server.page({"q": ("the", "con?x")[number % 2], "limit": 1 + number})
        yield server
