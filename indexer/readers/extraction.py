"""The process that finds the article in a web page, until its parent closes the socket or kills it.

    request     <II: length of the head, length of the page; head: JSON of url, charset, captured; the page as sent
    reply       <I: length; JSON of the fields of `PageArticle`, or of {"fault": why there is none}

Contract: one page at a time, in order. Whatever a page does to trafilatura, its address space is bounded
(`MAX_MEMORY_BYTES`), and the process may be killed at any moment: it owns nothing but memory. The article's date is
what the page says, unless that is later than the day after the page was captured.

    python -P -m indexer.readers.extraction SOCKET_FD

Not here: the parent's side, which holds the time limit (`pages.py`); files (`warc.py`).
"""

import logging
import re
import resource
import socket
import struct
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO

import orjson
from trafilatura import bare_extraction

from indexer.charsets import character_set

REQUEST = struct.Struct("<II")
REPLY = struct.Struct("<I")
MAX_MEMORY_BYTES = 2 << 30

_MAX_CHARS = 1 << 20
"""Of a text: as long as a body may be (`indexer/article.py`)."""
_HEAD_BYTES = 4096
_META_CHARSET = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_HTML_LANGUAGE = re.compile(r"""<html[^>]{0,1000}?\slang\s*=\s*["']?([A-Za-z0-9-]{2,35})""", re.IGNORECASE)
_INSTANT = "%Y-%m-%dT%H:%M:%S%z"


def extract(page: bytes, *, url: str, charset: str | None, captured: str) -> dict[str, Any]:
    """The article in a page: the fields of `PageArticle`, or `fault`.

    Args:
        page: HTML, as the server sent it.
        url: where from.
        charset: what the HTTP header says.
        captured: when it was fetched (ISO 8601); no article is younger.
    """
    text = _decoded(page, charset)
    found = bare_extraction(
        text,
        url=url,
        with_metadata=True,
        include_comments=False,
        date_extraction_params={
            "original_date": True,
            "extensive_search": True,
            "outputformat": _INSTANT,
            "max_date": _latest(captured),
        },
    )
    if found is None or isinstance(found, dict) or not found.text or not found.text.strip():
        return {"fault": "the page has no text"}
    if len(found.text) > _MAX_CHARS:
        return {"fault": f"the text is longer than {_MAX_CHARS:,} characters"}
    if not (found.title or "").strip():
        return {"fault": "the page has no title"}
    language = _HTML_LANGUAGE.search(text[:_HEAD_BYTES])
    return {
        "title": found.title,
        "body": found.text,
        "summary": found.description or "",
        "authors": [name.strip() for name in (found.author or "").split(";") if name.strip()],
        "source": found.sitename or "",
        "tags": [tag for tag in [*(found.categories or ()), *(found.tags or ())] if isinstance(tag, str)],
        "language": found.language or (language[1] if language else ""),
        # A date without a time comes out as midnight; nobody knows that it was midnight.
        "published_at": (found.date or "").removesuffix("T00:00:00"),
    }


def _latest(captured: str) -> str:
    """The day after; zones differ by so much."""
    try:
        return (date.fromisoformat(captured[:10]) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return datetime.now(UTC).date().isoformat()


def _decoded(page: bytes, charset: str | None) -> str:
    """The text: by the header, else by what the page says, else UTF-8 if it is that, else Windows-1252."""
    declared = _META_CHARSET.search(page[:_HEAD_BYTES])
    for label in (charset, declared[1].decode() if declared else None):
        if label and (name := character_set(label)):
            return page.decode(name, errors="replace")
    try:
        return page.decode()
    except UnicodeDecodeError:
        return page.decode("cp1252", errors="replace")


def _serve(incoming: BinaryIO, connection: socket.socket) -> None:
    connection.sendall(REPLY.pack(0))
    while header := incoming.read(REQUEST.size):
        head_bytes, page_bytes = REQUEST.unpack(header)
        head = orjson.loads(incoming.read(head_bytes))
        page = incoming.read(page_bytes)
        try:
            reply = orjson.dumps(extract(page, **head))
        except Exception as error:  # noqa: BLE001 - one bad page must not end the process
            reply = orjson.dumps({"fault": f"the page cannot be read ({type(error).__name__})"})
        connection.sendall(REPLY.pack(len(reply)) + reply)


def main(handle: int) -> None:
    """Serve the socket with this file handle until it is closed."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    # Trafilatura tells what it thinks of each page.
    logging.disable()
    with (
        socket.socket(fileno=handle) as connection,
        connection.makefile("rb") as incoming,
        suppress(ConnectionError),  # the parent is gone: nobody waits for an answer
    ):
        _serve(incoming, connection)


if __name__ == "__main__":
    main(int(sys.argv[1]))
