"""What can be wrong with the files of an index.

    IndexFileError             every error of this room; carries the path and the cure
    ├── MissingFile            the file or folder is not there
    ├── UnreadableFile         the system does not let us read it
    ├── CorruptFile            it is there, but its bytes are not those that were written
    ├── TooOldFile             written by an older format that this version no longer reads
    ├── TooNewFile             written by a newer format than this version knows
    └── SegmentTooLarge        it cannot be written: a number in it would not fit

Contract: messages are lower-case, name the path and the cure, and end without a full stop.

Not here: errors of input (`indexer/`) and of queries (`search/`).
"""

from pathlib import Path


class IndexFileError(Exception):
    """A file of the index cannot be used."""

    def __init__(self, path: Path, problem: str, cure: str) -> None:
        super().__init__(f"{path}: {problem}; {cure}")
        self.path = path
        self.problem = problem
        self.cure = cure


class MissingFile(IndexFileError):  # noqa: N818 - the noun is the name users meet
    """A file that the index names is not there."""


class UnreadableFile(IndexFileError):  # noqa: N818 - as above
    """A file cannot be opened or mapped."""


class CorruptFile(IndexFileError):  # noqa: N818 - as above
    """A file's bytes are not those that were written."""


class TooOldFile(IndexFileError):  # noqa: N818 - as above
    """A file's format is older than any that this version reads."""


class TooNewFile(IndexFileError):  # noqa: N818 - as above
    """A file's format is newer than this version knows."""


class SegmentTooLarge(IndexFileError):  # noqa: N818 - as above
    """A segment would hold more than its format can count."""
