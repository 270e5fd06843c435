"""JSON Feed 1.0 and 1.1 (jsonfeed.org): from the object to a feed.

Contract: a value of the wrong type is as good as none, but for a number as an id, which the specification lets pass.
`content_html` is read without its markup; where it is missing, `content_text` as it is. The text of an item that has
only a summary is the summary.

Not here: JSON itself (`formats.py`), what an entry must have (`entries.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from indexer.feeds.entries import Collector, Feed, web_address
from indexer.feeds.markup import folded, html_text

VERSIONS = ("https://jsonfeed.org/version/", "http://jsonfeed.org/version/")
"""What the value of `version` begins with."""


def read_json_feed(values: Mapping[str, Any], url: str) -> Feed:
    """The feed in an object; relative links are taken from `url`."""
    title = folded(_text(values, "title")).replace("\n", " ")
    language = _text(values, "language")
    collector = Collector(url)
    for item in _list(values, "items"):
        if isinstance(item, dict):
            collector.add(_entry(item, values, url, title, language))
        else:
            collector.refuse("the item is no object", excerpt=str(item)[:100])
    return collector.feed("json_feed", title=title, language=language, ended=values.get("expired") is True)


def _entry(
    item: Mapping[str, Any], feed: Mapping[str, Any], url: str, feed_title: str, feed_language: str
) -> dict[str, Any]:
    content = html_text(_text(item, "content_html")) or folded(_text(item, "content_text"))
    summary = folded(_text(item, "summary"))
    return {
        "id": _id(item.get("id")),
        "title": folded(_text(item, "title")).replace("\n", " "),
        "body": content or summary,
        "summary": summary if content else "",
        "authors": list(dict.fromkeys(_authors(item))) or list(dict.fromkeys(_authors(feed))),
        "source": feed_title,
        "tags": [tag for tag in _list(item, "tags") if isinstance(tag, str)],
        "language": _text(item, "language") or feed_language,
        "url": web_address(url, _text(item, "url") or _text(item, "external_url")),
        "published_at": _text(item, "date_published") or _text(item, "date_modified"),
        "modified_at": _text(item, "date_modified"),
    }


def _id(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _authors(values: Mapping[str, Any]) -> Iterator[str]:
    """Names in `authors`, else in `author`, which version 1.1 replaces."""
    for author in _list(values, "authors") or [values.get("author")]:
        if isinstance(author, dict) and (name := folded(_text(author, "name"))):
            yield name


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value.strip() if isinstance(value, str) else ""


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = values.get(name)
    return value if isinstance(value, list) else []
