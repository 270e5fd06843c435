"""A feed in a file, as if it were fetched.

Contract: `read_file` gives what `fetch.py` would give, or raises the same errors: the file's time and size are its
`etag`, gzip and zstd are recognised by content, and the limits of a body hold.

Not here: which files are feeds and which are lists of addresses (`sources.py`).
"""

import os
from pathlib import Path

from indexer.feeds.errors import FetchFailedError
from indexer.feeds.fetch import MAX_BODY_BYTES, Fetched, NotModified
from indexer.feeds.unpacking import unpacked_body

_PIECE_BYTES = 1 << 16


def read_file(path: str, etag: str | None) -> Fetched | NotModified:
    """The feed at `path`; `NotModified` if `etag` is that of the file as it is now.

    Raises:
        FetchFailedError: it cannot be read.
        BodyRefusedError: it is too large or a bomb.
    """
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            tag = f"{status.st_mtime_ns}-{status.st_size}"
            if tag == etag:
                return NotModified(
                    url=path, permanent_url=path, etag=tag, last_modified=None, retry_after_s=None, max_age_s=None
                )
            body = unpacked_body(path, iter(lambda: file.read(_PIECE_BYTES), b""), "", max_bytes=MAX_BODY_BYTES)
    except OSError as error:
        raise FetchFailedError(path, f"cannot be read ({error.strerror})", "check the path") from None
    return Fetched(
        url=path,
        permanent_url=path,
        etag=tag,
        last_modified=None,
        retry_after_s=None,
        max_age_s=None,
        body=body,
        content_type="",
        charset=None,
    )
