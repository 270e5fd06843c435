"""Atom 1.0 (RFC 4287) and its tombstones (RFC 6721): from the tree to a feed.

Contract: text constructs are read by their type: `text` as it is, `html` and `xhtml` without their markup. Links,
`xml:base` and `xml:lang` hold for what is inside, as RFC 4287 (2) and XML Base have it. An entry without authors has
those of its source, else of the feed. An entry standing alone is a feed of one. `at:deleted-entry` is a withdrawal,
unless the feed has the same entry as it was updated later; an entry that is merely missing is none.

Not here: XML itself (`xml_tree.py`), what an entry must have (`entries.py`).
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from indexer.feeds.entries import Collector, Feed, web_address
from indexer.feeds.markup import element_text, folded, html_text
from indexer.feeds.xml_tree import XML_NAMESPACE

NAMESPACE = "{http://www.w3.org/2005/Atom}"
ROOTS = (f"{NAMESPACE}feed", f"{NAMESPACE}entry")

_DELETED = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
_COMMENT = "{http://purl.org/atompub/tombstones/1.0}comment"
_BASE = f"{XML_NAMESPACE}base"
_LANGUAGE = f"{XML_NAMESPACE}lang"


def read_atom(root: Element, url: str) -> Feed:
    """The feed in an `atom:feed` or `atom:entry` element; relative links are taken from `url`."""
    collector = Collector(url)
    if root.tag.endswith("}entry"):
        collector.add(_entry(root, None, url))
        return collector.feed("atom", language=root.get(_LANGUAGE, "").strip())
    base_url = _base(url, root)
    for element in root:
        if element.tag == f"{NAMESPACE}entry":
            collector.add(_entry(element, root, base_url))
        elif element.tag == _DELETED:
            collector.add(_tombstone(element))
    return collector.feed("atom", title=_line(root, "title"), language=root.get(_LANGUAGE, "").strip())


def _entry(entry: Element, feed: Element | None, base_url: str) -> dict[str, Any]:
    source = entry.find(f"{NAMESPACE}source")
    above = [element for element in (source, feed) if element is not None]
    content = _content(entry.find(f"{NAMESPACE}content"))
    summary = _construct(entry.find(f"{NAMESPACE}summary"))
    published, updated = (_plain(entry, name) for name in ("published", "updated"))
    return {
        "id": _plain(entry, "id"),
        "title": _line(entry, "title"),
        "body": content or summary,
        "summary": summary if content else "",
        "authors": next((names for element in (entry, *above) if (names := _authors(element))), []),
        "source": next((title for element in above if (title := _line(element, "title"))), ""),
        "tags": list(dict.fromkeys(_tags(entry))),
        "language": next((tag for element in (entry, *above) if (tag := element.get(_LANGUAGE, "").strip())), ""),
        "url": _link(entry, _base(base_url, entry)),
        "published_at": published or updated,
        "modified_at": updated,
    }


def _tombstone(element: Element) -> dict[str, Any]:
    return {
        "id": element.get("ref", "").strip(),
        "status": "canceled",
        "modified_at": element.get("when", "").strip(),
        "editor_note": _construct(element.find(_COMMENT)).replace("\n", " "),
    }


def _link(entry: Element, base_url: str) -> str:
    """The page that the entry is about: `alternate`, a web page before other types (RFC 4287, 4.2.7)."""
    links = [
        link
        for link in entry.iterfind(f"{NAMESPACE}link")
        if link.get("rel", "alternate") in ("alternate", "http://www.iana.org/assignments/relation/alternate")
    ]
    links.sort(key=lambda link: "html" not in link.get("type", "text/html"))
    found = (web_address(_base(base_url, link), link.get("href", "")) for link in links)
    return next(filter(None, found), "")


def _authors(element: Element) -> list[str]:
    names = (_plain(author, "name") for author in element.iterfind(f"{NAMESPACE}author"))
    return list(dict.fromkeys(folded(name) for name in names if name))


def _tags(entry: Element) -> Iterator[str]:
    for category in entry.iterfind(f"{NAMESPACE}category"):
        if tag := folded(category.get("label") or category.get("term") or ""):
            yield tag


def _line(element: Element, name: str) -> str:
    return _construct(element.find(NAMESPACE + name)).replace("\n", " ")


def _plain(element: Element, name: str) -> str:
    return (element.findtext(NAMESPACE + name) or "").strip()


def _content(element: Element | None) -> str:
    """The text of `atom:content`, which may also have a media type, or be somewhere else (4.1.3)."""
    if element is None or element.get("src") is not None:
        return ""
    kind = element.get("type", "text").strip().lower()
    if kind in ("text", "html", "xhtml"):
        return _construct(element)
    if kind in ("text/html", "application/xhtml+xml"):
        return html_text("".join(element.itertext())) if len(element) == 0 else element_text(element)
    return folded("".join(element.itertext())) if kind.startswith("text/") else ""


def _construct(element: Element | None) -> str:
    """A text construct as plain text (3.1)."""
    if element is None:
        return ""
    match element.get("type", "text").strip().lower():
        case "xhtml":
            return element_text(element)
        case "html":
            return html_text("".join(element.itertext()))
        case _:
            return folded("".join(element.itertext()))


def _base(base_url: str, element: Element) -> str:
    try:
        return urljoin(base_url, element.get(_BASE, "").strip())
    except ValueError:
        return base_url
