"""Making files and folders durable: each at once, or many side by side.

Whoever waits for a disk waits for the journal of its file system, which is written once for all who wait at the same
time. So a generation of eight partitions, three files each, takes hardly longer than one file.

Contract: `make_durable` returns when its file is durable; within `together`, in the same thread, that is when the
block ends, which raises the first error of all. What was removed meanwhile need not become durable.

Not here: what is written, under which name (`envelope.py`).
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

SIDE_BY_SIDE = 16
"""Files that are waited for at a time."""


class _Put(threading.local):
    """What this thread has put off: open files, by device and inode."""

    def __init__(self) -> None:
        self.off: dict[tuple[int, int], int] | None = None


_put = _Put()


def make_durable(handle: int) -> None:
    """Make an open file or folder durable.

    Raises:
        OSError: it is not, and nobody knows how much of it is.
    """
    if _put.off is None:
        os.fsync(handle)
        return
    found = os.fstat(handle)
    key = found.st_dev, found.st_ino
    if key not in _put.off:
        _put.off[key] = os.dup(handle)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Put off what is to become durable until the block ends.

    Raises:
        OSError: as `make_durable`.
    """
    assert _put.off is None, "one block at a time"
    handles = _put.off = {}
    try:
        yield
        _put.off = None
        left = [handle for handle in handles.values() if os.fstat(handle).st_nlink]
        if left:
            with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(left)), "fsync") as threads:
                # Every one of them is waited for, whichever fails.
                for made in [threads.submit(os.fsync, handle) for handle in left]:
                    made.result()
    finally:
        _put.off = None
        for handle in handles.values():
            os.close(handle)
