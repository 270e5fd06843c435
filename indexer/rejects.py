"""What could not be indexed: the nouns, and the file that lists them.

Contract: one `Reject` is one JSON object on one line, `{"file","line","reason","id","excerpt"}`, of bounded
size. The file is made with the first reject, grows by whole lines, and is readable while it grows.

Not here: deciding what is rejected (`readers/`, `article.py`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import orjson

MAX_EXCERPT_CHARS = 200
_MAX_REASON_CHARS = 500
_MAX_NAME_CHARS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One record, or the rest of one file, that did not become an article."""

    file: str
    """The name as given or found; `-` is standard input."""
    line: int
    """Counted from 1; 0 means the file as a whole. The first line, where a record spans several."""
    reason: str
    id: str | None = None
    """The article's id, where it could be read."""
    excerpt: str = ""
    """How the line begins."""


class RejectsFile:
    """Appends rejects to a file, which the first one opens; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def write(self, reject: Reject) -> None:
        """Append one line and hand it to the operating system.

        Raises:
            OSError: the file cannot be written.
        """
        line = {
            "file": _cut(reject.file, _MAX_NAME_CHARS),
            "line": reject.line,
            "reason": _cut(reject.reason, _MAX_REASON_CHARS),
            "excerpt": _cut(reject.excerpt, MAX_EXCERPT_CHARS),
        }
        if reject.id is not None:
            line["id"] = _cut(reject.id, _MAX_NAME_CHARS)
        file = self._file = self._file or self._open()
        file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        file.flush()

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        file = self.path.open("a+b")
        # A run that was killed may have left half a line: it must not swallow ours.
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def forget(path: Path, article_id: str, quotes: Callable[[str], bool]) -> int:
    """Overwrite what a file of rejects tells of an article; returns how many lines.

    They are overwritten where they stand, since others may be appending: with as many bytes, and so a line like any
    other, which says that it was.

    Args:
        path: of the file, which need not be there.
        article_id: of the article.
        quotes: tells whether a text is a piece of it.
    """
    if not path.exists():
        return 0
    count = at = 0
    with path.open("r+b") as file:
        while line := file.readline():
            start, at = at, at + len(line)
            try:
                told = orjson.loads(line)
            except orjson.JSONDecodeError:  # of a run that was killed
                told = {"excerpt": line.decode(errors="replace")}
            texts = [str(told.get(name, "")) for name in ("excerpt", "reason")]
            if told.get("id") == article_id or any(article_id in text or quotes(text) for text in texts):
                file.seek(start)
                size = len(line.rstrip(b"\n"))
                file.write(_FORGOTTEN[:size].ljust(size) if size >= len(_FORGOTTEN) else b" " * size)
                file.seek(at)
                count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


_FORGOTTEN = b'{"file":"-","line":0,"reason":"taken down"}'


def _cut(text: str, max_chars: int) -> str:
    """The beginning of a text, with anything that UTF-8 cannot carry replaced."""
    return text[:max_chars].encode(errors="replace").decode()
