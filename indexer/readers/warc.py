"""WARC files of web pages (CC-NEWS and other crawls) as a stream of records and rejects.

Contract: of each file, every HTTP response with status 200 and an HTML body becomes one `Record` or one `Reject`, in
order; requests, metadata, other types and other statuses are passed over, and counted in `passed`. A file that is
damaged, cut short or cannot be read adds one more reject for the rest of it, and the next file follows. Memory is
bounded: records of more than `MAX_RECORD_BYTES` are not held, and a page is waited for `pages.LIMIT_S` at most. After
each item `position` says where it stood; reading its file from there gives exactly what would have come after it.
Sources: WARC 1.1 (ISO 28500:2017), RFC 9110.

Files may be plain, or packed with gzip or zstd, record by record (as they should be, so that a run can go on in the
middle) or as a whole (which is then read again from the start, without looking for articles).

Not here: which files (`warc_files.py`), finding the article in a page (`extraction.py`), fields and their validation
(`indexer/article.py`).
"""

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO
from urllib.parse import urlsplit, urlunsplit

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from indexer.readers.lines import Record
from indexer.readers.pages import LIMIT_S, MAX_PAGE_BYTES, Page, PageExtractor, PageFault
from indexer.readers.unpack import Meter, StreamBroken, unpacked
from indexer.readers.warc_files import Position, shown_path, warc_files
from indexer.rejects import Reject

MAX_RECORD_BYTES = MAX_PAGE_BYTES

UNREADABLE = "the rest cannot be read"
"""How the reason of a reject begins, where it is not the content that is at fault."""

_HTML = ("text/html", "application/xhtml+xml")
# What a record or the packing of one begins with, where reading can begin anew.
_BEGINNINGS = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"WARC/")
# A dictionary that all frames of the file need stands before the first (WARC Zstandard 1.0).
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
_END = b"\r\n\r\n"
_CUT_SHORT = "the file ends early: it was cut short"
_PORTS = {"http": 80, "https": 443}


class WarcRecords:
    """An iterable over records and rejects, to be run through once."""

    def __init__(
        self,
        files: Sequence[Path],
        *,
        starts: Mapping[str, Position] | None = None,
        processes: int = 1,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._files = files
        self._starts = starts or {}
        self._processes = processes
        self._limit_s = limit_s
        self.position: Position | None = None
        """Of the item given last; hand it to `read_warc` among the `starts` to go on after it."""
        self.records = 0
        self.rejected: Counter[str] = Counter()
        """Rejects by reason, without its details."""
        self.passed: Counter[str] = Counter()
        """Responses that were passed over, by reason."""

    def __iter__(self) -> Iterator[Record | Reject]:
        for position, item in self._items():
            if isinstance(item, Record):
                self.records += 1
            else:
                self.rejected[item.reason.partition(":")[0]] += 1
            self.position = position
            yield item

    def _items(self) -> Iterator[tuple[Position, Record | Reject]]:
        """The items in order; some pages ahead are with the processes already."""
        with ExitStack() as stack:
            idle: SimpleQueue[PageExtractor] = SimpleQueue()
            for _ in range(self._processes):
                idle.put(stack.enter_context(PageExtractor(limit_s=self._limit_s)))
            # The pool is left, and so its threads are done, before their processes are ended.
            pool = stack.enter_context(ThreadPoolExecutor(self._processes, "pages"))
            ahead: deque[tuple[Position, Reject | Future[Record | Reject]]] = deque()
            stack.callback(lambda: [item.cancel() for _, item in ahead if isinstance(item, Future)])
            for position, found in self._found():
                if isinstance(found, Reject):
                    ahead.append((position, found))
                else:
                    ahead.append((position, pool.submit(_record, idle, position, found)))
                if len(ahead) > 2 * self._processes:
                    yield _waited(*ahead.popleft())
            while ahead:
                yield _waited(*ahead.popleft())

    def _found(self) -> Iterator[tuple[Position, Page | Reject]]:
        for path in self._files:
            shown = shown_path(path)
            yield from self._read(path, self._starts.get(shown) or Position(shown, 0, 0, 0))

    def _read(self, path: Path, start: Position) -> Iterator[tuple[Position, Page | Reject]]:
        position = replace(start, number=start.number - start.done, done=0)
        end = 0
        try:
            with path.open("rb") as file:
                end = os.fstat(file.fileno()).st_size
                separable = os.pread(file.fileno(), 4, 0) != _ZSTD_DICTIONARY
                file.seek(start.offset)
                begun = start.offset
                for record in ArchiveIterator(file, record_types=WarcRecordType.any_type, parse_http=False):
                    offset = record.stream_pos
                    # In a file that is packed as a whole, this is only how far the file was read.
                    fresh = (
                        separable and offset > begun and os.pread(file.fileno(), 5, offset).startswith(_BEGINNINGS)
                    )
                    begun = offset if fresh else begun
                    if record.record_type != WarcRecordType.response:
                        continue
                    number = position.number + 1
                    done = position.done + 1 if begun == position.offset else 1
                    position = Position(position.file, begun, done, number)
                    found = self._page(record, position) if number > start.number else None
                    if found is not None:
                        yield position, found
                if separable and end > start.offset:
                    _check_end(file, begun)
        except (_RestLostError, StreamBroken) as lost:
            reason = str(lost)
        except OSError as error:
            # Without a number it is fastwarc that says so, of what it has read.
            reason = f"{UNREADABLE}: {error.strerror}" if error.errno else f"the rest is damaged: {error}"
        except ValueError as error:
            reason = f"the rest is damaged: {error}"
        else:
            return
        # At the end, lest a run that goes on after this finds the damage once more.
        lost_at = Position(position.file, max(end, position.offset), 0, position.number)
        yield lost_at, Reject(file=position.file, line=position.number + 1, reason=reason[:300])

    def _page(self, record: WarcRecord, position: Position) -> Page | Reject | None:
        """What a response holds; None where it is passed over.

        Raises:
            _RestLostError: the file ends in the middle of it.
        """
        url = _address(record.headers.get("WARC-Target-URI") or "")
        if record.content_length > MAX_RECORD_BYTES:
            return _rejected(position, url, f"the record is longer than {MAX_RECORD_BYTES:,} bytes")
        block = _content(record, record.content_length)
        if len(block) < record.content_length or not record.headers.get("WARC-Target-URI"):
            raise _RestLostError(_CUT_SHORT)
        response = WarcRecord()
        response.set_bytes_content(block)
        response.is_http = True
        try:
            response.parse_http(auto_decode="all")
            status, content_type = response.http_headers.status_code, response.http_content_type
            if status != 200 or content_type not in _HTML:
                self.passed["another status" if status != 200 else "not HTML"] += 1
                return None
            if not url:
                return _rejected(position, url, "the record has no address on the web")
            if record.headers.get("WARC-Truncated"):
                return _rejected(position, url, "the page was cut short when it was captured")
            content = _content(response, MAX_PAGE_BYTES + 1)
            charset = response.http_charset
        except (OSError, ValueError) as error:
            return _rejected(position, url, f"the answer is damaged: {error}"[:200])
        if len(content) > MAX_PAGE_BYTES:
            return _rejected(position, url, f"the page is longer than {MAX_PAGE_BYTES:,} bytes")
        captured = (record.headers.get("WARC-Date") or "").strip()
        return Page(url, charset, captured, content)


class _RestLostError(Exception):
    """Nothing more can be read of a file."""


def read_warc(
    paths: Sequence[Path], *, starts: Mapping[str, Position] | None = None, processes: int = 1
) -> WarcRecords:
    """The articles in WARC files, and in folders of them.

    The values of a record have canonical names (`indexer/fields.py`), and `dated_by`: `page` where the page says when
    it was published, `capture` where `published_at` is only the moment it was fetched.

    Args:
        paths: what to read, in order, as `warc_files` has it.
        starts: by file, where an earlier run stood; it goes on after that item.
        processes: how many look for articles side by side.

    Raises:
        InputError: a path does not exist, or a folder holds no WARC file.
    """
    return WarcRecords(warc_files(paths), starts=starts, processes=processes)


def _check_end(file: BinaryIO, begun: int) -> None:
    """See that the last record is whole: fastwarc ends without a word where a file breaks off in certain places.

    Raises:
        StreamBroken: its packing is cut short or damaged.
        _RestLostError: it does not end as records do.
    """
    file.seek(begun)
    last = b""
    for piece in unpacked(file, Meter()):
        last = (last + piece)[-len(_END) :]
    if last != _END:
        raise _RestLostError(_CUT_SHORT)


def _content(record: WarcRecord, most: int) -> bytes:
    """What is left of a record, up to so many bytes; of a compression bomb no more than that is ever made."""
    parts = bytearray()
    while len(parts) < most and (piece := record.reader.read(most - len(parts))):
        parts += piece
    return bytes(parts)


def _record(idle: "SimpleQueue[PageExtractor]", position: Position, page: Page) -> Record | Reject:
    extractor = idle.get()
    try:
        found = extractor.article(page)
    except PageFault as fault:
        return _rejected(position, page.url, str(fault))
    finally:
        idle.put(extractor)
    dated = bool(found["published_at"])
    values = {
        "id": page.url,
        "url": page.url,
        **found,
        "source": found["source"] or urlsplit(page.url).hostname,
        "published_at": found["published_at"] or page.captured,
        "dated_by": "page" if dated else "capture",
    }
    return Record(position.file, position.number, values, page.url.encode())


def _waited(position: Position, item: "Reject | Future[Record | Reject]") -> tuple[Position, Record | Reject]:
    return position, item if isinstance(item, Reject) else item.result()


def _rejected(position: Position, url: str, reason: str) -> Reject:
    return Reject(file=position.file, line=position.number, reason=reason, id=url or None, excerpt=url[:200])


def _address(uri: str) -> str:
    """An address without fragment and default port, scheme and host in lower case; empty for none on the web."""
    try:
        parts = urlsplit(uri.strip().removeprefix("<").removesuffix(">"))
        host = (parts.hostname or "").lower()
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))
