"""Time over a real socket: which clock an article is found, sorted and counted by.

Not here: dates that cannot be read (`test_http_parameters.py`), many partitions (`test_layouts.py`).
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.archive import Archive

DAY_MS = 86_400_000
MIDNIGHT_MS = int(datetime(2007, 4, 10, tzinfo=UTC).timestamp() * 1000)


def test_bounds_and_order_go_by_the_clock_that_is_asked_for(server: ApiServer, archive: Archive) -> None:
    """Articles that have no such time are in no range; an order has them last, either way."""
    times = {article.id: article.modified_ms for article in archive.articles}
    asked = {"date_field": "modified", "from": "2007-04-10", "to": "2007-05-31"}
    found = server.ids(asked)
    end_ms = MIDNIGHT_MS + 52 * DAY_MS
    inside = {name for name, time_ms in times.items() if time_ms is not None and MIDNIGHT_MS <= time_ms < end_ms}
    assert set(found) == inside != set(server.ids({**asked, "date_field": "published"}))
    dated = [time_ms for time_ms in times.values() if time_ms is not None]
    assert len(dated) < len(times)
    for sort in ("newest", "oldest"):
        ordered = [times[name] for name in server.ids({"date_field": "modified", "sort": sort})]
        undated = [None] * (len(times) - len(dated))
        assert ordered == sorted(dated, reverse=sort == "newest") + undated


def test_periods_are_counted_by_the_clock_that_is_asked_for(server: ApiServer, archive: Archive) -> None:
    """And no article without that time is in any period."""

    def counted(**parameters: Any) -> dict[str, int]:
        page = server.page({"facets": "month", "limit": 1, **parameters})
        return {one["value"]: one["count"] for one in page["facets"]["month"]["values"] if one["count"]}

    months = Counter(
        datetime.fromtimestamp(article.modified_ms / 1000, UTC).date().isoformat()[:7]
        for article in archive.articles
        if article.modified_ms is not None
    )
    assert counted(date_field="modified") == months != counted()
    assert sum(counted(date_field="indexed").values()) == len(archive.articles)


@pytest.mark.parametrize("text", ["", "budget OR tariff"])
def test_the_time_of_indexing_is_that_of_the_log(server: ApiServer, text: str) -> None:
    """It is what `indexed_at` says, of whatever article."""
    first = server.page({"q": text, "fields": "id,indexed_at", "date_field": "indexed", "sort": "oldest"})
    moment = first["data"][0]["indexed_at"]
    asked = {"q": text, "date_field": "indexed"}
    assert set(server.ids({**asked, "from": moment})) == set(server.ids({"q": text}))
    assert server.ids({**asked, "to": moment}) == []


def test_a_cursor_belongs_to_one_clock(server: ApiServer) -> None:
    """A walk by one time is not gone on with by another."""
    address: str = server.page({"sort": "newest", "date_field": "modified", "limit": 5})["page"]["next"]
    assert "date_field=modified" in address
    assert server.client.get(address).status_code == 200
    assert server.client.get(address.replace("=modified", "=indexed")).status_code == 400


def test_timelines_go_from_bound_to_bound(server: ApiServer) -> None:
    """Every month once, with zeros where nothing is; what comes before the latest thousand periods is counted."""
    page = server.page({"facets": "month", "from": "2006-03-31", "to": "2007-12-01", "q": "budget"})
    months = page["facets"]["month"]
    assert [one["value"] for one in months["values"]] == [
        *(f"2006-{month:02}" for month in range(3, 13)),
        *(f"2007-{month:02}" for month in range(1, 13)),
    ]
    counts = [one["count"] for one in months["values"]]
    assert 0 in counts
    assert sum(counts) == page["total"]["value"]
    assert months["other"] == {"values": 0, "count": 0}
    days = server.page({"facets": "day", "from": "1955-05-05", "to": "2007-12-31"})
    found, total = days["facets"]["day"], days["total"]["value"]
    assert len(found["values"]) == 1000
    assert found["values"][-1] == {"value": "2007-12-31", "count": 0}
    assert found["other"]["values"] == (datetime(2007, 12, 31) - datetime(1955, 5, 5)).days + 1 - 1000  # noqa: DTZ001 - days apart
    assert 0 < found["other"]["count"] == total - sum(one["count"] for one in found["values"])
