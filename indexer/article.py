"""From the fields of one record to one valid `Article`.

Contract: `validate` takes fields by their canonical names (`fields.py`; other names are not looked at) and either
returns the article, or raises `ArticleInvalid` and nothing else, whatever the values are. Texts come out trimmed,
without NUL characters, encodable as UTF-8, composed (NFC: letters with accents are one character each, as in queries)
and within the limits below. A language that is not told is detected, if it is certain. Dates never cost an article:
an unreadable one is dropped, one in the future becomes the present, and both are flagged in `date_confidence`.

Not here: recognising the names of fields (`fields.py`), status and embargo (`submitting.py`), the spellings of
dates (`dates.py`), files (`readers/`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from unicodedata import normalize

import orjson

from indexer.dates import read_date
from indexer.language import detect
from partition.types import MAX_ARTICLE_ID_BYTES, Article

MAX_TITLE_CHARS = 4096
MAX_BODY_CHARS = 1 << 20
MAX_SUMMARY_CHARS = 1 << 16
MAX_URL_CHARS = 4096
MAX_LABEL_CHARS = 1000
"""Longest source, section, language, author and tag."""
MAX_ENTRIES = 100
"""Most authors and most tags."""

_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a decimal number",
    list: "a list",
    dict: "an object",
}


class ArticleInvalid(ValueError):  # noqa: N818 - names the state of the article, as the rejects file shows it
    """A record is no article. `reason` says why; `article_id` is its id, where that at least was valid."""

    def __init__(self, reason: str, article_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.article_id = article_id


@dataclass(frozen=True, slots=True)
class Validated:
    """An article and the fingerprint of what was submitted."""

    article: Article
    digest: bytes
    """16 bytes (BLAKE2b) over the article before future dates were clamped: the same submission has the same
    digest whenever it is made."""


def validate(fields: Mapping[str, Any], *, now_ms: int) -> Validated:
    """Check and normalise one record; `now_ms` is the moment past which a date lies in the future.

    Raises:
        ArticleInvalid: id or title is missing, or a value has the wrong type, size or characters.
    """
    article_id = checked_id(fields.get("id"))
    try:
        title = _present(_text(fields, "title", MAX_TITLE_CHARS), "title")
        body = _text(fields, "body", MAX_BODY_CHARS)
        summary = _text(fields, "summary", MAX_SUMMARY_CHARS)
        authors = _entries(fields, "authors", separators=";")
        source = _text(fields, "source", MAX_LABEL_CHARS)
        section = _text(fields, "section", MAX_LABEL_CHARS)
        tags = _entries(fields, "tags", separators=";,")
        language = _text(fields, "language", MAX_LABEL_CHARS)
        url = _text(fields, "url", MAX_URL_CHARS)
    except ArticleInvalid as invalid:
        invalid.article_id = article_id
        raise
    published_ms, confidence = read_date(fields.get("published_at"))
    modified_ms, _ = read_date(fields.get("modified_at"))
    submitted = (
        *(article_id, title, body, summary, authors, source, section, tags, language, url),
        *(published_ms, confidence, modified_ms),
    )
    if published_ms is not None and published_ms > now_ms:
        published_ms, confidence = now_ms, "clamped"
    if modified_ms is not None:
        modified_ms = min(modified_ms, now_ms)
    article = Article(
        id=article_id,
        title=title,
        body=body,
        summary=summary,
        authors=authors,
        source=source,
        section=section,
        tags=tags,
        language=language or detect(title, body or summary),
        url=url,
        published_ms=published_ms,
        modified_ms=modified_ms,
        date_confidence=confidence,
    )
    return Validated(article, blake2b(orjson.dumps(submitted), digest_size=16).digest())


def checked_id(value: Any) -> str:
    """The id in the field `id`.

    Raises:
        ArticleInvalid
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(1 << 63) <= value < 1 << 64:
            raise ArticleInvalid("id is a number of more than 64 bits: send it as text")
        return str(value)
    article_id = _present(_checked(value, "id", MAX_ARTICLE_ID_BYTES), "id")
    if (size_bytes := len(article_id.encode())) > MAX_ARTICLE_ID_BYTES:
        raise ArticleInvalid(f"id is {size_bytes:,} bytes long: at most {MAX_ARTICLE_ID_BYTES} are allowed")
    return article_id


def _present(text: str, name: str) -> str:
    if not text:
        raise ArticleInvalid(f"{name} is missing or empty")
    return text


def _text(fields: Mapping[str, Any], name: str, max_chars: int) -> str:
    return normalize("NFC", _checked(fields.get(name), name, max_chars))


def _entries(fields: Mapping[str, Any], name: str, *, separators: str) -> tuple[str, ...]:
    """The distinct entries of a list, or of one text cut at any of the separators; empty ones left out."""
    value = fields.get(name)
    if isinstance(value, str):
        # One more cut than allowed is enough to know that there are too many.
        value = re.split(f"[{separators}]", value.strip(separators), maxsplit=MAX_ENTRIES)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise ArticleInvalid(f"{name} is {kind_of(value)}, not a list of texts")
    if len(value) > MAX_ENTRIES:
        raise ArticleInvalid(f"{name} has more than {MAX_ENTRIES} entries")
    entries = (normalize("NFC", _checked(entry, f"an entry of {name}", MAX_LABEL_CHARS)) for entry in value)
    return tuple(dict.fromkeys(entry for entry in entries if entry))


def _checked(value: Any, name: str, max_chars: int) -> str:
    """A text, trimmed; empty when there is none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ArticleInvalid(f"{name} is {kind_of(value)}, not text")
    text = value.strip()
    if len(text) > max_chars:
        raise ArticleInvalid(f"{name} is {len(text):,} characters long: at most {max_chars:,} are allowed")
    if "\0" in text:
        raise ArticleInvalid(f"{name} holds a NUL character (U+0000)")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            code = ord(text[error.start])
            raise ArticleInvalid(f"{name} holds half a surrogate pair (U+{code:04X})") from None
    return text


def kind_of(value: Any) -> str:
    """What a value is, in the words of those who write JSON."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")
