"""IPTC ninjs 1.x, 2.x and 3.0: from objects to a feed.

Contract: names are taken whatever their case, since 3.0 spells `versionCreated` what was `versioncreated` before.
Beside the fields of an article an entry has, where they are given, `status`, `embargoed_until`, `editor_note`,
`version` and `evolved_from` (the `uri` of what it replaces). What could publish too early is refused rather than
guessed: an embargo that is no instant with its offset from UTC, though others may leave that out. A withdrawal needs
no headline. Source: the JSON schemas of IPTC ninjs 1.5, 2.1 and 3.0.

Not here: JSON itself (`formats.py`), what an entry must have (`entries.py`), waiting for the end of an embargo.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from indexer.dates import read_date
from indexer.feeds.entries import Collector, Feed, web_address, withdraws
from indexer.feeds.markup import folded, html_text

_MARKS = frozenset({"uri", "headline", "headlines", "versioncreated", "pubstatus"})
_ZONED = re.compile(r"[0-9] ?(?:Z|[+-][0-9]{2}:?[0-9]{2})\s*$", re.IGNORECASE)
_ROLES = ("main", "body", "full", "")
"""Roles of texts, the best first; after them any other."""


class _Refused(ValueError):  # noqa: N818 - names the state of the item
    """An item is no article; the message says why."""


def is_ninjs(values: Mapping[str, Any]) -> bool:
    """Whether an object has the names of a news item."""
    return any(name.lower() in _MARKS for name in values)


def read_ninjs(items: Iterable[Any], url: str) -> Feed:
    """The items, as parsed from a list or from lines; one that is a str is the reason why it could not be parsed."""
    collector = Collector(url)
    for item in items:
        if not isinstance(item, dict):
            collector.refuse(item if isinstance(item, str) else "the item is no object")
            continue
        values = _lowered(item)
        try:
            entry = _entry(values)
        except _Refused as refused:
            collector.refuse(str(refused), article_id=_text(values, "uri") or None)
        else:
            collector.add(entry)
    return collector.feed("ninjs")


def _entry(values: Mapping[str, Any]) -> dict[str, Any]:
    created, versioned = (_text(values, name) for name in ("firstcreated", "versioncreated"))
    body = _best(values, "bodies", "body")
    summary = _best(values, "descriptions", "description")
    byline = folded(_text(values, "byline") or _text(values, "by")).replace("\n", " ")
    version = values.get("version")
    entry = {
        "id": _text(values, "uri"),
        "title": _headline(values),
        "body": body or summary,
        "summary": summary if body else "",
        "authors": [byline] if byline else [],
        "source": next(_names(values, "infosource", "infosources"), "") or _text(values, "copyrightholder"),
        "tags": list(dict.fromkeys(_names(values, "subject", "subjects", "keyword", "keywords"))),
        "language": _text(values, "language"),
        "url": _web_page(values),
        "published_at": created or versioned,
        "modified_at": versioned,
        "status": values.get("pubstatus"),
        "editor_note": folded(_text(values, "ednote")),
        "version": str(version) if isinstance(version, (int, str)) and not isinstance(version, bool) else "",
        "evolved_from": _text(values, "evolvedfrom"),
    }
    return entry if withdraws(entry) else {**entry, "embargoed_until": _embargo(values)}


def _embargo(values: Mapping[str, Any]) -> str:
    until = values.get("embargoed")
    if until is None:
        return ""
    if not isinstance(until, str) or not _ZONED.search(until) or read_date(until)[1] != "instant":
        raise _Refused(f"embargoed {str(until)[:40]!r} is no instant with its offset from UTC")
    return until.strip()


def _headline(values: Mapping[str, Any]) -> str:
    headline = _best(values, "headlines", "headline") or folded(_text(values, "title"))
    return headline.replace("\n", " ")


def _best(values: Mapping[str, Any], several: str, one: str) -> str:
    """A text, from the list that 2.0 brought in (`bodies`), else from the name or names of 1.x (`body_text`)."""
    texts = [_lowered(text) for text in _list(values, several) if isinstance(text, dict)]
    texts.sort(
        key=lambda text: _ROLES.index(role) if (role := _text(text, "role").lower()) in _ROLES else len(_ROLES)
    )
    for text in texts:
        if found := _as_text(_text(text, "value"), _text(text, "contenttype") or "text/plain"):
            return found
    for name in (one, f"{one}_text"):
        if found := folded(_text(values, name)):
            return found
    return next(
        (found for name in values if name.startswith(f"{one}_") and (found := html_text(_text(values, name)))), ""
    )


def _as_text(value: str, content_type: str) -> str:
    return html_text(value) if "html" in content_type or "xml" in content_type else folded(value)


def _names(values: Mapping[str, Any], *lists: str) -> Iterator[str]:
    """The names in lists of concepts, or of plain texts."""
    for one in lists:
        for concept in _list(values, one):
            name = concept if isinstance(concept, str) else ""
            if isinstance(concept, dict):
                lowered = _lowered(concept)
                name = _text(lowered, "name") or _text(lowered, "value") or _text(lowered, "literal")
            if name := folded(name):
                yield name


def _web_page(values: Mapping[str, Any]) -> str:
    """The rendition that is a web page; `uri` names the item and is seldom one."""
    found = values.get("renditions")
    renditions = list(found.values()) if isinstance(found, dict) else _list(values, "renditions")
    for rendition in renditions:
        if isinstance(rendition, dict):
            lowered = _lowered(rendition)
            if "html" in (_text(lowered, "mimetype") or _text(lowered, "contenttype")).lower():
                return web_address("", _text(lowered, "href"))
    return ""


def _lowered(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in values.items()}


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value.strip() if isinstance(value, str) else ""


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = values.get(name)
    return value if isinstance(value, list) else []
