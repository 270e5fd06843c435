"""Words that are spelled alike: found with `~`, and proposed where a query finds hardly anything.

Not here: what an edit is (`tests/partition/test_kernels_spelling.py`), equal answers for any number of partitions
(`test_layouts.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.parsing import MAX_QUERY_CHARS, edits_for, parse_query
from search.query import And, Near, Node, Word
from tests.api_server import ApiServer
from tests.small_index import SmallIndex, article


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on an archive whose words are written in several ways."""
    root: Path = tmp_path_factory.mktemp("spelling") / "archive"
    with SmallIndex(root, partitions=3) as index:
        index.put(
            *(article(f"g/{n}", "The governments of the states", authors=("Ann Walsh",)) for n in range(20)),
            *(article(f"s/{n}", f"Senate vote {n}", body="the senates voted a tax") for n in range(25)),
            *(article(f"typo/{n}", "The govrnment of nowhere else") for n in range(2)),
            article("h/1", "Häuser am Fluss", language="de"),
            article("gone", "The quixotic govrnment"),
        )
        index.publish()
        index.withdraw("gone")
        index.log.append_statistics()
        index.publish()
    with ApiServer(root) as server:
        yield server


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word~", Near("text", "word", 1)),
        ("word~2", Near("text", "word", 2)),
        ("government~", Near("text", "government", 2)),
        ("title:wrod~1^3", Near("title", "wrod", 1, 3.0)),
        ("to~", Word("text", "to")),
        ("post-pol~", And((Word("text", "post"), Near("text", "pol", 1)))),
    ],
)
def test_syntax(text: str, expected: Node) -> None:
    """The last word before the mark, and how many letters may be wrong."""
    parsed = parse_query(text)
    assert parsed.node == expected
    assert parsed.notes == ()


@pytest.mark.parametrize(
    ("text", "said"), [("word~3", "2 letters apart at most"), ("ele*~", "a ~ may follow a word or a phrase")]
)
def test_what_it_may_not_follow_is_noted(text: str, said: str) -> None:
    """And left out."""
    assert any(said in note.detail for note in parse_query(text).notes)


def test_longer_words_may_have_more_wrong() -> None:
    """None of one or two letters, one of three to five, two of six and more."""
    assert [edits_for("x" * length) for length in range(1, 8)] == [0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("govrnment~1", {"typo/0", "typo/1"}),
        ("govrnments~1", {*(f"g/{n}" for n in range(20)), "typo/0", "typo/1"}),
        ("snetaes~2", {f"s/{n}" for n in range(25)}),
        ("author:welsh~1", {f"g/{n}" for n in range(20)}),
        ("hauser~1", {"h/1"}),
        ("quixotik~2", set()),
    ],
)
def test_words_that_are_spelled_alike_are_found(server: ApiServer, text: str, found: set[str]) -> None:
    """As articles write them, in any language, also names; of articles that are withdrawn nothing is known."""
    assert set(server.ids({"q": text})) == found


def test_the_closest_rank_first(server: ApiServer) -> None:
    """Each letter apart halves, however rare a word is."""
    for text, share in (("govrnment~2", 1 / 4), ("govrnments~2", 1), ("governmens~2", 2)):
        data = server.page({"q": text, "limit": 100, "fields": "id,score"})["data"]
        scores = {item["id"]: item["score"] for item in data}
        assert scores["g/0"] == pytest.approx(share * scores["typo/0"])


def asked(server: ApiServer, **parameters: Any) -> Any:
    """What is proposed."""
    return server.page(parameters)["did_you_mean"]


@pytest.mark.parametrize(
    ("text", "meant", "total"),
    [
        ("goverment", "governments", 20),
        ("Goverments states", "governments states", 20),
        ("snate", "senate", 25),
        ('"Snate vote"', '"senate vote"', 25),
        ("goverment OR goverment?x", "governments OR goverment?x", 20),
        ("tag OR tag:none", "tax OR tag:none", 25),
        ("govrnment", "governments", 20),
        ("goverment".ljust(MAX_QUERY_CHARS), "governments", 20),
        ("goverment OR ".ljust(MAX_QUERY_CHARS - 2, "x"), "governments OR ".ljust(MAX_QUERY_CHARS, "x"), 20),
    ],
)
def test_what_was_meant_is_proposed(server: ApiServer, text: str, meant: str, total: int) -> None:
    """A word that many articles hold in place of one that hardly any does, with how many the new query finds."""
    assert asked(server, q=text) == {"q": meant, "total": total}


def test_only_the_first_page_proposes(server: ApiServer) -> None:
    """Whoever goes on has seen it."""
    first = server.page({"q": "govrnment", "limit": 1})
    assert [page["did_you_mean"] is None for page in (first, *server.walk(first))] == [False, True]


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "goverment OR ".ljust(MAX_QUERY_CHARS, "x")},
        *(
            {"q": text}
            for text in ("senate", "nowhere", "nowere", "xyzzy", "", "to", "東京", "-goverment", "goverment*")
        ),
        {"q": "governments", "section": "none"},
        {"q": "goverment", "section": "none"},
        {"q": "goverment OR senate", "limit": 1},
    ],
    ids=str,
)
def test_nothing_is_proposed_otherwise(server: ApiServer, parameters: dict[str, str]) -> None:
    """Where enough is found, nothing common is like it or finds more, or it is too long; nor of what is excluded."""
    assert asked(server, **parameters) is None
