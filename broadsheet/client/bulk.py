"""Many articles: in batches, each of which is one request with one job.

    batch    at most `batch_bytes` of lines, or one line that is longer, and at most BATCH_LINES of them
    key      of the run, ":", the number of the batch, ":", the digest of its bytes

Contract: one batch is in memory at a time. It is sent until it is durable, whatever breaks, and logged once, since
it has its `Idempotency-Key`. A run that is repeated with the same key and the same articles has the same batches:
what was logged is not logged again, and has the same results. Where an article has changed meanwhile, its batch is
another one and is sent as such. The order of articles is kept.

Not here: what an article must have (`docs/reference.md`), single ones (`writing.py`).
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from broadsheet.client.asking import Asker
from broadsheet.client.errors import AnswerError, JobFailedError
from broadsheet.client.job_answers import JobAnswer, LineResult
from broadsheet.client.lines import Lines
from broadsheet.client.steps import TAKE, Emit, Operation, Request, Stream
from broadsheet.client.writing import encoded, job_path, new_key, wait_for

BATCH_BYTES = 4 << 20
BATCH_LINES = 10_000
MAX_KEY_CHARS = 200
"""Of a run; the server takes 255 of a batch."""
MAX_REJECTED = 1000
TIMEOUT_S = 180.0
"""For the answer to a batch: a server whose log is full takes it in as its index gets on."""


class Batch(NamedTuple):
    """What became of a batch, which is durable."""

    number: int
    """From 1."""
    job: JobAnswer
    results: Sequence[LineResult]
    """One for each article, in order; `line` counts from 1 over the whole run."""


class BulkSummary(NamedTuple):
    """What became of all articles of a run."""

    lines: int
    statuses: Mapping[str, int]
    """How many have which status."""
    rejected: Sequence[LineResult]
    """The first 1,000 of those that are no articles, with their reasons."""
    job: JobAnswer | None
    """The one that is searchable last, by its `min_seq`; `None` where there were no articles."""


class Run:
    """The batches of a run."""

    def __init__(self, asker: Asker, key: str | None, batch_bytes: int) -> None:
        """Args: who asks; the key of the run, one that nobody else has by default; how long a batch may be.

        Raises:
            ValueError: one of them cannot be used.
        """
        if key is not None and not 0 < len(key) <= MAX_KEY_CHARS:
            raise ValueError(f"key has {len(key)} characters; 1 to {MAX_KEY_CHARS} are allowed")
        if batch_bytes < 1:
            raise ValueError(f"batch_bytes is {batch_bytes}; it is at least 1")
        self._asker, self._key, self._batch_bytes = asker, key or new_key(), batch_bytes
        self._number = self._lines = 0
        self._ahead = b""

    def next(self) -> Operation[Batch | None]:
        """The next batch, when it is durable; `None` when there are no articles any more.

        Raises:
            ProblemError, UnreachableError, AnswerError, JobFailedError
            ValueError: an article cannot be written as JSON.
        """
        body, count = yield from self._taken()
        if not count:
            return None
        self._number += 1
        job = yield from self._sent(body)
        results = yield from self._results(job, count)
        self._lines += count
        return Batch(self._number, job, results)

    def _taken(self) -> Operation[tuple[bytes, int]]:
        """The lines of the next batch, and how many they are."""
        lines = [self._ahead] if self._ahead else []
        size, self._ahead = len(self._ahead), b""
        while len(lines) < BATCH_LINES and size < self._batch_bytes:
            article: Mapping[str, Any] | None = yield TAKE
            if article is None:
                break
            line = encoded(article) + b"\n"
            if lines and size + len(line) > self._batch_bytes:
                self._ahead = line
                break
            lines.append(line)
            size += len(line)
        return b"".join(lines), len(lines)

    def _sent(self, body: bytes) -> Operation[JobAnswer]:
        """The job of a batch, all of which is durable."""
        key = f"{self._key}:{self._number}:{hashlib.blake2b(body, digest_size=16).hexdigest()}"
        headers = (("Content-Type", "application/x-ndjson"), ("Idempotency-Key", key))
        request = Request("POST", "/v1/articles:bulk", headers, body, timeout_s=TIMEOUT_S)
        patience = self._asker.patience()
        while True:
            job = yield from self._asker.value(request, JobAnswer)
            if job.status != "failed":
                return job
            yield patience.pause(JobFailedError(job))

    def _results(self, job: JobAnswer, count: int) -> Operation[list[LineResult]]:
        lines, results = Lines(self._asker, f"{job_path(job.id)}/results"), []
        while (line := (yield from lines.next())) is not None:
            one = self._asker.decoded(line, LineResult)
            results.append(LineResult(self._lines + one.line, one.id, one.status, one.version, one.error))
        if [one.line for one in results] != [*range(self._lines + 1, self._lines + count + 1)]:
            raise AnswerError(f"job {job.id} tells of {len(results):,} lines, not of the {count:,} that were sent")
        return results


def bulk(asker: Asker, key: str | None, batch_bytes: int) -> Stream[Batch]:
    """Send the articles that the caller gives (`TAKE`)."""
    run = Run(asker, key, batch_bytes)
    while batch := (yield from run.next()):
        yield Emit(batch)


def bulk_summary(asker: Asker, key: str | None, batch_bytes: int, *, wait: bool) -> Operation[BulkSummary]:
    """The same, added up; with `wait` when all of it is searchable."""
    run = Run(asker, key, batch_bytes)
    statuses: Counter[str] = Counter()
    rejected: list[LineResult] = []
    job: JobAnswer | None = None
    while batch := (yield from run.next()):
        if job is None or batch.job.min_seq >= job.min_seq:  # of batches that changed nothing it is 0
            job = batch.job
        statuses.update(one.status for one in batch.results)
        room = MAX_REJECTED - len(rejected)
        rejected += [one for one in batch.results if one.status == "rejected"][:room]
    if job and wait:
        job = yield from wait_for(asker, job, None)
    return BulkSummary(statuses.total(), statuses, rejected, job)
