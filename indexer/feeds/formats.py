"""From the bytes of a feed to its entries, whatever its format.

Contract: `read_feed` gives a `Feed` or raises `FeedInvalidError`, for any bytes. The format follows from the content;
the media type, which servers get wrong more often than not, decides nothing. An entry that is no article is a reject
and stops no other. XML and JSON are bounded before they are built (`xml_tree.py`; `MAX_VALUES`).

Not here: getting the bytes (`fetch.py`), each format (`rss.py`, `atom.py`, `json_feed.py`, `ninjs.py`).
"""

from collections.abc import Iterator
from typing import Any

import orjson

from indexer.feeds.atom import ROOTS as ATOM_ROOTS
from indexer.feeds.atom import read_atom
from indexer.feeds.entries import Feed
from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.json_feed import VERSIONS, read_json_feed
from indexer.feeds.ninjs import is_ninjs, read_ninjs
from indexer.feeds.rss import ROOTS as RSS_ROOTS
from indexer.feeds.rss import read_rss
from indexer.feeds.xml_tree import parse_xml

MAX_VALUES = 400_000
"""Most values in a JSON document, counted by what separates and opens them."""

_KNOWN = "RSS, Atom, JSON Feed and ninjs are known"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_feed(content: bytes, content_type: str | None, base_url: str, *, charset: str | None = None) -> Feed:
    """The feed in some bytes.

    Args:
        content: unpacked.
        content_type: what the server calls it, for the message where it is no feed.
        base_url: where it came from: named in errors, and relative links are taken from it.
        charset: the charset that the server names; only XML heeds it, since JSON is UTF-8.

    Raises:
        FeedInvalidError: it is no feed of a known format.
    """
    begin = content.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if begin.startswith((b"{", b"[")):
        return _from_json(begin, base_url)
    if not begin or begin[:5].lower() == b"<html" or begin[:14].lower() == b"<!doctype html":
        called = f", called {content_type[:60]}" if content_type else ""
        what = "is a web page" if begin else "is empty"
        raise FeedInvalidError(base_url, f"the content {what}{called}", "give the address of the feed itself")
    root = parse_xml(content, base_url, charset=charset)
    if root.tag in ATOM_ROOTS:
        return read_atom(root, base_url)
    if root.tag.rpartition("}")[2] in RSS_ROOTS:
        return read_rss(root, base_url)
    raise FeedInvalidError(base_url, f"the XML is no feed but {root.tag[:80]!r}", _KNOWN)


def _from_json(content: bytes, url: str) -> Feed:
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise FeedInvalidError(url, f"the JSON has more than {MAX_VALUES:,} values", "follow a shorter feed")
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if error.lineno > 1 and isinstance(_line(content.partition(b"\n")[0]), dict):
            return read_ninjs(_lines(content), url)
        raise FeedInvalidError(
            url, f"the JSON is broken ({error.msg})", "tell its publisher", line=error.lineno, column=error.colno
        ) from None
    if isinstance(found, list):
        return read_ninjs(found, url)
    if str(found.get("version", "")).startswith(VERSIONS):
        return read_json_feed(found, url)
    if is_ninjs(found):
        return read_ninjs([found], url)
    raise FeedInvalidError(url, "the JSON is no feed", _KNOWN)


def _lines(content: bytes) -> Iterator[Any]:
    """The items of a document with one object a line; the reason, for a line that is none."""
    for line in content.split(b"\n"):
        if line.strip():
            yield _line(line)


def _line(line: bytes) -> Any:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"broken JSON: {error.msg} at character {error.pos + 1}"
    return found if isinstance(found, dict) else "the line is no JSON object"
