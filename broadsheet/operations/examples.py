"""What the documentation shows of the figures.

Contract: members and kinds of values are those of a real answer, which a test compares; the figures are another
time's.

Not here: the operation (`routes.py`).
"""

from typing import Any

from web.openapi import Example


def _span(seconds: float | None, ok: float, events: int) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "answered": {"ok": ok, "refused": 1.0, "full": 0.0, "late": 0.0, "failed": 0.0},
        "per_s": None if seconds is None else round((ok + 1) / seconds, 4),
        "errors": 0,
        "searches": {"count": int(ok), "p50_ms": 2.5, "p95_ms": 19.75, "p99_ms": 44.5},
        "cache": {"memory": ok / 4, "redis": 0.0, "shared": 0.0, "load": ok / 4},
        "hit_share": 0.5,
        "turned_away": 0,
        "events": events,
        "events_per_s": None if seconds is None else round(events / seconds, 4),
        "rounds": 3,
        "round_s": 0.1862,
    }


OPERATIONS = Example(
    answer={
        "at": "2026-11-30T09:15:24.616Z",
        "unreadable": [],
        "epoch": {
            "epoch": 3,
            "published_at": "2026-11-30T09:15:22.268Z",
            "age_s": 2.348,
            "took_s": 0.033,
            "articles": 4,
            "segments": 2,
            "size_bytes": 15360,
            "statistics_epoch": 1,
            "parked": 0,
            "applied_seq": 6,
            "indexed_through": "2026-11-30T09:15:22.235Z",
            "slowest_process": 3,
        },
        "log": {"last_seq": 6, "backlog": 0, "waiting_s": 0.0, "max_backlog": 50000},
        "partitions": [
            {"partition": 0, "articles": 0, "tombstones": 0, "segments": 0, "size_bytes": 0, "waiting": 0},
            {"partition": 1, "articles": 4, "tombstones": 1, "segments": 2, "size_bytes": 15360, "waiting": 0},
        ],
        "jobs": [{"kind": "bulk", "queued": 0, "running": 0, "succeeded": 1, "failed": 0, "canceled": 0}],
        "now": {
            "working": 0,
            "queued": 0,
            "cache_entries": 2,
            "cache_bytes": 2829,
            "without_redis": False,
            "following": 0,
            "damaged": 0,
        },
        "minute": _span(12.5, 8.0, 6),
        "total": _span(None, 12.0, 6),
        "bounds_ms": [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0],
        "tick": {
            "at_ms": 1_796_030_124_616,
            "seconds": 1.002,
            "epoch": 3,
            "articles": 4,
            "backlog": 0,
            "waiting_s": 0.0,
            "working": 0,
            "queued": 0,
            "answered": {"ok": 4.0, "refused": 0.0, "full": 0.0, "late": 0.0, "failed": 0.0},
            "searches": [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "p50_ms": 1.0,
            "p99_ms": 4.9,
            "cache": {"memory": 2.0, "redis": 0.0, "shared": 0.0, "load": 2.0},
            "events": 0.0,
            "epochs": 0,
            "round_s": None,
        },
        "slowest": [
            {
                "at_ms": 1_796_030_123_375,
                "spent_ms": 44.5,
                "came": "load",
                "total": 4,
                "query": "harbour or budget",
                "filters": "limit=2 facets=section",
            }
        ],
        "failures": [],
    },
    stream="retry: 2000\nevent: history\n",
)
