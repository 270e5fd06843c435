"""The pages that show the client: every block of Python in them works, in the order of the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from broadsheet import client
from indexer.log import log_path
from tests.api_server import ApiServer, eventually
from tests.commands import REPOSITORY

ADDRESS = "http://127.0.0.1:8000"


def _blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (REPOSITORY / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server that indexes, begun with nothing."""
    root = tmp_path_factory.mktemp("live")
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        with client.Client(server.url) as writing:
            writing.put_article("first", {"title": "First"}, wait=True)
        yield server


@pytest.mark.parametrize(("page", "least"), [("docs/client.md", 15), ("README.md", 1)])
def test_what_is_shown_works(
    live: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, least: int
) -> None:
    """Against a real server, in place of the one that the page names."""
    blocks = _blocks(page)
    assert len(blocks) >= least
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        assert re.search(r"127\.0\.0\.1:8000|client", block), "a block of something else"
        exec(compile(block.replace(ADDRESS, live.url), page, "exec"), names)  # noqa: S102 - that is the test
    for name in ("client", "patient", "hasty"):
        if isinstance(opened := names.get(name), client.Client):
            opened.close()


def test_every_method_and_error_is_shown() -> None:
    """None that users could look for is left out."""
    text = (REPOSITORY / "docs/client.md").read_text()
    methods = [name for name in vars(client.Client) if not name.startswith("_")]
    assert [name for name in methods if f".{name}(" not in text and f"`{name}`" not in text] == []
    errors = [name for name in client.__all__ if name.endswith("Error")]
    assert [name for name in errors if f"`{name}`" not in text] == []
