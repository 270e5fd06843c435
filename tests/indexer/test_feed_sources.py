"""What to follow: addresses, feeds in files, and lists that lead to addresses only."""

from pathlib import Path

import pytest

from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.sources import Source, find_sources

OPML = b"""<?xml version="1.0"?>
<!-- made by hand -->
<opml version="2.0"><body>
  <outline text="A" xmlUrl="https://a.example/feed"/>
  <outline text="Group"><outline xmlUrl=" https://b.example/feed "/><outline text="no address"/></outline>
  <outline xmlUrl="https://a.example/feed"/><outline xmlUrl="file:///etc/passwd"/>
</body></opml>"""


@pytest.mark.parametrize(
    ("content", "locations"),
    [
        (OPML, ["https://a.example/feed", "https://b.example/feed", "file:///etc/passwd"]),
        (
            b"# mine\r\n\r\nhttps://a.example/1\r\n  https://a.example/2 \n#x\nhttps://a.example/1\n",
            ["https://a.example/1", "https://a.example/2"],
        ),
        (b"\xef\xbb\xbfhttps://a.example/1", ["https://a.example/1"]),
    ],
)
def test_lists_lead_to_addresses_only(tmp_path: Path, content: bytes, locations: list[str]) -> None:
    """OPML and lines, each address once; `file:` is an address like any other, which fetching will refuse."""
    path = tmp_path / "list"
    path.write_bytes(content)
    assert find_sources(str(path)) == [Source("url", location) for location in locations]


def test_an_argument_is_an_address_or_a_file(tmp_path: Path) -> None:
    """A feed in a file is followed itself; what is not there is said at once."""
    path = tmp_path / "feed"
    for content in (b"<rss/>", b'{"uri": "x"}', b"", b"hello"):
        path.write_bytes(content)
        assert find_sources(str(path)) == [Source("file", str(path))]
    assert find_sources("https://a.example/") == [Source("url", "https://a.example/")]
    assert find_sources("file:///etc/passwd") == [Source("url", "file:///etc/passwd")]
    with pytest.raises(FileNotFoundError):
        find_sources(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"<opml><body/></opml>", "the list has 0 addresses of feeds; list 1 to 10,000"),
        (b"<opml><body>", "the XML is broken"),
        (b"https://a.example/\n\nnews.example/feed", "'news.example/feed' is no address at line 3"),
        (b"\n".join(b"https://a.example/%d" % n for n in range(10_001)), "the list has 10,001 addresses"),
        (b"https://a.example/\n#" + b"x" * 10_000_000, "the list is longer than 10,000,000 bytes"),
    ],
)
def test_a_bad_list_is_an_error(tmp_path: Path, content: bytes, match: str) -> None:
    """With its place and the cure."""
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(FeedInvalidError, match=match):
        find_sources(str(path))


def test_a_file_is_known_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its articles are the same wherever one stands."""
    (tmp_path / "feed").write_bytes(b"<rss/>")
    monkeypatch.chdir(tmp_path)
    assert find_sources("feed") == [Source("file", str(tmp_path / "feed"))]
