"""The client of the HTTP API: a Broadsheet server as Python sees it, for threads and for event loops.

    from broadsheet.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for item in client.search_all("election OR budget"):
            print(item.title)

Contract: what users import is listed here. No other room is imported, nor what those need: a program that only asks
does not load an index. Each operation is written once (`reading.py`, `writing.py`, `bulk.py`, `exporting.py`), as
steps (`steps.py`) which `Client` takes in a thread and `AsyncClient` in an event loop.

Not here: how it is used (`docs/client.md`).
"""

from broadsheet.client.answers import (
    ArticleAnswer,
    Item,
    PartitionsAnswer,
    SearchAnswer,
    SimilarAnswer,
    SuggestAnswer,
)
from broadsheet.client.asking import Retry
from broadsheet.client.async_client import AsyncClient
from broadsheet.client.bulk import Batch, BulkSummary
from broadsheet.client.client import Client
from broadsheet.client.errors import (
    AccessError,
    AnswerError,
    BroadsheetError,
    ChecksumError,
    ConflictError,
    CursorExpiredError,
    InvalidError,
    JobFailedError,
    JobUnfinishedError,
    NotFoundError,
    ParameterFault,
    ProblemError,
    TakenDownError,
    UnavailableError,
    UnreachableError,
)
from broadsheet.client.job_answers import Change, ExportPart, JobAnswer, LineResult, Parked, Version

__all__ = [
    "AccessError",
    "AnswerError",
    "ArticleAnswer",
    "AsyncClient",
    "Batch",
    "BroadsheetError",
    "BulkSummary",
    "Change",
    "ChecksumError",
    "Client",
    "ConflictError",
    "CursorExpiredError",
    "ExportPart",
    "InvalidError",
    "Item",
    "JobAnswer",
    "JobFailedError",
    "JobUnfinishedError",
    "LineResult",
    "NotFoundError",
    "ParameterFault",
    "Parked",
    "PartitionsAnswer",
    "ProblemError",
    "Retry",
    "SearchAnswer",
    "SimilarAnswer",
    "SuggestAnswer",
    "TakenDownError",
    "UnavailableError",
    "UnreachableError",
    "Version",
]
