"""The search page over a real socket, as its markup says it: the same as the API, and every link leads where it says.

Not here: the page in a browser (`tests/broadsheet/test_page_in_a_browser.py`), counts (`test_http_facets.py`).
"""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.dates import read_date
from search.page.links import address_of, given_of, same_value, with_value, without_value
from search.page.timeline import MAX_BARS, dates_of, facets_for, timeline_of
from tests.api_server import AMPLE_MS, ApiServer

AMPLE = f"timeout_ms={AMPLE_MS}"
SEARCHES = (
    "",
    "q=budget",
    "q=budget OR tariff&section=Politics&sort=newest",
    "q=storm&from=2007-04-01&to=2007-04-30&source=Wire&source=The Post",
    "q=budget&source=!wire&author=ANN  STORM&collapse=none",
    "from=-100y&recency=high&q=health care&limit=7",
    "q=budget&date_field=modified&language=de-at",
)


def _page(server: ApiServer, address: str, status: int = 200) -> Any:
    response = server.client.get(address)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return lxml.html.document_fromstring(response.text)


def _found(page: Any) -> int:
    (count,) = page.xpath("//*[@id='found']/@data-total")
    return int(count)


def _count(element: Any) -> int:
    return int(element.text_content().replace(",", ""))


@pytest.mark.parametrize("search", SEARCHES)
def test_it_shows_what_the_api_answers(server: ApiServer, search: str) -> None:
    """The same articles in the same order, on every page, with the same totals."""
    pairs = parse_qsl(search)
    asked = {"collapse": "story", **{name: [one for other, one in pairs if other == name] for name, _ in pairs}}
    answer = server.page(asked)
    page = _page(server, str(httpx2.URL("/", params=[*pairs, ("timeout_ms", AMPLE_MS)])))
    for _ in range(4):
        titles = [one.text_content() for one in page.xpath("//a[@class='hit']")]
        assert titles == [item["title"] for item in answer["data"]]
        assert _found(page) == answer["total"]["value"]
        following = page.xpath("//a[@rel='next']/@href")
        assert bool(following) == answer["page"]["has_more"]
        if not following:
            break
        page, answer = _page(server, following[0]), server.client.get(answer["page"]["next"]).json()
    (api,) = page.xpath("//p[contains(@class,'foot')]/a/@href")
    assert server.client.get(api).status_code == 200


@pytest.mark.parametrize("search", SEARCHES)
def test_every_link_leads_where_it_says(server: ApiServer, search: str) -> None:
    """A value to as many as it counts, a bar of the timeline too; a thing that narrows to at least as many."""
    page = _page(server, f"/?{search}&{AMPLE}")
    shown = page.xpath("//aside[@id='filters']//li")
    for row in shown[:12]:
        link = row.xpath("./a[1]")[0]
        if not row.get("class"):
            section = link.get("href")
            name = row.xpath("ancestor::section/@aria-labelledby")[0].removeprefix("filter-")
            alone = [text for other, text in parse_qsl(urlsplit(section).query) if other == name]
            if len(alone) == 1:
                assert _found(_page(server, section)) == _count(link.xpath("./span[@class='number']")[0]), section
            excluding = row.xpath("./a[@class='exclude']/@href")[0]
            assert _found(_page(server, excluding)) <= _found(page)
        else:  # without the only value there is more, without one of several less
            chosen = row.xpath("count(../li[@class='selected'])")
            value = row.xpath("./a/span[@class='value']")[0].text_content()
            assert not any(same_value(text, value) for _name, text in parse_qsl(urlsplit(link.get("href")).query))
            others = _found(_page(server, link.get("href")))
            assert others >= _found(page) if chosen == 1 else others <= _found(page)
    bars = page.xpath("//*[@id='timeline']/a")
    for bar in bars[-3:]:
        assert _found(_page(server, bar.get("href"))) == int(bar.get("data-count")), bar.get("href")
    for address in page.xpath("//ul[@class='narrowed']//a/@href | //p[@class='around']/a/@href"):
        wider = _found(_page(server, address)) >= _found(page)
        assert wider or "source=" in address, "but for one of several values"
    for address in page.xpath("//a[@class='hit']/@href")[:3]:
        _page(server, address)


def test_more_values(server: ApiServer) -> None:
    """All that there are, for whoever wants them."""
    page = _page(server, f"/?facet_limit=2&{AMPLE}")
    assert len(page.xpath("//section[@aria-labelledby='filter-section']//li")) == 2
    (more,) = page.xpath("//section[@aria-labelledby='filter-section']/p/a/@href")
    page = _page(server, more)
    assert len(page.xpath("//section[@aria-labelledby='filter-section']//li")) == 3
    assert not page.xpath("//section[@aria-labelledby='filter-section']/p/a")


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("/?limit=0", 400, "limit"),
        ("/?nosuch=1", 400, "nosuch"),
        ("/?from=yesteryear", 400, "from"),
        ("/?q=a&q=b", 400, "given 2 times"),
        ("/?cursor=x", 400, "cursor"),
        ("/?q=%ff", 400, "UTF-8"),
        ("/?q=" + "(" * 300, 400, "nested"),
        ("/?q=storm)", 200, "At character 6"),
        ("/articles/nobody", 404, "there is no article"),
        ("/articles/n0011?nosuch=1", 400, "nosuch"),
        ("/articles/n0011?changed=0", 400, "changed"),
    ],
)
def test_what_is_wrong_is_told_on_the_page(server: ApiServer, address: str, status: int, says: str) -> None:
    """With the status of the API."""
    page = _page(server, address, status)
    assert says in page.xpath("//main")[0].text_content()


def test_texts_are_text(server: ApiServer) -> None:
    """Whatever somebody searches for: no markup of theirs becomes one of ours."""
    for name in ("q", "section", "author", "from", "date_field"):
        for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'\"&lt;", "javascript:alert(1)"):
            response = server.client.get("/", params={name: text})
            assert response.status_code in {200, 400}
            assert "<script>alert" not in response.text
            assert "<img" not in response.text
            assert not re.search(r'href="javascript:', unescape(response.text))


_values = st.text(st.sampled_from("ab !ÄäßS "), min_size=1, max_size=4).filter(lambda text: text.strip("! "))
_pairs = st.lists(st.tuples(st.sampled_from(["section", "source", "q"]), _values), max_size=6)


@given(_pairs, st.sampled_from(["section", "source"]), _values)
def test_values_come_and_go(pairs: list[tuple[str, str]], name: str, value: str) -> None:
    """Adding one and taking it away leaves the others as they are."""
    before = given_of(pairs)
    added = with_value(before, name, value)
    assert sum(one == name and same_value(text, value) for one, text in added) == 1
    assert not any(one == name and same_value(text, "!" + value) for one, text in added if not value.startswith("!"))
    removed = without_value(added, name, value)
    assert set(removed) <= set(before)
    assert [pair for pair in before if pair[0] != name] == [pair for pair in removed if pair[0] != name]
    assert tuple(parse_qsl(urlsplit(address_of(removed)).query)) == removed


def test_a_value_is_chosen_or_left_out() -> None:
    """Never both: the one takes the place of the other, however it is written; others stay."""
    given = given_of([("section", "!World  News"), ("source", "!world news"), ("section", "Sport")])
    chosen = with_value(given, "section", "world news")
    assert chosen == (("source", "!world news"), ("section", "Sport"), ("section", "world news"))
    assert with_value(chosen, "section", "!WORLD NEWS")[1:] == (("section", "Sport"), ("section", "!WORLD NEWS"))


def _facet(values: list[tuple[str, int]]) -> dict[str, Any]:
    return {
        "values": [{"value": value, "count": count} for value, count in values],
        "other": {"values": 0, "count": 0},
    }


def test_periods_are_as_fine_as_there_is_room() -> None:
    """Months, or years where these would be too many; the latest of these."""
    months = [(f"{year}-{month:02}", 1) for year in range(1990, 2010) for month in range(1, 13)]
    years = [(str(year), 12) for year in range(1990, 2010)]
    drawn = timeline_of((), {"month": _facet(months[:MAX_BARS]), "year": _facet(years)})
    assert drawn
    assert (drawn.unit, len(drawn.bars), drawn.earlier) == ("month", MAX_BARS, 0)
    drawn = timeline_of((), {"month": _facet(months), "year": _facet(years)})
    assert drawn
    assert (drawn.unit, len(drawn.bars), drawn.bars[0].label, drawn.earlier) == ("year", 20, "1990", 0)
    centuries = [(str(year), 1) for year in range(1800, 2010)]
    drawn = timeline_of((), {"month": _facet(months), "year": _facet(centuries)})
    assert drawn
    assert (len(drawn.bars), drawn.bars[-1].label, drawn.earlier) == (MAX_BARS, "2009", 210 - MAX_BARS)
    assert timeline_of((), {"month": _facet([]), "year": _facet([])}) is None


def test_a_bar_leads_to_its_period() -> None:
    """Leap days and all; heights can be compared, and what is not empty can be seen."""
    drawn = timeline_of(
        (("q", "x"), ("from", "1999"), ("cursor", "y")),
        {"month": _facet([("2008-02", 1000), ("2008-03", 0), ("2008-04", 1)])},
    )
    assert drawn
    assert [(bar.first, bar.last) for bar in drawn.bars] == [
        ("2008-02-01", "2008-02-29"),
        ("2008-03-01", "2008-03-31"),
        ("2008-04-01", "2008-04-30"),
    ]
    assert [bar.height for bar in drawn.bars] == [100.0, 0.0, 3.0]
    assert parse_qs(urlsplit(drawn.bars[0].address).query) == {
        "q": ["x"],
        "from": ["2008-02-01"],
        "to": ["2008-02-29"],
    }


@pytest.mark.parametrize(
    ("first", "last", "facets", "told", "wider"),
    [
        ("2007-04-10", "2007-04-10", ("day",), "10 Apr 2007", ["All dates", "2007", "Apr 2007"]),
        ("2007-04-01", "2007-04-30", ("day",), "Apr 2007", ["All dates", "2007"]),
        ("2007-01-01", "2007-12-31", ("month", "year"), "2007", ["All dates"]),
        ("2007-04-01", "2008-04-30", ("month", "year"), "1 Apr 2007 to 30 Apr 2008", ["All dates"]),
        ("2007-04-01", "", ("month", "year"), "since 1 Apr 2007", ["All dates"]),
        ("", "2007-04-01", ("month", "year"), "until 1 Apr 2007", ["All dates"]),
        ("-7d", "now", ("month", "year"), "-7d to now", ["All dates"]),
        ("2007-04-01T00:00:00Z", "2007-04-02T00:00:00Z", ("day",), "2007-04-01T00:00:00Z to 2007-04-02T00:00:00Z",
         ["All dates"]),
        ("", "", ("month", "year"), "", []),
    ],
)  # fmt: skip
def test_bounds(first: str, last: str, facets: tuple[str, ...], told: str, wider: list[str]) -> None:
    """What is drawn between them, what they are called, and what lies around them."""
    start, end = (read_date(text, end=bool(at)) if text else None for at, text in enumerate((first, last)))
    assert facets_for(start, end) == facets
    given = given_of([("from", first), ("to", last)])
    assert dates_of(given) == told
    drawn = timeline_of(given, {facets[0]: _facet([("2007-04-10" if facets[0] == "day" else "2007-04", 1)])})
    assert drawn
    assert [label for label, _address in drawn.wider] == wider
