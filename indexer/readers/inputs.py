"""Which files are read, in which order, and in which format.

Contract: every path given is there, or `InputError` names it before anything is read. A folder stands for the
files in and below it whose endings are known, sorted, without hidden ones; a file that is named itself is
read whatever its ending, and its format then follows from its first line. `-` is standard input.

Not here: compression, which is recognised by content (`unpack.py`).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Literal

Format = Literal["json", "comma", "tab", "unknown"]

_FORMATS: dict[str, Format] = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "comma",
    ".tsv": "tab",
}
_COMPRESSED = (".gz", ".zst")


class InputError(ValueError):
    """An input that is not there, or a folder without a file to read; the message names it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read."""

    name: str
    """As shown to people: always valid UTF-8."""
    path: Path | None
    """None is standard input."""
    format: Format
    size_bytes: int | None
    """On disk; None for what has no size before it is read, such as a pipe."""


def find_inputs(paths: Sequence[Path]) -> list[Input]:
    """All files that the paths stand for, in reading order.

    Raises:
        InputError: a path does not exist or cannot be listed, or a folder holds nothing to read.
    """
    return [found for path in paths for found in _find(path)]


def _find(path: Path) -> Iterator[Input]:
    if str(path) == "-":
        yield Input("-", None, "unknown", None)
        return
    try:
        is_folder = path.is_dir()
        files = sorted(_below(path)) if is_folder else [path]
        for file in files:
            status = file.stat()
            size_bytes = status.st_size if S_ISREG(status.st_mode) else None
            yield Input(_shown(file), file, _format(file), size_bytes)
    except OSError as error:
        raise InputError(f"cannot read {_shown(path)!r}: {error.strerror}") from error
    if is_folder and not files:
        endings = " ".join(_FORMATS)
        raise InputError(f"no file to read in folder {_shown(path)!r}: looked for {endings}, also with .gz or .zst")


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            file = Path(parent, name)
            if not name.startswith(".") and _format(file) != "unknown" and file.is_file():
                yield file


def _format(file: Path) -> Format:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return _FORMATS.get(suffixes[-1], "unknown") if suffixes else "unknown"


def _raise(error: OSError) -> None:
    raise error


def _shown(path: Path) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")
