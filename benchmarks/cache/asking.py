"""Asking and comparing: queries as addresses, answers without what may differ from one moment to the next.

Contract: two answers of one state to one address have equal `plain` bodies.

Not here: connections (`benchmarks/live/wire.py`).
"""

import re
from pathlib import Path
from urllib.parse import quote_plus

from benchmarks.live.wire import Answer
from tests.api_server import ApiServer

_VOLATILE = re.compile(rb'"as_of":"[^"]*"|cursor=[A-Za-z0-9_-]*')
"""When the state was published, and which one a cursor names."""
_LINE = re.compile(r"^(broadsheet_cache_\w+)(\{[^}]*\})? ([-+.\deE]+)$", re.MULTILINE)


def address(query: str, **parameters: object) -> str:
    """Of the search for a query."""
    return "/v1/search?q=" + quote_plus(query) + "".join(f"&{name}={value}" for name, value in parameters.items())


def plain(body: bytes) -> bytes:
    """A body without what may differ."""
    return _VOLATILE.sub(b"", body)


def is_hit(answer: Answer) -> bool:
    """Whether nothing was computed for it: it was kept, or another request brought it."""
    status = answer.header("Cache-Status") or ""
    return "; hit" in status or "; collapsed" in status


def epoch_of(answer: Answer) -> str:
    """Which epoch it was answered from."""
    return answer.header("Broadsheet-Epoch") or ""


def counted(server: ApiServer) -> dict[str, float]:
    """The metrics of the cache of all processes of a server, by name and labels."""
    text = server.client.get("/metrics").text
    return {name + (labels or ""): float(value) for name, labels, value in _LINE.findall(text)}


def log_of(file: Path, count: int) -> list[str]:
    """The first queries of a log, one a line, in order; those that ask for nothing are left out.

    Raises:
        OSError: it cannot be read.
    """
    lines = (line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return [line for line in lines if any(map(str.isalnum, line))][:count]
