"""Times as the API writes them.

Contract: UTC, ISO 8601 (RFC 3339).

Not here: how times are read (`search/parameters.py`, `indexer/dates.py`).
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time_ms: int) -> str:
    """UTC milliseconds as ISO 8601, with a fraction only if there is one."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    text = moment.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds")
    return text.removesuffix("+00:00") + "Z"
