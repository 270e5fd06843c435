"""The client for event loops.

Contract: as of `client.py`, with `await` and `async for`. Tasks of one event loop may use it together. Whoever
breaks off an iterator closes it (`contextlib.aclosing`), or the event loop does at some time.

Not here: what is done (the operations), how steps are taken (`awaiting.py`), the same for threads (`client.py`).
"""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

from broadsheet.client import bulk, exporting, reading, writing
from broadsheet.client.answers import (
    ArticleAnswer,
    Item,
    PartitionsAnswer,
    SearchAnswer,
    SimilarAnswer,
    SuggestAnswer,
)
from broadsheet.client.asking import DEFAULT_RETRY, Asker, Retry
from broadsheet.client.awaiting import Articles, Awaiting
from broadsheet.client.bulk import BATCH_BYTES, Batch, BulkSummary
from broadsheet.client.connecting import TIMEOUT_S, Address
from broadsheet.client.job_answers import Change, ExportPart, JobAnswer, LineResult, Parked, Version
from broadsheet.client.parameters import Finding, Likening, Searching, Suggesting


class AsyncClient:
    """A Broadsheet server, asked from an event loop.

    Args:
        url: its address, such as `http://127.0.0.1:8000`; a path in it is kept, as of a proxy.
        key: an access key, where one is needed.
        tls: whom to trust, and with which certificate to be known, over https; by default the authorities of
            `SSL_CERT_FILE` or `SSL_CERT_DIR`, or else of the system.
        retry: how often and for how long something is asked again.
        timeout_s: for a connection, for each piece of an answer, and for all of it but a stream.
        sleep: how pauses are made; takes seconds.
        clock: what patience goes by; a monotonic clock, in seconds.

    Raises:
        ValueError: the address or the key cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        tls: ssl.SSLContext | None = None,
        retry: Retry = DEFAULT_RETRY,
        timeout_s: float = TIMEOUT_S,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        address = Address(url, key, timeout_s, tls)
        self._asker = Asker(address.url, retry, clock)
        self._timeout_s = timeout_s
        self._driver = Awaiting(address, clock, sleep)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._asker.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._driver.close()

    async def get(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> bytes:
        """The body at any path, as it is: what has no method of its own, or is to be kept as it came."""
        return await self._driver.run(reading.get(self._asker, path, parameters))

    async def search(self, q: str = "", **options: Unpack[Searching]) -> SearchAnswer:
        """One page of a search."""
        return await self._driver.run(reading.search(self._asker, q, options))

    def pages(
        self, q: str = "", *, resume: bool = False, **options: Unpack[Searching]
    ) -> AsyncGenerator[SearchAnswer]:
        """The pages of a search, from the first, or from `cursor` on.

        Args:
            q: the query.
            resume: whether to go on in the newest state of the archive where that of the walk is no longer kept,
                which may repeat or skip articles whose place has changed; else `CursorExpiredError` is raised.
            **options: as of a search.
        """
        return self._driver.iterate(reading.pages(self._asker, q, options, resume=resume))

    def search_all(self, q: str = "", *, resume: bool = False, **options: Unpack[Searching]) -> AsyncGenerator[Item]:
        """All articles that a search finds, each once, in the memory of a page; `resume` as of `pages`."""
        return self._driver.iterate(reading.search_all(self._asker, q, options, resume=resume))

    async def article(self, article_id: str, *, min_seq: int = 0) -> ArticleAnswer:
        """One article, whole."""
        return await self._driver.run(reading.article(self._asker, article_id, min_seq))

    async def similar(self, article_id: str, **options: Unpack[Likening]) -> SimilarAnswer:
        """The articles that are most like one."""
        return await self._driver.run(reading.similar(self._asker, article_id, options))

    def versions(self, article_id: str) -> AsyncGenerator[Version]:
        """The versions of an article that were ever to be seen, the newest first."""
        return self._driver.iterate(reading.versions(self._asker, article_id))

    async def suggest(self, q: str, **options: Unpack[Suggesting]) -> SuggestAnswer:
        """What a beginning may become."""
        return await self._driver.run(reading.suggest(self._asker, q, options))

    async def partitions(self) -> PartitionsAnswer:
        """The current epoch, partition by partition."""
        return await self._driver.run(reading.partitions(self._asker))

    def parked(self) -> AsyncGenerator[Parked]:
        """What could not be indexed, in order."""
        return self._driver.iterate(reading.parked(self._asker))

    def changes(self, after: int = 0, *, follow: bool = False, wait_s: int = 20) -> AsyncGenerator[Change]:
        """What became of articles after a sequence, in order.

        Args:
            after: the `seq` of the last change that was dealt with; 0 is the beginning.
            follow: whether to wait for what comes, without an end.
            wait_s: how long the server may hold a request while there is nothing, 0 to 30.
        """
        return self._driver.iterate(
            reading.changes(self._asker, after, follow=follow, wait_s=wait_s, timeout_s=self._timeout_s)
        )

    async def put_article(
        self,
        article_id: str,
        article: Mapping[str, Any],
        *,
        wait: bool = False,
        version: int | None = None,
        key: str | None = None,
    ) -> JobAnswer:
        """Index one article, or correct it.

        Args:
            article_id: any text of up to 512 bytes.
            article: its fields, under the names that files may have, too.
            wait: whether to wait until it is searchable, 10 s at most; else it is durable.
            version: change this version and no other; 0 if there must be none; else `ConflictError`.
            key: an `Idempotency-Key`, by which a later call with the same is the same request.
        """
        return await self._driver.run(
            writing.put_article(self._asker, article_id, article, wait=wait, version=version, key=key)
        )

    async def delete_article(
        self,
        article_id: str,
        *,
        reason: str = "",
        wait: bool = False,
        version: int | None = None,
        key: str | None = None,
    ) -> JobAnswer:
        """Withdraw one article; the rest as of `put_article`."""
        return await self._driver.run(
            writing.delete_article(self._asker, article_id, reason=reason, wait=wait, version=version, key=key)
        )

    async def retry_article(
        self, article_id: str, *, wait: bool = False, version: int | None = None, key: str | None = None
    ) -> JobAnswer:
        """Index one article again that was parked; the rest as of `put_article`."""
        return await self._driver.run(
            writing.retry_article(self._asker, article_id, wait=wait, version=version, key=key)
        )

    async def take_down(self, article_id: str, reason: str = "") -> JobAnswer:
        """Take one article down, for good."""
        return await self._driver.run(writing.take_down(self._asker, article_id, reason))

    async def bulk_summary(
        self, articles: Articles, *, key: str | None = None, batch_bytes: int = BATCH_BYTES, wait: bool = False
    ) -> BulkSummary:
        """Index many articles; `wait` until they are searchable, the rest as of `bulk`."""
        return await self._driver.run(bulk.bulk_summary(self._asker, key, batch_bytes, wait=wait), articles)

    def bulk(
        self, articles: Articles, *, key: str | None = None, batch_bytes: int = BATCH_BYTES
    ) -> AsyncGenerator[Batch]:
        """Index many articles, in batches: of each that is durable, what became of its lines.

        Args:
            articles: those to send, in order, each with its `id`.
            key: the name of this run, up to 200 characters: with the same key and the same articles a later run goes
                on where this one broke off, and is told the same.
            batch_bytes: how long a batch may be; one is in memory.
        """
        return self._driver.iterate(bulk.bulk(self._asker, key, batch_bytes), articles)

    async def job(self, job_id: str) -> JobAnswer:
        """How a write, a takedown or an export stands."""
        return await self._driver.run(writing.job(self._asker, job_id))

    def job_results(self, job_id: str) -> AsyncGenerator[LineResult]:
        """What became of each line of a write."""
        return self._driver.iterate(writing.job_results(self._asker, job_id))

    async def wait_for(self, job: JobAnswer, *, timeout_s: float | None = None) -> JobAnswer:
        """A job when it has succeeded: a write is searchable then, an export can be read.

        Raises:
            JobFailedError: it failed, or was canceled.
            JobUnfinishedError: that has not come to pass within `timeout_s`.
        """
        return await self._driver.run(writing.wait_for(self._asker, job, timeout_s))

    async def cancel_job(self, job_id: str) -> JobAnswer:
        """Cancel an export, and remove its parts."""
        return await self._driver.run(writing.cancel_job(self._asker, job_id))

    def export(self, q: str = "", *, key: str | None = None, **options: Unpack[Finding]) -> AsyncGenerator[Item]:
        """All articles that a search finds, whole, as one state of the archive has them.

        The export is made on the server first, and removed from it at the end, unless it has a `key`: with that a
        later call reads the same export, as long as it is kept.
        """
        return self._driver.iterate(exporting.export(self._asker, q, options, key=key))

    async def start_export(self, q: str = "", *, key: str | None = None, **options: Unpack[Finding]) -> JobAnswer:
        """Begin an export, or find the one with this key."""
        return await self._driver.run(exporting.start_export(self._asker, q, options, key=key))

    def export_parts(self, job: JobAnswer, *, after: int = 0) -> AsyncGenerator[ExportPart]:
        """The parts of an export with numbers above `after`, when it is done."""
        return self._driver.iterate(exporting.export_parts(self._asker, job, after=after))

    def part_lines(self, part: ExportPart) -> AsyncGenerator[bytes]:
        """The lines of a part, without their ends; after the last a `ChecksumError`, if they are not the part."""
        return self._driver.iterate(exporting.part_lines(self._asker, part))
