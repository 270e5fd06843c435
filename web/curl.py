"""Requests as lines of a shell: the documentation shows them, and its reader can paste them.

Contract: a line works as it stands, in any POSIX shell, against a server that was started with the default settings.

Not here: which requests (the examples of the operations).
"""

import json
from collections.abc import Mapping, Sequence
from shlex import quote as quoted
from typing import Any
from urllib.parse import quote, urlencode

ORIGIN = "http://127.0.0.1:8000"
"""Where a server listens by default."""


def curl_line(method: str, path: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], body: Any) -> str:
    """A call of curl.

    Args:
        method: in lower case.
        path: percent-encoded.
        query: names and values as they are meant.
        headers: those of the request.
        body: what is sent: a value as JSON, a text as it is, or nothing.
    """
    address = f"{ORIGIN}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
    named = "" if method == "get" else f"-X {method.upper()} "
    pieces = [
        f"curl {named}{quoted(address)}",
        *(f"-H {quoted(f'{name}: {text}')}" for name, text in headers.items()),
    ]
    if isinstance(body, str):
        pieces.append(f"--data-binary {quoted(body)}")
    elif body is not None:
        pieces.append(f"--data {quoted(json.dumps(body, ensure_ascii=False))}")
    return " \\\n  ".join(pieces)
