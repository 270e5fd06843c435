"""A feed, its entries, and what makes an entry worth handing on: the nouns that all formats share.

Contract: an entry that is handed on has an id and a title, or is a withdrawal that needs no title. The id is the one
that the format gives, else the link, and each is handed on once: of several with one id in a document the one that
was modified last, else the first (RFC 4287, 4.1.2). A missing title is the first words of the text. An entry without
id or title is a `Reject` with its number and the reason, and stops nothing: an id made of what may be corrected would
leave both versions standing. A document with more than `MAX_ENTRIES` is refused.

Not here: the formats (`formats.py`), limits and types of the values (`indexer/article.py`).
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin

from indexer.article import ArticleInvalid
from indexer.dates import read_date
from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.markup import folded
from indexer.rejects import MAX_EXCERPT_CHARS, Reject
from indexer.submitting import status_of

Format = Literal["rss", "atom", "json_feed", "ninjs"]
MAX_ENTRIES = 10_000
"""In one document, with those that are no articles."""

_TITLE_WORDS = 12
_MAX_WORD_CHARS = 60
_WEB = re.compile(r"https?://[^\s/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One document of a feed."""

    format: Format
    title: str
    """Empty where it has none."""
    language: str
    """As the feed spells it (BCP 47); empty where it says none."""
    refresh_s: int | None
    """How long it says that it may be held (`ttl` of RSS); None where it says nothing."""
    ended: bool
    """It says that it will never change again (`expired` of JSON Feed)."""
    entries: tuple[Mapping[str, Any], ...]
    """Fields by their canonical names (`indexer/fields.py`), as `validate` takes them. Beside them `number`, the
    entry's place in the document, from 1, and from ninjs `version` and `evolved_from`. What `status` and
    `embargoed_until` hold is as the feed has it (`indexer/submitting.py`)."""
    rejects: tuple[Reject, ...]
    """Entries that are no articles; `line` is the number of the entry, from 1, and `file` the feed."""


class Collector:
    """Takes the entries of one document in order and sorts them into articles and rejects."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._number = 0
        self._entries: dict[str, Mapping[str, Any]] = {}
        self._rejects: list[Reject] = []

    def add(self, fields: Mapping[str, Any]) -> None:
        """Take the next entry: its fields, of which any may be empty or None.

        Raises:
            FeedInvalidError: there are too many.
        """
        self._count()
        entry = {name: value for name, value in fields.items() if value not in (None, "", [], ())}
        entry["number"] = self._number
        text = entry.get("body") or entry.get("summary") or ""
        if "id" not in entry and "url" in entry:
            entry["id"] = entry["url"]
        if "title" not in entry and (title := _first_words(text)):
            entry["title"] = title
        if "id" not in entry:
            self._refuse("the entry has neither an id nor a link", excerpt=entry.get("title", ""))
        elif "title" not in entry and not withdraws(entry):
            self._refuse("the entry has neither a title nor a text", article_id=entry["id"])
        elif entry["id"] not in self._entries or _modified_ms(self._entries[entry["id"]]) < _modified_ms(entry):
            self._entries[entry["id"]] = entry

    def refuse(self, reason: str, *, excerpt: str = "", article_id: str | None = None) -> None:
        """Count the next entry as one that is no article."""
        self._count()
        self._refuse(reason, excerpt=excerpt, article_id=article_id)

    def feed(
        self,
        form: Format,
        *,
        title: str = "",
        language: str = "",
        refresh_s: int | None = None,
        ended: bool = False,
    ) -> Feed:
        """The feed, with all entries that were taken."""
        return Feed(
            format=form,
            title=title,
            language=language,
            refresh_s=refresh_s,
            ended=ended,
            entries=tuple(self._entries.values()),
            rejects=tuple(self._rejects),
        )

    def _count(self) -> None:
        self._number += 1
        if self._number > MAX_ENTRIES:
            raise FeedInvalidError(
                self._url, f"the feed has more than {MAX_ENTRIES:,} entries", "follow a shorter feed"
            )

    def _refuse(self, reason: str, *, excerpt: str = "", article_id: str | None = None) -> None:
        self._rejects.append(
            Reject(
                file=self._url,
                line=self._number,
                reason=reason,
                id=article_id,
                excerpt=excerpt[:MAX_EXCERPT_CHARS],
            )
        )


def withdraws(entry: Mapping[str, Any]) -> bool:
    """Whether an entry takes its article back."""
    try:
        return status_of(entry.get("status")) != "usable"
    except ArticleInvalid:  # whoever takes the entry says so
        return False


def web_address(base_url: str, link: str) -> str:
    """A link, made absolute; empty for what is no address on the web, such as `javascript:`."""
    try:
        joined = urljoin(base_url, link.strip()) if link.strip() else ""
    except ValueError:
        return ""
    return joined if _WEB.match(joined) else ""


def _modified_ms(entry: Mapping[str, Any]) -> int:
    """When an entry was modified last, in ms since 1970; before everything, where it does not say."""
    found_ms, _ = read_date(entry.get("modified_at"))
    return -sys.maxsize if found_ms is None else found_ms


def _first_words(text: str) -> str:
    """The beginning of a text as a title, on one line."""
    words = folded(text[: 2 * _TITLE_WORDS * _MAX_WORD_CHARS]).split()
    title = " ".join(word[:_MAX_WORD_CHARS] for word in words[:_TITLE_WORDS])
    return f"{title} …" if len(words) > _TITLE_WORDS else title
