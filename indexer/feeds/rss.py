"""RSS 0.9x, 1.0 and 2.0: from the tree to a feed.

Contract: elements of the RSS versions are taken by their local name in any of their namespaces; of other vocabularies
Dublin Core (`dc:`, `dcterms:`), `content:encoded` and `atom:link` are understood. Titles and texts are HTML, as
nearly all publishers take them to be. Where there is `content:encoded`, it is the body and the description the
summary; else the description is all there is to search, so it is the body. Categories become tags. Sources: RSS 2.0
specification (RSS Advisory Board), RDF Site Summary 1.0, its content module, Dublin Core.

Not here: XML itself (`xml_tree.py`), what an entry must have (`entries.py`).
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from indexer.feeds.entries import Collector, Feed, web_address
from indexer.feeds.markup import folded, html_text, one_line

ROOTS = ("rss", "RDF")
"""Local names of the root element."""

_PLAIN = frozenset(
    {
        "",
        "http://purl.org/rss/1.0/",
        "http://my.netscape.com/rdf/simple/0.9/",
        "http://channel.netscape.com/rdf/simple/0.9/",
        "http://backend.userland.com/rss2",
        "http://backend.userland.com/rss",
    }
)
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/dc/terms/": "dcterms:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://www.w3.org/2005/Atom": "atom:",
}
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
# Mail addresses, which the specification demands of authors, with the name in brackets or the address in them.
_NAME_IN_BRACKETS = re.compile(r"\S+@\S+ \((.{1,200})\)")
_MAIL_IN_BRACKETS = re.compile(r"(.{1,200}?) <\S+@\S+>")
# RFC 2822 knows short names of days and months only; publishers use the long ones, too.
_LONG_NAME = re.compile(
    r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]+", re.IGNORECASE
)
_MAX_TTL_MINUTES = 366 * 1440

Children = dict[str, list[Element]]
"""The children of an element by name: `title`, `dc:creator`; unknown vocabularies left out."""


def read_rss(root: Element, url: str) -> Feed:
    """The feed in an `rss` or `rdf:RDF` element; relative links are taken from `url`."""
    channel: Children = {}
    items: list[Element] = []
    for element in root:
        name = _name(element)
        if name == "channel":
            channel = _children(element)
            items += channel.get("item", [])
        elif name == "item":
            items.append(element)
    title = one_line(_text(channel, "title"))
    language = _text(channel, "language", "dc:language").strip()
    base_url = web_address(url, _text(channel, "link")) or url
    collector = Collector(url)
    for item in items:
        collector.add(_entry(item, base_url, title, language))
    ttl = _text(channel, "ttl").strip()
    minutes = min(int(ttl), _MAX_TTL_MINUTES) if re.fullmatch("[0-9]{1,9}", ttl) else 0
    return collector.feed("rss", title=title, language=language, refresh_s=minutes * 60 or None)


def _entry(item: Element, base_url: str, feed_title: str, feed_language: str) -> dict[str, Any]:
    children = _children(item)
    guid = _text(children, "guid").strip()
    link = web_address(base_url, _link(children, guid))
    encoded = html_text(_text(children, "content:encoded"))
    description = html_text(_text(children, "description", "dc:description"))
    return {
        "id": guid or item.get(_ABOUT, "").strip() or _text(children, "dc:identifier").strip(),
        "title": one_line(_text(children, "title", "dc:title")),
        "body": encoded or description,
        "summary": description if encoded else "",
        "authors": list(dict.fromkeys(_authors(children))),
        "source": one_line(_text(children, "source", "dc:publisher")) or feed_title,
        "tags": list(
            dict.fromkeys(
                filter(
                    None, (folded(tag) for tag in (*_texts(children, "category"), *_texts(children, "dc:subject")))
                )
            )
        ),
        "language": _text(children, "dc:language").strip() or feed_language,
        "url": link,
        "published_at": _date(_text(children, "pubDate", "dc:date", "dcterms:issued", "dcterms:created")),
        "modified_at": _date(_text(children, "dcterms:modified", "atom:updated")),
    }


def _link(children: Children, guid: str) -> str:
    if link := _text(children, "link").strip():
        return link
    for element in children.get("atom:link", ()):
        if element.get("rel", "alternate") == "alternate":
            return element.get("href", "")
    is_link = children["guid"][0].get("isPermaLink", "true") != "false" if guid else False
    return guid if is_link and "://" in guid else ""


def _authors(children: Children) -> Iterator[str]:
    for name in ("dc:creator", "author"):
        for text in _texts(children, name):
            author = one_line(text) if name == "dc:creator" else folded(text)
            found = _NAME_IN_BRACKETS.fullmatch(author) or _MAIL_IN_BRACKETS.fullmatch(author)
            if author:
                yield found[1].strip() if found else author


def _tags(children: Children) -> Iterator[str]:
    for name in ("category", "dc:subject"):
        yield from (folded(text).replace("\n", " ") for text in _texts(children, name))


def _date(text: str) -> str:
    return _LONG_NAME.sub(lambda found: found[1], text.strip())


def _children(element: Element) -> Children:
    children: Children = {}
    for child in element:
        if name := _name(child):
            children.setdefault(name, []).append(child)
    return children


def _name(element: Element) -> str:
    namespace, _, local = element.tag[1:].partition("}") if element.tag.startswith("{") else ("", "", element.tag)
    return local if namespace in _PLAIN else _PREFIXES[namespace] + local if namespace in _PREFIXES else ""


def _text(children: Children, *names: str) -> str:
    """The first text that is not blank, by the first of the names that has one."""
    return next((text for name in names for text in _texts(children, name)), "")


def _texts(children: Children, name: str) -> Iterator[str]:
    """Texts of the children with a name, markup inside them (which is an error, and common) taken along."""
    for child in children.get(name, ()):
        if (text := "".join(child.itertext())).strip():
            yield text
