"""A Whoosh process: executes what only Whoosh can, until its parent closes the socket or kills it.

Contract: one request at a time, in order. Whatever goes wrong with one request is answered as such; the process
goes on. Whoosh cannot be told to stop: at the deadline an alarm interrupts it wherever it is, and should it be where
no alarm is heard, the process may be killed at any moment: it owns nothing but memory.

    python -m search.whoosh_process SOCKET_FD DATA_FOLDER

Not here: the parent's side (`pool.py`), Whoosh over our segments (`partition/whoosh_codec.py`).
"""

import signal
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import numpy as np
import structlog
from whoosh import query as whoosh_query

from partition.analysis import OF
from partition.errors import IndexFileError, MissingFile
from partition.manifest import Layout, read_manifest
from partition.reader import OpenFiles, PartitionReader
from partition.statistics import Statistics
from partition.whoosh_codec import WhooshIndex, open_whoosh_index
from search.expansions import check_wildcards
from search.messages import (
    FRAME,
    Broken,
    Damaged,
    EpochGone,
    Matched,
    MatchRequest,
    Ready,
    Refused,
    Reply,
    SegmentSet,
    decode_request,
    encode,
)
from search.parsing import QueryError
from search.query import Wildcard
from web.logs import configure_logs

MAX_OPEN_STATES = 2
_AT_ONCE_S = 1e-6
_log = structlog.get_logger()


class _LateError(BaseException):
    """The deadline of a request has passed; no `Exception`, lest Whoosh take it for one of its own."""


class WhooshServer:
    """Answers requests on the states of one archive."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._open: OrderedDict[tuple[int, int], _WholeState] = OrderedDict()
        self._files = OpenFiles()

    def answer(self, request: MatchRequest) -> Reply:
        """The reply to one request, by its deadline; in the main thread of a process that `main` has set up."""
        try:
            # An epoch is opened first, lest nobody ever have the time.
            opened = self._state(request.epoch, request.seq)
            signal.setitimer(signal.ITIMER_REAL, max(_AT_ONCE_S, request.deadline_s - time.monotonic()))
            try:
                return opened.matched(request.nodes)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
        except _LateError:
            # What was under way may be half remembered; to open an epoch takes some milliseconds.
            self._open.clear()
            return Broken("timeout")
        except QueryError as error:
            return Refused(error.detail, error.position)
        except MissingFile:
            return EpochGone()
        except Exception as error:  # noqa: BLE001 - one bad request must not end the process
            # Callers learn that it failed; why, with paths and all, is for those who read the log.
            _log.exception("whoosh request failed")
            return Broken("damaged" if isinstance(error, IndexFileError) else "failed")

    def _state(self, epoch: int, seq: int) -> "_WholeState":
        key = epoch, seq
        if key not in self._open:
            self._open[key] = _WholeState(self._layout, epoch, seq, self._files)
        self._open.move_to_end(key)
        while len(self._open) > MAX_OPEN_STATES:
            self._open.popitem(last=False)
        return self._open[key]


class _WholeState:
    """All partitions of a state as one Whoosh index."""

    def __init__(self, layout: Layout, epoch: int, seq: int, files: OpenFiles) -> None:
        self._epoch = epoch
        self._damaged: list[Damaged] = []
        self._readers: dict[int, PartitionReader] = {}
        self._folders: dict[Path, int] = {}
        manifest = read_manifest(layout, epoch)
        frozen = manifest.statistics_at(seq).file
        self._statistics = Statistics(layout.statistics / frozen.name, seal=frozen.seal)
        for partition, record in enumerate(manifest.partitions):
            if record.generation:
                folder = layout.partition(partition)
                self._folders[folder] = partition
                try:
                    self._readers[partition] = PartitionReader(folder, record, seq=seq, opened=files)
                except IndexFileError as error:
                    if not layout.manifest(epoch).exists():
                        raise
                    self._set_aside(error)
        self._open()

    def _set_aside(self, error: IndexFileError) -> None:
        partition = self._folders[error.path.parent]
        self._damaged.append(Damaged(partition, str(error.path), error.problem, error.cure))
        self._readers.pop(partition, None)

    def _open(self) -> None:
        self._partitions = list(self._readers)
        self._index: WhooshIndex = open_whoosh_index(list(self._readers.values()), epoch=self._epoch)
        self._searcher = self._index.searcher()

    def matched(self, nodes: Sequence[Wildcard]) -> Matched:
        """For each node, the live articles that match in the partitions that are sound.

        Raises:
            QueryError: together they stand for too many words.
        """
        check_wildcards(nodes, self._statistics)
        while True:
            try:
                return Matched(tuple(map(self._articles, map(_in_any_language, nodes))), tuple(self._damaged))
            except IndexFileError as error:  # found on touching a page; each time one partition less is left
                self._set_aside(error)
                self._open()

    def _articles(self, query: whoosh_query.Query) -> tuple[SegmentSet, ...]:
        docnums = np.fromiter(self._searcher.docs_for_query(query), np.int64)
        sets = []
        for part in self._index.segment.parts:
            bits = np.zeros(part.segment.size, np.bool_)
            within = docnums[(docnums >= part.base) & (docnums < part.base + part.segment.size)]
            bits[within - part.base] = True
            packed = np.packbits(bits, bitorder="little").tobytes()
            sets.append(SegmentSet(self._partitions[part.partition], part.ordinal, packed))
        return tuple(sets)


def _in_any_language(node: Wildcard) -> whoosh_query.Query:
    """A term may end with its language."""
    texts = (node.text, f"{node.text}{OF}??")
    return whoosh_query.Or([whoosh_query.Wildcard(node.field, text) for text in texts])


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise _LateError


def main(handle: int, root: Path) -> None:
    """Serve the socket with this file handle until it is closed."""
    # An interrupt at the terminal reaches the whole group; the parent closes the socket when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _interrupt)
    configure_logs()
    server = WhooshServer(root)
    with socket.socket(fileno=handle) as connection, connection.makefile("rb") as incoming:
        connection.sendall(encode(Ready()))
        while header := incoming.read(FRAME.size):
            request = decode_request(incoming.read(*FRAME.unpack(header)))
            connection.sendall(encode(server.answer(request)))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
