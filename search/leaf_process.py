"""A leaf process: answers requests about its partitions until its parent closes the socket or kills it.

Contract: one request at a time, in order. Whatever goes wrong with one request is answered as such; the process
goes on. It looks at deadlines between clauses, and may be killed at any moment: it owns nothing but memory.

    python -m search.leaf_process SOCKET_FD DATA_FOLDER

Not here: the parent's side (`pool.py`).
"""

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from partition.errors import IndexFileError, MissingFile
from partition.types import DocAddress
from search.exhaustive import DeadlineError
from search.leaf import LeafAnswer
from search.messages import (
    FRAME,
    Answered,
    Broken,
    Documents,
    DocumentsRequest,
    Done,
    EpochGone,
    Failed,
    FindRequest,
    OpenRequest,
    Parsed,
    ParseRequest,
    Refused,
    Reply,
    Request,
    SearchRequest,
    decode_request,
    encode,
)
from search.parsing import QueryError, parse_query
from search.plan import plan_of
from search.snapshot import Snapshot, Snapshots
from search.snippets import snippet
from web.logs import configure_logs

Send = Callable[[Reply], None]
_log = structlog.get_logger()


class LeafServer:
    """Executes requests on the open epochs of one archive."""

    def __init__(self, root: Path) -> None:
        self._snapshots = Snapshots(root)

    def handle(self, request: Request, send: Send) -> None:
        """Answer one request; `send` is called once or, for a search, once for each partition and once more."""
        try:
            send(self._answer(request, self._snapshots.open(request.epoch), send))
        except MissingFile:
            send(EpochGone())
        except Exception as error:  # noqa: BLE001 - one bad request must not end the process
            # Callers learn that it failed; why, with paths and all, is for those who read the log.
            _log.exception("leaf request failed", request=type(request).__name__, epoch=request.epoch)
            send(Broken("damaged" if isinstance(error, IndexFileError) else "failed"))

    def _answer(self, request: Request, snapshot: Snapshot, send: Send) -> Reply:
        match request:
            case OpenRequest(partitions=partitions):
                _ = snapshot.statistics  # read now, so that damage shows before the first query
                for partition in partitions:
                    snapshot.leaf(partition)
                return Done()
            case ParseRequest(text=text):
                try:
                    return Parsed(parse_query(text, snapshot.statistics.prefix_size))
                except QueryError as error:
                    return Refused(error.detail, error.position)
            case SearchRequest():
                for partition in request.partitions:
                    send(_search(request, snapshot, partition))
                return Done()
            case DocumentsRequest(addresses=addresses):
                return Documents([_document(request, snapshot, address) for address in addresses])
            case FindRequest(partition=partition, article_id=article_id):
                return Documents(_find(snapshot, partition, article_id))


def _search(request: SearchRequest, snapshot: Snapshot, partition: int) -> Reply:
    try:
        leaf = snapshot.leaf(partition)
        if leaf is None:
            return Answered(partition, LeafAnswer(0, ()))
        query = request.query
        plan = plan_of(query.node, snapshot.statistics)
        answer = leaf.search(plan, query.filters, query.sort, request.part, request.deadline_s)
    except MissingFile:
        raise
    except DeadlineError:
        return Failed(partition, "timeout")
    except IndexFileError as error:
        _log.error("partition is damaged", partition=partition, epoch=request.epoch, reason=str(error))
        return Failed(partition, "damaged")
    else:
        return Answered(partition, answer)


def _document(request: DocumentsRequest, snapshot: Snapshot, address: DocAddress) -> dict[str, Any]:
    leaf = snapshot.leaf(address.partition)
    assert leaf is not None, "addresses come from answers of this epoch"
    stored = leaf.stored(address)
    chosen = {name: value for name, value in stored.items() if name in request.fields}
    if "snippet" in request.fields:
        chosen["snippet"] = snippet(stored["body"] or stored["summary"], request.words)
    return chosen


def _find(snapshot: Snapshot, partition: int, article_id: str) -> list[dict[str, Any]]:
    leaf = snapshot.leaf(partition)
    place = leaf.reader.find(article_id) if leaf else None
    return [leaf.reader.stored(*place)] if leaf and place else []


def main(handle: int, root: Path) -> None:
    """Serve the socket with this file handle until it is closed."""
    # An interrupt at the terminal reaches the whole group; the parent closes the socket when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logs()
    server = LeafServer(root)
    with socket.socket(fileno=handle) as connection, connection.makefile("rb") as incoming:
        while header := incoming.read(FRAME.size):
            request = decode_request(incoming.read(*FRAME.unpack(header)))
            server.handle(request, lambda reply: connection.sendall(encode(reply)))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
