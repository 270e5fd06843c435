"""The command routes as they are documented: parameters, answers, problems.

Contract: the routes use these very declarations, and the OpenAPI document is made from them.

Not here: the handlers (`routes.py`).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from indexer import examples
from indexer.bodies import ArticleBody, ArticleLine, ExportedArticle, PartLine, ResultLine, TakedownBody
from indexer.events import MAX_REASON_CHARS
from indexer.writing import Status
from web.headers import CACHE_CONTROL, IDEMPOTENCY_KEY, IF_MATCH, IF_NEW, OF_FILES, OF_JOBS, RANGE
from web.openapi import Operation
from web.parameters import Parameter, choice, integer, text_up_to

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
"""Names of one media type; the first is the one to use."""


class JobProgress(msgspec.Struct):
    """Lines of a job, steps of a takedown or an export."""

    done: int
    """Logged, or found to change nothing; done."""
    total: int
    failed: int


class JobLinks(msgspec.Struct):
    """Relative addresses."""

    self: str
    results: str


class StepReceipt(msgspec.Struct):
    """One step of a takedown or an export that was done."""

    step: str
    at: str
    told: dict[str, Any]
    """What it did."""


class JobAnswer(msgspec.Struct, omit_defaults=True):
    """A write request, a takedown or an export."""

    id: str
    kind: str
    """`article` (one was written), `bulk`, `takedown` or `export`."""
    status: Status
    progress: JobProgress
    created_at: str
    """When it began."""
    min_seq: int
    """The log sequence that makes all of it searchable; 0 where nothing changed."""
    links: JobLinks
    reason: str = ""
    """Why it failed."""
    receipts: list[StepReceipt] = []
    """Of a takedown or an export: the steps that were done."""


WAIT = Parameter(
    name="wait",
    description="`searchable` answers when the change can be found, with the sequence to read at.",
    schema={"type": "string", "enum": ["searchable"]},
    convert=choice("searchable"),
    example="searchable",
)
REASON = Parameter(
    name="reason",
    description="Why; kept in the history of the article.",
    schema={"type": "string", "maxLength": MAX_REASON_CHARS},
    convert=text_up_to(MAX_REASON_CHARS),
    default="",
    example="published by mistake",
)

PART = Parameter(
    name="part",
    description="Which part, from 1.",
    schema={"type": "integer", "minimum": 1, "maximum": 99_999},
    convert=integer(1, 99_999),
    default=1,
    example=1,
)


_REFUSED = ("parameter-invalid", "uri-too-long", "overloaded", "log-unusable", "idempotency-mismatch")
_CHANGE = (*_REFUSED, "version-conflict", "article-taken-down")
COMMANDS: Sequence[Operation] = (
    Operation(
        path="/v1/takedowns",
        method="post",
        tag="Writing",
        body=TakedownBody,
        answered=OF_JOBS,
        example=examples.TAKEDOWN,
        summary="Take one article down, for good",
        description='Send `{"id": "..", "reason": ".."}`. The article goes out of answers, also of walks that are '
        "under way, then out of every place where its text can be, and is never taken in again. The job has a "
        "receipt for each place, and says what could not be reached. The same again is the same job.",
        accepts="application/json",
        answer=JobAnswer,
        later=True,
        problems=(
            *("parameter-invalid", "uri-too-long", "body-invalid", "body-too-large", "body-too-slow"),
            "log-unusable",
        ),
        role="admin",
    ),
    Operation(
        path="/v1/exports/{id}",
        tag="Jobs",
        headers=(RANGE,),
        answered=OF_FILES,
        lines=(ExportedArticle,),
        example=examples.PART,
        summary="One part of an export",
        description="NDJSON, one article a line, under the names of `/v1/articles/{id}`. Ranges are answered.",
        id_example=examples.EXPORT_ID,
        parameters=(PART,),
        media_type=NDJSON[0],
        problems=("parameter-invalid", "uri-too-long", "job-not-found", "log-unusable"),
    ),
    Operation(
        path="/v1/articles:bulk",
        method="post",
        tag="Writing",
        headers=(IDEMPOTENCY_KEY,),
        body=ArticleLine,
        answered=OF_JOBS,
        example=examples.BULK,
        summary="Index many articles",
        description="NDJSON, one article a line, plain, gzip or zstd, of any length; embargoes and withdrawals are "
        "as for PUT. Lines that are no articles stop no others; `/v1/jobs/{id}/results` says what became of each. "
        "With an `Idempotency-Key` the body can be sent again, whatever happened, and no line is logged twice.",
        parameters=(WAIT,),
        accepts=NDJSON[0],
        answer=JobAnswer,
        later=True,
        problems=(*_REFUSED, "body-too-slow", "media-type-unsupported", "idempotency-busy"),
        role="write",
    ),
    Operation(
        path="/v1/articles/{id}",
        method="put",
        tag="Writing",
        headers=(IF_MATCH, IF_NEW, IDEMPOTENCY_KEY),
        body=ArticleBody,
        answered=OF_JOBS,
        example=examples.PUT,
        summary="Index one article, or correct it",
        description='`If-Match: "3"` corrects version 3 and no other; `If-None-Match: *` makes a new article. With '
        "`embargoed_until` it waits until then, and what was shown before stays; with `status` `withheld` or "
        "`canceled` it is withdrawn, for which nothing else is needed.",
        id_example="2024-0001",
        parameters=(WAIT,),
        accepts="application/json",
        answer=JobAnswer,
        later=True,
        problems=(*_CHANGE, "body-invalid", "body-too-large", "body-too-slow", "article-invalid"),
        role="write",
    ),
    Operation(
        path="/v1/articles/{id}",
        method="delete",
        tag="Writing",
        headers=(IF_MATCH, IDEMPOTENCY_KEY),
        answered=OF_JOBS,
        example=examples.DELETE,
        summary="Withdraw one article",
        description="It can be restored by indexing it again. `If-Match` as for PUT.",
        id_example="2024-0004",
        parameters=(WAIT, REASON),
        answer=JobAnswer,
        later=True,
        problems=(*_CHANGE, "article-not-found"),
        role="write",
    ),
    Operation(
        path="/v1/articles/{id}/retry",
        method="post",
        tag="Writing",
        headers=(IF_MATCH, IDEMPOTENCY_KEY),
        answered=OF_JOBS,
        example=examples.RETRY,
        summary="Index one article again",
        description="As it stands in the log, after it could not be indexed (`/v1/parked`). `If-Match` as for PUT.",
        id_example="2024-0001",
        parameters=(WAIT,),
        answer=JobAnswer,
        later=True,
        problems=(*_CHANGE, "article-not-found"),
        role="write",
    ),
    Operation(
        path="/v1/jobs/{id}",
        tag="Jobs",
        answered=OF_JOBS,
        example=examples.JOB,
        summary="How a write stands",
        description="`succeeded` once all of it is searchable here; `min_seq` is what other servers are asked with.",
        id_example=examples.JOB_ID,
        answer=JobAnswer,
        problems=("parameter-invalid", "uri-too-long", "job-not-found", "log-unusable"),
    ),
    Operation(
        path="/v1/jobs/{id}",
        method="delete",
        tag="Jobs",
        answered=OF_JOBS,
        example=examples.CANCEL,
        summary="Cancel an export",
        description="It ends as soon as that is possible, or has ended; its parts are removed either way.",
        id_example=examples.EXPORT_ID,
        answer=JobAnswer,
        later=True,
        problems=("parameter-invalid", "uri-too-long", "job-not-found", "job-not-cancelable", "log-unusable"),
        role="write",
    ),
    Operation(
        path="/v1/jobs/{id}/results",
        tag="Jobs",
        answered=(CACHE_CONTROL,),
        lines=(ResultLine, PartLine),
        example=examples.RESULTS,
        summary="What became of each line",
        description="NDJSON, in the order of the lines: `line`, `id`, `status`, `version` and `error`.",
        id_example=examples.JOB_ID,
        media_type=NDJSON[0],
        problems=("parameter-invalid", "uri-too-long", "job-not-found", "log-unusable"),
    ),
)


def export_operation(searching: Sequence[Parameter]) -> Operation:
    """`POST /v1/exports`, with the parameters that decide what a search finds."""
    return Operation(
        path="/v1/exports",
        method="post",
        tag="Writing",
        headers=(IDEMPOTENCY_KEY,),
        answered=OF_JOBS,
        example=examples.EXPORT,
        summary="Export all that a search finds",
        description="Takes the parameters of `/v1/search` that decide what is found. The whole answer, of one state "
        "of the archive, is written as NDJSON parts; `/v1/jobs/{id}/results` lists them, and they are kept for seven "
        "days, or until the job is deleted. With an `Idempotency-Key` the same request again is the same export.",
        parameters=searching,
        answer=JobAnswer,
        later=True,
        problems=(
            *("parameter-invalid", "query-invalid", "uri-too-long", "log-unusable", "idempotency-mismatch"),
            *("overloaded", "not-ready", "partial-results", "timeout"),
        ),
        role="write",
    )
