"""Feeds of every format, written by hand, sound and broken: which entries they give."""

from typing import Any

import orjson
import pytest

from indexer.feeds.entries import MAX_ENTRIES, Feed
from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.formats import MAX_VALUES, read_feed
from tests.indexer.feed_corpus import ATOM, JSON_FEED, NINJS_1, NINJS_2, NINJS_3, RSS_091, RSS_1, RSS_2, URL


def _fields(feed: Feed, number: int = 0) -> dict[str, Any]:
    return {name: value for name, value in feed.entries[number].items() if name != "number"}


def _rejected(feed: Feed) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in feed.rejects]


def _read(values: Any) -> Feed:
    return read_feed(orjson.dumps(values), None, URL)


NO_IDENTITY = "the entry has neither an id nor a link"
NO_TEXT = "the entry has neither a title nor a text"


def test_rss_2_is_read() -> None:
    """Every field, relative links, authors' mail addresses, long names of days; what is no article is counted."""
    feed = read_feed(RSS_2, "application/rss+xml", URL)
    assert (feed.format, feed.title, feed.language, feed.refresh_s) == ("rss", "The & Post", "en-GB", 1800)
    assert _fields(feed) == {
        "id": "tag:news.example,2026:1",
        "title": "Council votes: yes",
        "body": "The long of it.\nReally.",
        "summary": "The short of it.",
        "authors": ["Jane Doe", "John Roe"],
        "source": "The & Post",
        "tags": ["Politics", "Local news"],
        "language": "en-GB",
        "url": "https://news.example/2026/council?a=1&b=2",
        "published_at": "Mon, 02 Jan 2006 15:04:05 GMT",
    }
    assert _fields(feed, 1) == {
        "id": "https://news.example/2",
        "title": "One two three four five six seven eight nine ten eleven twelve …",
        "body": "One two three four five six seven eight nine ten eleven twelve thirteen",
        "authors": ["The Desk"],
        "source": "The Wire",
        "language": "cy",
        "url": "https://news.example/2",
        "published_at": "2026-01-02T03:04:05Z",
    }
    assert _rejected(feed) == [(3, NO_IDENTITY), (4, NO_IDENTITY), (5, NO_TEXT)]
    assert (feed.rejects[0].file, feed.rejects[2].id) == (URL, "empty")


def test_rss_1_is_read() -> None:
    """Items stand beside the channel, and are known by `rdf:about`."""
    feed = read_feed(RSS_1, None, URL)
    assert _fields(feed) == {
        "id": "https://old.example/a",
        "title": "A",
        "body": "Text",
        "source": "Old",
        "tags": ["History"],
        "url": "https://old.example/a?x",
        "published_at": "2001-02-03",
    }


def test_rss_091_is_read() -> None:
    """With its document type and the characters that this names; the link is the id."""
    entry = _fields(read_feed(RSS_091, None, URL))
    assert (entry["id"], entry["title"]) == ("https://older.example/b", "Café")


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("a@b.example (Ann)", "Ann"),
        ("Ann Lee &lt;a@b.example&gt;", "Ann Lee"),
        ("a@b.example", "a@b.example"),
        ("Ann", "Ann"),
    ],
)
def test_authors_are_named(author: str, name: str) -> None:
    """The specification wants mail addresses; readers want names."""
    content = f"<rss><channel><item><guid>x</guid><title>t</title><author>{author}</author></item></channel></rss>"
    assert _fields(read_feed(content.encode(), None, URL))["authors"] == [name]


def test_atom_is_read() -> None:
    """Text by its type, nested bases, the page before other forms, authors and languages handed down."""
    feed = read_feed(ATOM, "text/xml", URL)
    assert (feed.format, feed.title, feed.language) == ("atom", "Die <Post>", "de")
    assert _fields(feed) == {
        "id": "urn:1",
        "title": "A & B <C>",
        "body": "one\ntwo",
        "summary": "Short",
        "authors": ["Ann", "Bob"],
        "source": "Die <Post>",
        "tags": ["Topic", "other"],
        "language": "fr",
        "url": "https://atom.example/root/one/a.html",
        "published_at": "2026-01-02T00:00:00Z",
        "modified_at": "2026-01-03T00:00:00Z",
    }
    assert _fields(feed, 1) == {
        "id": "urn:2",
        "title": "x y",
        "body": "a\nb",
        "authors": ["Cid"],
        "source": "Elsewhere",
        "language": "de",
        "published_at": "2026-01-04T00:00:00Z",
        "modified_at": "2026-01-04T00:00:00Z",
    }
    assert (_fields(feed, 2)["title"], _fields(feed, 2)["authors"]) == ("Out of line", ["The Feed"])
    assert "body" not in _fields(feed, 2)
    assert _rejected(feed) == [(4, NO_TEXT), (5, NO_IDENTITY)]


def test_an_atom_entry_stands_alone() -> None:
    """A document may be one entry (RFC 4287, 2)."""
    content = b'<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:1</id><title>Alone</title><link href="x"/></entry>'
    assert _fields(read_feed(content, None, URL)) == {
        "id": "urn:1",
        "title": "Alone",
        "url": "https://news.example/feeds/x",
    }


TOMBSTONES = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">
<at:deleted-entry ref=" urn:1 " when="2026-01-05T00:00:00Z"><at:comment>Not  ours</at:comment></at:deleted-entry>
<entry><id>urn:1</id><title>Before</title><updated>2026-01-04T00:00:00Z</updated></entry>
<entry><id>urn:2</id><title>After</title><updated>2026-01-06T00:00:00Z</updated></entry>
<at:deleted-entry ref="urn:2" when="2026-01-05T00:00:00Z"/>
<at:deleted-entry when="2026-01-05T00:00:00Z"/>
</feed>"""


def test_tombstones_are_withdrawals() -> None:
    """RFC 6721: with the reason, and not of an entry that came back later; one of nothing is a reject."""
    feed = read_feed(TOMBSTONES.encode(), None, URL)
    assert _fields(feed) == {
        "id": "urn:1",
        "status": "canceled",
        "modified_at": "2026-01-05T00:00:00Z",
        "editor_note": "Not ours",
    }
    assert _fields(feed, 1)["title"] == "After"
    assert len(feed.entries) == 2
    assert _rejected(feed) == [(5, NO_IDENTITY)]


@pytest.mark.parametrize(
    ("updates", "kept"),
    [(("05", "06", "04"), 1), (("06", "05", "06"), 0), (("", "", ""), 0), (("", "05", ""), 1)],
)
def test_an_id_is_handed_on_once(updates: tuple[str, ...], kept: int) -> None:
    """Of several versions in a document the latest, else the first: or each poll would log them all again."""
    items = "".join(
        f"<item><guid>x</guid><title>{n}</title>"
        f"<atom:updated>{day and f'2026-01-{day}T00:00:00Z'}</atom:updated></item>"
        for n, day in enumerate(updates)
    )
    content = f'<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel>{items}</channel></rss>'
    feed = read_feed(content.encode(), None, URL)
    assert [entry["title"] for entry in feed.entries] == [str(kept)]
    assert feed.rejects == ()


@pytest.mark.parametrize("version", ["https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1"])
def test_json_feed_is_read(version: str) -> None:
    """Both versions, ids that are numbers, values of the wrong type."""
    feed = _read({**JSON_FEED, "version": version, "expired": True})
    assert (feed.format, feed.title, feed.language, feed.ended) == ("json_feed", "JSON Post", "nl", True)
    assert _fields(feed) == {
        "id": "a1",
        "title": "5 < 6 & 7",
        "body": "a\nb",
        "summary": "Short",
        "authors": ["Ann"],
        "source": "JSON Post",
        "tags": ["x", "y"],
        "language": "fy",
        "url": "https://news.example/a1",
        "published_at": "2026-01-02T03:04:05+01:00",
        "modified_at": "2026-01-03T03:04:05+01:00",
    }
    assert _fields(feed, 1) == {
        "id": "17",
        "title": "Just a note.",
        "body": "Just a note.",
        "authors": ["Old"],
        "source": "JSON Post",
        "language": "nl",
        "url": "https://other.example/",
    }
    assert _rejected(feed) == [
        (3, NO_TEXT),
        (4, NO_IDENTITY),
        (5, "the item is no object"),
        (6, NO_IDENTITY),
    ]


def test_ninjs_1_is_read() -> None:
    """Names of 1.x, with the status, the embargo and the note."""
    assert _fields(_read(NINJS_1)) == {
        "id": "urn:item:1",
        "title": "The headline",
        "body": "a\nb",
        "summary": "Short",
        "authors": ["By Ann Author"],
        "source": "Agency",
        "tags": ["Politics"],
        "language": "en",
        "url": "https://news.example/1",
        "published_at": "2026-01-02T03:04:05Z",
        "modified_at": "2026-01-02T04:04:05Z",
        "status": "usable",
        "embargoed_until": "2026-01-03T00:00:00Z",
        "editor_note": "ATTN: corrects the third paragraph",
        "version": "3",
        "evolved_from": "urn:item:0",
    }


def test_ninjs_2_is_read() -> None:
    """Lists with roles: the main ones are taken, wherever they stand."""
    assert _fields(_read([NINJS_2])) == {
        "id": "urn:item:2",
        "title": "Main headline",
        "body": "a & b",
        "summary": "Short",
        "authors": ["Bob"],
        "source": "Agency",
        "tags": ["Sport", "ball", "game"],
        "url": "https://news.example/2",
        "published_at": "2026-01-02T04:04:05Z",
        "modified_at": "2026-01-02T04:04:05Z",
        "status": "withheld",
        "version": "1",
    }


def test_ninjs_3_is_read() -> None:
    """Names with capitals; a withdrawal needs no headline."""
    assert _fields(_read(NINJS_3)) == {
        "id": "urn:item:3",
        "published_at": "2026-01-02T04:04:05Z",
        "modified_at": "2026-01-02T04:04:05Z",
        "status": "http://cv.iptc.org/newscodes/pubstatusg2/canceled",
        "editor_note": "Kill: see lawyers",
        "evolved_from": "urn:item:2",
    }


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ninjs_comes_in_lines(end: str) -> None:
    """One item a line; a broken line is a reject and stops nothing."""
    lines = [orjson.dumps(NINJS_1).decode(), "{broken", "", "5", orjson.dumps(NINJS_3).decode()]
    feed = read_feed(end.join(lines).encode(), None, URL)
    assert [entry["id"] for entry in feed.entries] == ["urn:item:1", "urn:item:3"]
    assert [entry["number"] for entry in feed.entries] == [1, 4]
    assert [reject.line for reject in feed.rejects] == [2, 3]
    assert feed.rejects[0].reason.startswith("broken JSON: ")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("embargoed", "tomorrow", "embargoed 'tomorrow' is no instant with its offset from UTC"),
        ("embargoed", {}, "embargoed '{}' is no instant with its offset from UTC"),
        ("embargoed", "2026-01-03", "embargoed '2026-01-03' is no instant with its offset from UTC"),
        (
            "embargoed",
            "2026-01-03T00:00:00",
            "embargoed '2026-01-03T00:00:00' is no instant with its offset from UTC",
        ),
        (
            "embargoed",
            "2026-99-03T00:00:00Z",
            "embargoed '2026-99-03T00:00:00Z' is no instant with its offset from UTC",
        ),
    ],
)
def test_what_could_publish_too_early_is_refused(name: str, value: Any, reason: str) -> None:
    """An embargo that cannot be read is not guessed at, and stops no withdrawal; capitals make no difference."""
    for spelled in (name, name.upper()):
        item = {key: known for key, known in NINJS_1.items() if key != name} | {spelled: value}
        feed = _read([item, NINJS_2])
        assert _rejected(feed) == [(1, reason)]
        assert feed.rejects[0].id == "urn:item:1"
        assert len(feed.entries) == 1
        (withdrawal,) = _read([item | {"pubstatus": "Canceled"}]).entries
        assert (withdrawal["id"], withdrawal["status"]) == ("urn:item:1", "Canceled")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "the content is empty"),
        (b"  \n", "the content is empty"),
        (
            b"<!DOCTYPE html><html>",
            "the content is a web page, called text/html; give the address of the feed itself",
        ),
        (b"<html><body>", "is a web page"),
        (b"<opml/>", "the XML is no feed but 'opml'; RSS, Atom, JSON Feed and ninjs are known"),
        (b"<feed><entry/></feed>", "the XML is no feed but 'feed'"),
        (b"<rss><channel>", "the XML is broken"),
        (b"hello", "the XML is broken"),
        (b"{", "the JSON is broken"),
        (b'{"a": 1}', "the JSON is no feed"),
        (b'{"version": 5}', "the JSON is no feed"),
        (b'{"uri": "a"\n"b": 1}', r"the JSON is broken \(.*\) at line 2, column 1"),
        (b'{"uri": "\xff"}', "the JSON is broken"),
        (b"[" * 2000, "the JSON is broken"),
        (b"[" + b"0," * MAX_VALUES + b"0]", "the JSON has more than 400,000 values"),
        (b"[" + b"0," * MAX_ENTRIES + b"0]", "the feed has more than 10,000 entries; follow a shorter feed"),
        (b"<rss><channel>" + b"<item/>" * 10_001 + b"</channel></rss>", "the feed has more than 10,000 entries"),
    ],
)
def test_what_is_no_feed_is_an_error(content: bytes, match: str) -> None:
    """One that says what it is instead."""
    with pytest.raises(FeedInvalidError, match=match):
        read_feed(content, "text/html", URL)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n  "])
@pytest.mark.parametrize("content", [RSS_1, orjson.dumps(JSON_FEED), orjson.dumps(NINJS_1)])
def test_what_stands_before_does_not_matter(content: bytes, mark: bytes) -> None:
    """A byte order mark or blank lines, which servers let slip in."""
    assert read_feed(mark + content, None, URL) == read_feed(content, None, URL)
