"""Suggestions for whoever types, over a real socket.

Not here: equal answers for any number of partitions, and all definitions (`test_layouts.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from search.suggestions import SuggestAnswer
from tests.api_server import AMPLE_MS, ApiServer, problem_of
from tests.small_index import SmallIndex, article

DAY_MS = 86_400_000
YEAR_MS = 366 * DAY_MS


_SINCE_MS = {days: 3 * YEAR_MS - (days - 1) * DAY_MS for days in (30, 90, 365)}
"""When so many days begin, of which the last is that of the newest article."""
AGED = (
    ("wxa", [_SINCE_MS[30]]),
    ("wxb", [_SINCE_MS[30] - 1] + 3 * [1]),
    ("wxc", [_SINCE_MS[90]] + 2 * [2]),
    ("wxd", [_SINCE_MS[90] - 1] + 3 * [1]),
    ("wxe", 2 * [_SINCE_MS[365]]),
    ("wxf", 3 * [_SINCE_MS[365] - 1]),
    ("wxg", [1, 2]),
)
"""Words and when their articles were published: they weigh 8, 4 and 3, 4 and 2, 2 and 3, 2 and 2, 3, 2."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on a few titles."""
    root = tmp_path_factory.mktemp("titles") / "archive"
    old: dict[str, Any] = {"published_ms": YEAR_MS, "section": "Politics"}
    new: dict[str, Any] = {"published_ms": 3 * YEAR_MS, "tags": ("Climate", "war"), "source": "Wire"}
    titles = [
        *(article(f"change/{n}", f"{n}: climate change, again", **old) for n in range(3)),
        article("accord", "A Climate Accord", published_ms=3 * YEAR_MS - 1, section="politics "),
        article("summit", "The climate\nsummit of Paris", authors=("Ann Storm", "Élan Vital"), **new),
        *(article(f"copy/{n}", "The Prime Minister of Canada", published_ms=YEAR_MS + n) for n in range(2)),
        article("klima", "Klima und Wandel", language="de"),
        article("tokyo", "東京都の天気", language="ja"),
        *(article(f"{word}/{n}", word, published_ms=ms) for word, moments in AGED for n, ms in enumerate(moments)),
        article("gone", "Climate hoax", published_ms=4 * YEAR_MS),
        article("ha/0", "ha " * 40, published_ms=2, authors=("Melanie Brown",)),
        *(article(f"ha/{n}", f"ha and {n}", published_ms=1, authors=("Melanie Brovn",)) for n in range(1, 4)),
    ]
    with SmallIndex(root) as index:
        index.put(*titles)
        index.publish()
        index.withdraw("gone")
        index.publish()
    with ApiServer(root) as running:
        yield running


def suggest(server: ApiServer, q: str, **parameters: Any) -> dict[str, Any]:
    """An answer, of the documented form."""
    response = server.client.get("/v1/suggest", params={"q": q, "timeout_ms": AMPLE_MS, **parameters})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    msgspec.convert(body, SuggestAnswer, strict=True)
    return body


def phrases(server: ApiServer, q: str, **parameters: Any) -> list[tuple[str, int]]:
    """What they are, with their articles."""
    return [(one["text"], one["articles"]) for one in suggest(server, q, **parameters)["phrases"]]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        # As many new ones weigh more; what is hardly less used gives way to what says more.
        ("clim", [("climate", 5), ("climate change", 3)]),
        ("CLIMATE CH", [("climate change", 3)]),
        ("climate ", [("climate change", 3)]),
        ("climate s", [("climate summit", 1)]),
        ("prime", [("Prime Minister of Canada", 2)]),
        ("the p", [("The Prime Minister of Canada", 2)]),
        ("klima", [("Klima", 1)]),
        ("東京", [("東京", 1)]),
        ("hoax", []),
        ("of ", [("of Canada", 2)]),
        ("xyzzy", []),
    ],
)
def test_phrases(server: ApiServer, typed: str, expected: list[tuple[str, int]]) -> None:
    """Words in a row in titles, that do not end in the middle; of what was withdrawn none."""
    assert phrases(server, typed) == expected


def test_newer_ones_count_more(server: ApiServer) -> None:
    """To the millisecond, counted from the day of the newest article: by weight 8, 7, 6, 5, 4, 3 and 2."""
    assert phrases(server, "wx", limit=7) == [(word, len(moments)) for word, moments in AGED]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("climat chnage", "climate change"),
        ("clmate", "climate"),
        ("prme ministr of c", "Prime Minister of Canada"),
        ("save the climate chan", "save the climate change"),
    ],
)
def test_what_nobody_writes(server: ApiServer, typed: str, expected: str) -> None:
    """Misspelled, it is found as it is written; words that do not belong there stay before the others."""
    assert phrases(server, typed)[0][0] == expected


@pytest.mark.parametrize("typed", ["", " ", "-", "xyzzy the ", "c xyzzy", "?" * 256])
def test_nothing_to_suggest(server: ApiServer, typed: str) -> None:
    """Then there is nothing."""
    answer = suggest(server, typed)
    assert (answer["phrases"], answer["names"], answer["titles"]) == ([], [], [])


def test_names(server: ApiServer) -> None:
    """Authors, sections, sources and tags of which a word begins so, as they are written, with their filter."""
    names = {typed: suggest(server, typed)["names"] for typed in ("s", "storm", "pol", "w", "él", "ital", "polotic")}
    assert names["s"] == names["storm"] == [{"text": "Ann Storm", "filter": "author", "articles": 1}]
    assert names["pol"] == names["polotic"] == [{"text": "politics", "filter": "section", "articles": 4}]
    assert [(one["text"], one["filter"]) for one in names["w"]] == [("Wire", "source"), ("war", "tag")]
    assert [one["text"] for one in names["él"]] == ["Élan Vital"]
    assert names["ital"] == []
    found = server.page({"section": names["pol"][0]["text"]})
    assert found["total"]["value"] == 4


def test_titles(server: ApiServer) -> None:
    """The newest that hold the words in a row, equal ones once, with what leads to their articles."""
    titles = suggest(server, "clim", limit=3)["titles"]
    assert [one["id"] for one in titles] == ["summit", "accord", titles[2]["id"]]
    assert titles[0] == {
        "id": "summit",
        "title": "The climate\nsummit of Paris",
        "published_at": "1973-01-03T00:00:00Z",
    }
    assert [one["id"] for one in suggest(server, "prime m")["titles"]] == ["copy/1"]
    assert suggest(server, "klima u")["titles"] == [
        {"id": "klima", "title": "Klima und Wandel", "published_at": None}
    ]


def test_a_word_that_a_title_repeats(server: ApiServer) -> None:
    """It takes the place of no other title."""
    for typed in ("ha", "ha "):
        assert {one["id"] for one in suggest(server, typed, limit=4)["titles"]} == {f"ha/{n}" for n in range(4)}
    assert [one["id"] for one in suggest(server, "ha ha", limit=4)["titles"]] == ["ha/0"]


def test_names_that_are_misspelled(server: ApiServer) -> None:
    """The closest first, however few articles have it."""
    names = [(one["text"], one["articles"]) for one in suggest(server, "melanie browm")["names"]]
    assert names == [("Melanie Brown", 1), ("Melanie Brovn", 3)]


def test_limit(server: ApiServer) -> None:
    """Of each kind."""
    answer = suggest(server, "c", limit=1)
    assert [len(answer[kind]) for kind in ("phrases", "names", "titles")] == [1, 1, 1]
    for limit in ("0", "21", "x"):
        problem_of(server.client.get("/v1/suggest", params={"q": "c", "limit": limit}), 400, "parameter-invalid")
    problem_of(server.client.get("/v1/suggest", params={"q": "c" * 257}), 400, "parameter-invalid")
    problem_of(server.client.get("/v1/suggest", params={"query": "c"}), 400, "parameter-invalid")


def test_answers_are_kept_until_the_archive_changes(tmp_path: Path) -> None:
    """What is new is suggested at once."""
    with SmallIndex(tmp_path) as index:
        index.put(article("1", "Storm warning"))
        index.publish()
        with ApiServer(tmp_path) as server:
            address = f"/v1/suggest?q=sto&timeout_ms={AMPLE_MS}"
            first, again = server.client.get(address), server.client.get(address)
            assert again.content == first.content
            assert "hit" in again.headers["Cache-Status"]
            index.put(article("2", "Stormy weather"))
            (seq,) = index.withdraw("1")
            index.publish()
            assert phrases(server, "sto", min_seq=seq) == [("Stormy", 1)]
            late: dict[str, Any] = {"q": "sto", "min_seq": 10_000, "timeout_ms": 100}
            problem_of(server.client.get("/v1/suggest", params=late), 503, "not-indexed-yet")
