"""Feeds with wounds: any bytes are a feed, whose entries are what was promised, or the one error."""

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.article import validate
from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.formats import read_feed
from tests.indexer.feed_corpus import ATOM, JSON_FEED, NINJS_1, NINJS_2, NINJS_3, RSS_091, RSS_1, RSS_2, URL

CORPUS = [RSS_2, RSS_1, RSS_091, ATOM, *(orjson.dumps(one) for one in (JSON_FEED, NINJS_1, [NINJS_2], NINJS_3))]


def _check(content: bytes) -> None:
    """A feed, whose entries have what was promised, or the one error."""
    try:
        feed = read_feed(content, None, URL)
    except FeedInvalidError:
        return
    for entry in feed.entries:
        assert isinstance(entry["id"], str)
        assert entry["id"]
        assert entry.get("title") or entry["status"] != "usable"
        assert entry.get("url", "https://").startswith(("http://", "https://"))
        assert all(value not in ("", None, []) for value in entry.values())
        if "title" in entry and not any("\0" in str(value) for value in entry.values()):
            validate({**entry, "title": entry["title"][:4096], "id": entry["id"][:100]}, now_ms=0)


@given(st.sampled_from(CORPUS), st.data())
def test_a_feed_with_wounds_is_a_feed_or_an_error(content: bytes, data: st.DataObject) -> None:
    """Bytes cut, changed and put in anywhere: nothing else is ever raised."""
    wounded = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wounded)))
        length = data.draw(st.integers(0, 12))
        wounded[at : at + length] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"<", b"&", b'"', b"{}", b"null"])
        )
    _check(bytes(wounded))


@given(st.binary(max_size=200), st.sampled_from([b"", b"{", b"[{", b"<rss>", b'{"uri":', b"<feed "]))
def test_any_bytes_are_a_feed_or_an_error(content: bytes, begin: bytes) -> None:
    """Nothing else comes out of reading a feed."""
    _check(begin + content)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from([*JSON_FEED["items"][0], *NINJS_1, *NINJS_2, "name", "value"]), inside, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*JSON_FEED, *JSON_FEED["items"][0], *NINJS_1, *NINJS_2]), _JSON, max_size=8))
def test_any_values_are_a_feed_or_an_error(values: dict[str, Any]) -> None:
    """Names that are known, with values of every type."""
    _check(orjson.dumps(values))
    _check(orjson.dumps({**values, "version": "https://jsonfeed.org/version/1", "items": [values]}))
    _check(orjson.dumps([{**values, "uri": "a"}]))


def test_a_large_feed_is_read_in_time() -> None:
    """10 MB, which is the most that is fetched: thousands of entries in a pass each."""
    item = b"<item><guid>%d</guid><title>t</title><description>" + b"&lt;p&gt;word " * 100 + b"</description></item>"
    content = b"<rss><channel>" + b"".join(item % n for n in range(6500)) + b"</channel></rss>"
    assert len(content) > 9_000_000
    assert len(read_feed(content, None, URL).entries) == 6500
