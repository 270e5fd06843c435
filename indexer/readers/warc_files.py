"""WARC files on the disk, and places in them.

Contract: every path given is there, or `InputError` names it before anything is read.

Not here: what is in them (`warc.py`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.readers.inputs import InputError

ENDINGS = (".warc", ".warc.gz", ".warc.zst")
"""What files in a folder are called."""


@dataclass(frozen=True, slots=True)
class Position:
    """An item's place in the files of a run."""

    file: str
    """The path, as it was found (`shown_path`)."""
    offset: int
    """Bytes into the file as it lies on the disk, where reading can begin."""
    done: int
    """How many responses from there on were read, this one included."""
    number: int
    """Of the item's response in its file, from 1."""


def warc_files(paths: Sequence[Path]) -> list[Path]:
    """The files that the paths stand for; of a folder those in and below it by their `ENDINGS`, sorted.

    Raises:
        InputError: a path does not exist, or a folder holds no WARC file.
    """
    return [file for path in paths for file in _files(path)]


def shown_path(path: Path) -> str:
    """A path as positions and rejects have it: always valid UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _files(path: Path) -> list[Path]:
    shown = shown_path(path)
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        files = sorted(file for file in path.rglob("*.warc*") if file.name.endswith(ENDINGS) and file.is_file())
    except OSError as error:
        raise InputError(f"cannot read {shown!r}: {error.strerror}") from error
    if not files:
        raise InputError(f"no file to read in folder {shown!r}: looked for {' '.join(ENDINGS)}")
    return files
