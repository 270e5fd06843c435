"""What is to be followed: addresses, files, and lists of addresses.

Contract: an argument with a scheme is an address, any other the path of a file. A file that is OPML, or has one
address a line (`#` begins a comment), stands for the addresses in it; any other file is itself a feed. A list leads
to addresses only, never to files, so that a list from a stranger cannot have local files read. Source: OPML 2.0.

Not here: whether an address may be asked (`addresses.py`), reading the feed (`formats.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from indexer.feeds.errors import FeedInvalidError
from indexer.feeds.xml_tree import parse_xml

MAX_LIST_BYTES = 10_000_000
MAX_SOURCES = 10_000
"""In one list."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_OPML = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<opml\b", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """One feed to follow."""

    kind: Literal["url", "file"]
    location: str
    """The address, or the whole path."""

    @property
    def host(self) -> str:
        """Who is asked: sources with the same host are never asked at the same time. A file is its own."""
        if self.kind == "file":
            return self.location
        try:
            return (urlsplit(self.location).hostname or "").lower()
        except ValueError:
            return self.location


def find_sources(argument: str) -> list[Source]:
    """The feeds that an argument stands for, each once, in order.

    Raises:
        FeedInvalidError: a list cannot be read, is empty or too long.
        OSError: a file cannot be read.
    """
    if _SCHEME.match(argument):
        return [Source("url", argument)]
    with Path(argument).open("rb") as file:
        content = file.read(MAX_LIST_BYTES + 1)
    if _OPML.match(content[:4096]):
        addresses = _outlines(_whole(content, argument), argument)
    elif _is_list(content):
        addresses = _lines(_whole(content, argument), argument)
    else:
        # Its articles are known by its path, wherever one stands.
        return [Source("file", str(Path(argument).absolute()))]
    sources = [Source("url", address) for address in dict.fromkeys(addresses)]
    if not 0 < len(sources) <= MAX_SOURCES:
        raise FeedInvalidError(
            argument, f"the list has {len(sources):,} addresses of feeds", f"list 1 to {MAX_SOURCES:,}"
        )
    return sources


def _whole(content: bytes, path: str) -> bytes:
    if len(content) > MAX_LIST_BYTES:
        raise FeedInvalidError(path, f"the list is longer than {MAX_LIST_BYTES:,} bytes", "split it")
    return content


def _outlines(content: bytes, path: str) -> Iterator[str]:
    for outline in parse_xml(content, path).iter("outline"):
        if address := outline.get("xmlUrl", "").strip():
            yield address


def _is_list(content: bytes) -> bool:
    """Whether the first line that is neither blank nor a comment is an address."""
    lines = (line.strip() for line in content[:65536].removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    return _SCHEME.match(first.decode(errors="replace")) is not None


def _lines(content: bytes, path: str) -> Iterator[str]:
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = raw.decode(errors="replace").strip()
        if line and not line.startswith("#"):
            if not _SCHEME.match(line):
                raise FeedInvalidError(path, f"{line[:80]!r} is no address", "write one address a line", line=number)
            yield line
