"""Requests that the documentation shows for the routes of this room, and what they are answered.

Contract: the answers are those of an archive of two partitions that holds nothing but what these requests put into
it; a test asks them in turn and compares. Ids of jobs, moments and sizes are another time's.

Not here: the operations (`operations.py`, `change_operations.py`), examples of searches (`search/examples.py`).
"""

import json
from typing import Any

from web.openapi import Example

JOB_ID = "01a20a4cd0a0728742bc770c62cee4f7"
EXPORT_ID = "01a20a4cd9c27f1ab5d1a3c18e6e0b92"


def ndjson(*values: Any) -> str:
    """The values as lines."""
    return "".join(json.dumps(value) + "\n" for value in values)


LINES = ndjson(
    {
        "id": "2024-0001",
        "title": "Harbour budget approved",
        "body": "The city council approved the harbour budget on Friday. A new ferry terminal is part of it.",
        "authors": ["Ann Lee"],
        "source": "Harbour Post",
        "section": "Politics",
        "tags": ["budget"],
        "published_at": "2024-03-01T17:30:00Z",
        "url": "https://harbour-post.example/2024/0001",
    },
    {
        "id": "2024-0002",
        "title": "Ferry terminal opens in May",
        "body": "The ferry terminal in the harbour opens in May, the city council said.",
        "source": "Harbour Post",
        "section": "Transport",
        "published_at": "2024-03-08",
    },
    {
        "id": "2024-0003",
        "title": "Storm closes the harbour",
        "body": "A storm closed the harbour on Monday. Ferry passengers waited for hours.",
        "source": "Wire",
        "section": "Weather",
        "published_at": "2024-03-11",
    },
    {
        "id": "2024-0004",
        "title": "School budget delayed",
        "body": "The vote on the school budget was delayed to April.",
        "source": "Wire",
        "section": "Politics",
        "published_at": "2024-03-12",
    },
    {"id": "2024-0005", "body": "A line without a title."},
)
CORRECTED = {
    "title": "Harbour budget approved",
    "body": "The city council approved the harbour budget on Thursday. A new ferry terminal is part of it.",
    "authors": ["Ann Lee"],
    "source": "Harbour Post",
    "section": "Politics",
    "tags": ["budget"],
    "published_at": "2024-03-01T17:30:00Z",
    "url": "https://harbour-post.example/2024/0001",
}
BULK = Example(
    query=(("wait", "searchable"),),
    headers={"Idempotency-Key": "monday-edition"},
    body=LINES,
    answer={
        "id": "01a20a4cd0a0728742bc770c62cee4f7",
        "kind": "bulk",
        "status": "succeeded",
        "progress": {"done": 4, "total": 5, "failed": 1},
        "created_at": "2026-11-30T09:15:21.175Z",
        "min_seq": 4,
        "links": {
            "self": "/v1/jobs/01a20a4cd0a0728742bc770c62cee4f7",
            "results": "/v1/jobs/01a20a4cd0a0728742bc770c62cee4f7/results",
        },
    },
)
PUT = Example(
    query=(("wait", "searchable"),),
    headers={"If-Match": '"1"'},
    body=CORRECTED,
    answer={
        "id": "01a22d99c65b3ebea519592a514bca2a",
        "kind": "article",
        "status": "succeeded",
        "progress": {"done": 1, "total": 1, "failed": 0},
        "created_at": "2026-11-30T09:15:22.235Z",
        "min_seq": 6,
        "links": {
            "self": "/v1/jobs/01a22d99c65b3ebea519592a514bca2a",
            "results": "/v1/jobs/01a22d99c65b3ebea519592a514bca2a/results",
        },
    },
)
DELETE = Example(
    query=(("wait", "searchable"), ("reason", "published by mistake")),
    headers={"If-Match": '"1"'},
    answer={
        "id": "01a22d99c786124b07d35205ed3cdb6e",
        "kind": "article",
        "status": "succeeded",
        "progress": {"done": 1, "total": 1, "failed": 0},
        "created_at": "2026-11-30T09:15:22.534Z",
        "min_seq": 8,
        "links": {
            "self": "/v1/jobs/01a22d99c786124b07d35205ed3cdb6e",
            "results": "/v1/jobs/01a22d99c786124b07d35205ed3cdb6e/results",
        },
    },
)
RETRY = Example(
    query=(("wait", "searchable"),),
    answer={
        "id": "01a22d99c6fe43d309437006f17d8210",
        "kind": "article",
        "status": "succeeded",
        "progress": {"done": 1, "total": 1, "failed": 0},
        "created_at": "2026-11-30T09:15:22.398Z",
        "min_seq": 7,
        "links": {
            "self": "/v1/jobs/01a22d99c6fe43d309437006f17d8210",
            "results": "/v1/jobs/01a22d99c6fe43d309437006f17d8210/results",
        },
    },
)
TAKEDOWN = Example(
    body={"id": "2024-0003", "reason": "court order 17"},
    answer={
        "id": "01a22d99c816755c0ffe831b60534112",
        "kind": "takedown",
        "status": "queued",
        "progress": {"done": 0, "total": 1, "failed": 0},
        "created_at": "2026-11-30T09:15:22.678Z",
        "min_seq": 0,
        "links": {
            "self": "/v1/jobs/01a22d99c816755c0ffe831b60534112",
            "results": "/v1/jobs/01a22d99c816755c0ffe831b60534112/results",
        },
    },
    status=202,
)
EXPORT = Example(
    query=(("q", "budget"),),
    headers={"Idempotency-Key": "budget-articles"},
    answer={
        "id": "01a20a4cd9c27f1ab5d1a3c18e6e0b92",
        "kind": "export",
        "status": "queued",
        "progress": {"done": 0, "total": 1, "failed": 0},
        "created_at": "2026-11-30T09:15:22.491Z",
        "min_seq": 0,
        "links": {
            "self": "/v1/jobs/01a20a4cd9c27f1ab5d1a3c18e6e0b92",
            "results": "/v1/jobs/01a20a4cd9c27f1ab5d1a3c18e6e0b92/results",
        },
    },
    status=202,
)
PART = Example(
    query=(("part", "1"),),
    answer=ndjson(
        {
            "id": "2024-0004",
            "title": "School budget delayed",
            "summary": "",
            "body": "The vote on the school budget was delayed to April.",
            "authors": [],
            "source": "Wire",
            "section": "Politics",
            "tags": [],
            "language": "en",
            "url": "",
            "published_at": "2024-03-12T00:00:00Z",
            "modified_at": None,
            "indexed_at": "2026-11-30T09:15:22.060Z",
            "date_confidence": "day",
            "version": 1,
        },
        {
            "id": "2024-0001",
            "title": "Harbour budget approved",
            "summary": "",
            "body": "The city council approved the harbour budget on Thursday. A new ferry terminal is part of it.",
            "authors": ["Ann Lee"],
            "source": "Harbour Post",
            "section": "Politics",
            "tags": ["budget"],
            "language": "en",
            "url": "https://harbour-post.example/2024/0001",
            "published_at": "2024-03-01T17:30:00Z",
            "modified_at": None,
            "indexed_at": "2026-11-30T09:15:22.398Z",
            "date_confidence": "instant",
            "version": 2,
        },
    ),
)
JOB = Example(
    answer={
        "id": "01a20a4cd0a0728742bc770c62cee4f7",
        "kind": "bulk",
        "status": "succeeded",
        "progress": {"done": 4, "total": 5, "failed": 1},
        "created_at": "2026-11-30T09:15:21.175Z",
        "min_seq": 4,
        "links": {
            "self": "/v1/jobs/01a20a4cd0a0728742bc770c62cee4f7",
            "results": "/v1/jobs/01a20a4cd0a0728742bc770c62cee4f7/results",
        },
    }
)
CANCEL = Example(
    answer={
        "id": "01a20a4cd9c27f1ab5d1a3c18e6e0b92",
        "kind": "export",
        "status": "running",
        "progress": {"done": 2, "total": 3, "failed": 0},
        "created_at": "2026-11-30T09:15:22.491Z",
        "min_seq": 0,
        "links": {
            "self": "/v1/jobs/01a20a4cd9c27f1ab5d1a3c18e6e0b92",
            "results": "/v1/jobs/01a20a4cd9c27f1ab5d1a3c18e6e0b92/results",
        },
        "reason": "it was canceled",
        "receipts": [
            {
                "step": "parts",
                "at": "2026-11-30T09:15:22.502Z",
                "told": {
                    "total": 2,
                    "parts": [
                        {
                            "part": 1,
                            "articles": 2,
                            "bytes": 797,
                            "sha256": "a7a2ada756ab4d4971c3ddceff3c7dbd47141274d95c997bab321920d0364e28",
                        }
                    ],
                },
            },
            {"step": "complete", "at": "2026-11-30T09:15:22.503Z", "told": {"articles": 2}},
        ],
    },
    status=202,
)
RESULTS = Example(
    answer=ndjson(
        {"line": 1, "id": "2024-0001", "status": "created", "version": 1, "error": None},
        {"line": 2, "id": "2024-0002", "status": "created", "version": 1, "error": None},
        {"line": 3, "id": "2024-0003", "status": "created", "version": 1, "error": None},
        {"line": 4, "id": "2024-0004", "status": "created", "version": 1, "error": None},
        {"line": 5, "id": "2024-0005", "status": "rejected", "version": None, "error": "title is missing or empty"},
    )
)
CHANGES = Example(
    query=(("after", "0"), ("limit", "2")),
    answer={
        "data": [
            {
                "seq": 1,
                "kind": "created",
                "id": "2024-0001",
                "version": 1,
                "at": "2026-11-30T09:15:22.060Z",
                "reason": "",
            },
            {
                "seq": 2,
                "kind": "created",
                "id": "2024-0002",
                "version": 1,
                "at": "2026-11-30T09:15:22.060Z",
                "reason": "",
            },
        ],
        "after": 0,
        "indexed_through": 6,
        "has_more": True,
        "links": {"next": "/v1/changes?after=2&limit=2&wait_s=0"},
    },
    stream="id: 1\nevent: created\n"
    'data: {"seq":1,"kind":"created","id":"2024-0001","version":1,"at":"2026-11-30T09:15:22.060Z","reason":""}\n\n',
)
VERSIONS = Example(
    answer={
        "data": [
            {
                "version": 2,
                "seq": 6,
                "kind": "corrected",
                "at": "2026-11-30T09:15:22.235Z",
                "reason": "",
                "article": {
                    "id": "2024-0001",
                    "title": "Harbour budget approved",
                    "body": "The city council approved the harbour budget on Thursday. A new ferry "
                    "terminal is part of it.",
                    "summary": "",
                    "authors": ["Ann Lee"],
                    "source": "Harbour Post",
                    "section": "Politics",
                    "tags": ["budget"],
                    "language": "en",
                    "url": "https://harbour-post.example/2024/0001",
                    "published_at": "2024-03-01T17:30:00Z",
                    "modified_at": None,
                    "indexed_at": "2026-11-30T09:15:22.235Z",
                    "date_confidence": "instant",
                    "version": 2,
                    "status": "usable",
                },
            },
            {
                "version": 1,
                "seq": 1,
                "kind": "created",
                "at": "2026-11-30T09:15:22.060Z",
                "reason": "",
                "article": {
                    "id": "2024-0001",
                    "title": "Harbour budget approved",
                    "body": "The city council approved the harbour budget on Friday. A new ferry terminal "
                    "is part of it.",
                    "summary": "",
                    "authors": ["Ann Lee"],
                    "source": "Harbour Post",
                    "section": "Politics",
                    "tags": ["budget"],
                    "language": "en",
                    "url": "https://harbour-post.example/2024/0001",
                    "published_at": "2024-03-01T17:30:00Z",
                    "modified_at": None,
                    "indexed_at": "2026-11-30T09:15:22.060Z",
                    "date_confidence": "instant",
                    "version": 1,
                    "status": "usable",
                },
            },
        ],
        "has_more": False,
        "links": {"next": None},
    }
)
PARKED = Example(answer={"data": [], "has_more": False, "links": {"next": None}})
