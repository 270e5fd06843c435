"""The search route over a real socket: every parameter that is wrong, named in a problem that says what is right.

Not here: parameters that are right (`test_http_search.py`), forged cursors (`test_http_cursors.py`).
"""

import pytest

from tests.api_server import ApiServer, problem_of

SINGLE = (
    "q",
    "from",
    "to",
    "sort",
    "limit",
    "cursor",
    "fields",
    "total",
    "allow_partial",
    "timeout_ms",
    "date_field",
    "recency",
    "half_life",
    "facet_limit",
    "explain_id",
)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "from",
            [
                "",
                "tomorrow",
                "-7",
                "-101y",
                "2007-13-01",
                "2007-02-30",
                "2007-04-10T12:00:00",
                "2007-04-10 x",
                "\u0662007-01-01",
            ],
        ),
        ("to", ["", "2007", "10000-01-01", "0000-01-01", "2007-04-10T25:00:00Z"]),
        ("date_field", ["", "published_at", "Modified", "published,modified"]),
        ("recency", ["", "medium", "Low", "1d"]),
        ("half_life", ["", "7", "0d", "1m", "101y", "-7d", "1.5d"]),
        ("sort", ["", "date", "Newest", "relevance,newest"]),
        ("section", ["", "!", " ", "x" * 1001, "a\0b", "a\nb"]),
        ("source", ["", "! "]),
        ("author", ["", "\x1b[31m"]),
        ("tag", [""]),
        ("language", [""]),
        ("limit", ["", "0", "-1", "101", "1e1", "1.0", " 5", "+5", "\u0665", "9" * 400, "0x10"]),
        ("cursor", ["", "x", "AAAA", "=", "é", "A" * 600, "../../etc/passwd"]),
        ("fields", ["", "id,", "nothing", "id;title", "ID", "id, title"]),
        ("facets", ["", "tag,", "nothing", "tag;author", "Tag", "author_name", "title"]),
        ("facet_limit", ["", "0", "101", "-1", "1.5", "ten"]),
        ("highlight", ["", "1", "True", "title"]),
        ("total", ["", "true", "EXACT"]),
        ("allow_partial", ["", "1", "True", "yes"]),
        ("explain", ["", "1", "True"]),
        ("explain_id", ["", "x" * 513, "é" * 257]),
        ("timeout_ms", ["", "0", "30001", "1s", "-5"]),
    ],
)
def test_bad_value_is_named(server: ApiServer, name: str, values: list[str]) -> None:
    """400, and `errors` says which parameter it was."""
    for value in values:
        response = server.client.get("/v1/search", params={name: value})
        body = problem_of(response, 400, "cursor-invalid" if name == "cursor" else "parameter-invalid")
        assert [error["parameter"] for error in body["errors"]] == [name], value
        assert body["errors"][0]["detail"]


@pytest.mark.parametrize("name", SINGLE)
def test_single_value_given_twice(server: ApiServer, name: str) -> None:
    """A silent choice between two values would be worse than an error, even if they are equal."""
    body = problem_of(server.client.get(f"/v1/search?{name}=1&{name}=1"), 400, "parameter-invalid")
    assert "given 2 times" in next(error["detail"] for error in body["errors"] if error["parameter"] == name)


@pytest.mark.parametrize(
    ("query", "name", "cure"),
    [
        ("q=vote&recency=low&half_life=7d", "half_life", "give one of them"),
        ("q=vote&recency=off&half_life=7d", "half_life", "give one of them"),
        ("q=vote&sort=newest&recency=high", "recency", "the order is newest; leave it out or change sort"),
        ("half_life=7d", "half_life", "the order is newest; leave it out or change sort"),
    ],
)
def test_recency_that_cannot_count(server: ApiServer, query: str, name: str, cure: str) -> None:
    """It changes scores: where they do not decide, and where it is said twice, it is refused."""
    body = problem_of(server.client.get(f"/v1/search?{query}"), 400, "parameter-invalid")
    assert [error["parameter"] for error in body["errors"]] == [name]
    assert cure in body["errors"][0]["detail"]
    assert server.search({"sort": "newest", "recency": "off"}).status_code == 200


def test_repeated_parameter_is_bounded(server: ApiServer) -> None:
    """Thirty-two values of a filter are enough."""
    assert server.search({"section": ["Sport"] * 32}).status_code == 200
    body = problem_of(server.search({"section": ["Sport"] * 33}), 400, "parameter-invalid")
    assert body["errors"][0]["parameter"] == "section"


def test_unknown_parameter_is_named_with_its_likely_meaning(server: ApiServer) -> None:
    """A typo is the costliest kind of silence."""
    body = problem_of(server.search({"sectoin": "Sport"}), 400, "parameter-invalid")
    assert body["errors"] == [{"parameter": "sectoin", "detail": "there is no such parameter; did you mean section"}]
    for absent in ("page", "offset", "Q", "q ", "utm_source"):
        problem_of(server.search({absent: "1"}), 400, "parameter-invalid")


def test_every_wrong_parameter_is_named_at_once(server: ApiServer) -> None:
    """One round trip is enough to correct a request."""
    response = server.client.get("/v1/search?limit=0&sort=up&nope=1&from=x&total=all")
    named = {error["parameter"] for error in problem_of(response, 400, "parameter-invalid")["errors"]}
    assert named == {"limit", "sort", "nope", "from", "total"}


@pytest.mark.parametrize("query", ["q=%ff", "q=%ed%a0%80", "%ff=1", "q=%c3", "&".join(["x=1"] * 201)])
def test_query_string_that_is_no_text(server: ApiServer, query: str) -> None:
    """Bytes that are not UTF-8, and floods of parameters, are refused as a whole."""
    problem_of(server.client.get(f"/v1/search?{query}"), 400, "parameter-invalid")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a\0b", 1),
        ("x" * 513, 512),
        ("a " * 33, None),
        ("(" * 9 + "a" + ")" * 9, 8),
    ],
)
def test_query_that_cannot_be_executed(server: ApiServer, text: str, position: int | None) -> None:
    """400 with what is wrong, and where, if that is known."""
    body = problem_of(server.search({"q": text}), 400, "query-invalid")
    assert body["errors"][0]["parameter"] == "q"
    if position is not None:
        assert body["errors"][0]["position"] == position


def test_address_that_is_too_long(server: ApiServer) -> None:
    """414 before anything looks at it; the longest allowed address is looked at."""
    problem_of(server.client.get("/v1/search?q=" + "x" * 60_000), 414, "uri-too-long")
    problem_of(server.client.get("/v1/search?q=" + "x" * (8192 - 11)), 414, "uri-too-long")
    problem_of(server.client.get("/v1/search?q=" + "x" * (8192 - 12)), 400, "query-invalid")


def test_too_little_time_is_said(server: ApiServer) -> None:
    """A millisecond may or may not do; either the answer is whole or the refusal is a documented one."""
    for limit in range(1, 20):
        response = server.search({"q": "senate OR house OR vote", "limit": limit, "timeout_ms": 1})
        if response.status_code == 200:
            assert response.json()["coverage"]["complete"] is True
        else:
            slug = response.json()["type"].rpartition("/")[2]
            assert (response.status_code, slug) in {(503, "partial-results"), (504, "timeout")}
