"""Validation: what becomes an article, what does not, and why."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.article import ArticleInvalid, validate
from indexer.fields import NAMES

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


def _reason(**fields: Any) -> str:
    with pytest.raises(ArticleInvalid) as caught:
        validate({"id": "a", "title": "t"} | fields, now_ms=NOW_MS)
    return caught.value.reason


def test_a_whole_record_becomes_an_article() -> None:
    """Every canonical field arrives, trimmed; unknown names are not looked at."""
    fields = {
        "id": " Akaka/10Apr2007akaka175 ",
        "title": " Restructuring ",
        "body": "First.\nSecond.\n",
        "summary": "One.",
        "authors": ["Doe, Jane ", "Roe"],
        "source": "Senate",
        "section": "Press",
        "tags": ["war", "", "peace", "war"],
        "language": "en",
        "url": "https://example.org/1",
        "published_at": "2007-04-10",
        "modified_at": "2007-04-11T00:00:00Z",
        "other": object(),
    }
    article = validate(fields, now_ms=NOW_MS).article
    assert (article.id, article.title, article.body) == (
        "Akaka/10Apr2007akaka175",
        "Restructuring",
        "First.\nSecond.",
    )
    assert (article.authors, article.tags) == (("Doe, Jane", "Roe"), ("war", "peace"))
    assert (article.summary, article.source, article.section) == ("One.", "Senate", "Press")
    assert (article.language, article.url) == ("en", "https://example.org/1")
    assert (article.published_ms, article.date_confidence) == (1_176_163_200_000, "day")
    assert article.modified_ms == 1_176_163_200_000 + DAY_MS


def test_only_id_and_title_are_needed() -> None:
    """Null and absent are the same, and everything else has an empty value."""
    bare = validate({"id": "a", "title": "t"}, now_ms=NOW_MS)
    nulls = validate(dict.fromkeys(NAMES) | {"id": "a", "title": "t"}, now_ms=NOW_MS)
    assert bare == nulls
    assert (bare.article.authors, bare.article.published_ms, bare.article.date_confidence) == (
        (),
        None,
        "missing",
    )


@pytest.mark.parametrize(("given_id", "expected"), [(7, "7"), (-7, "-7"), (2**64 - 1, str(2**64 - 1))])
def test_a_whole_number_is_an_id(given_id: int, expected: str) -> None:
    """Databases number their articles."""
    assert validate({"id": given_id, "title": "t"}, now_ms=NOW_MS).article.id == expected


@pytest.mark.parametrize(
    "bad_id",
    [
        None,
        "",
        " \t",
        1.5,
        True,
        [],
        {},
        pytest.param(10**5000, id="5001 digits"),
        "é" * 257,
        "a\0b",
        "\ud800",
    ],
)
def test_a_bad_id_is_refused(bad_id: Any) -> None:
    """Missing, empty, of a wrong type, too long in UTF-8, or not to be written in it."""
    assert _reason(id=bad_id).startswith("id ")


def test_the_longest_id_is_accepted() -> None:
    """The limit is in UTF-8 bytes, and inclusive."""
    assert validate({"id": "é" * 256, "title": "t"}, now_ms=NOW_MS).article.id == "é" * 256


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": None}, "title is missing or empty"),
        ({"title": "  "}, "title is missing or empty"),
        ({"title": 5}, "title is a number, not text"),
        ({"title": "x" * 4097}, "title is 4,097 characters long: at most 4,096 are allowed"),
        ({"body": {"html": "x"}}, "body is an object, not text"),
        ({"body": "x" * (2**20 + 1)}, "body is 1,048,577 characters long: at most 1,048,576 are allowed"),
        ({"summary": "a\0b"}, "summary holds a NUL character (U+0000)"),
        ({"section": "\udc80"}, "section holds half a surrogate pair (U+DC80)"),
        ({"authors": 5}, "authors is a number, not a list of texts"),
        ({"authors": ["a", None, 5]}, "an entry of authors is a number, not text"),
        ({"authors": ["x"] * 101}, "authors has more than 100 entries"),
        ({"tags": ";".join("x" * 101)}, "tags has more than 100 entries"),
        ({"tags": ["x" * 1001]}, "an entry of tags is 1,001 characters long: at most 1,000 are allowed"),
        ({"url": b"x"}, "url is a bytes, not text"),
    ],
)
def test_a_bad_value_is_refused_with_its_name(fields: dict[str, Any], reason: str) -> None:
    """The reason names field, fault and limit."""
    assert _reason(**fields) == reason


def test_a_refusal_knows_the_id() -> None:
    """So that a rejects file can name the article, where its id was sound."""
    with pytest.raises(ArticleInvalid) as caught:
        validate({"id": "a", "title": ""}, now_ms=NOW_MS)
    assert caught.value.article_id == "a"


def test_one_text_is_cut_into_authors_and_tags() -> None:
    """Authors at semicolons only, since names hold commas; tags at both."""
    fields = {"id": "a", "title": "t", "authors": "Doe, Jane; Roe, Rick;", "tags": "war, peace;war"}
    article = validate(fields, now_ms=NOW_MS).article
    assert (article.authors, article.tags) == (("Doe, Jane", "Roe, Rick"), ("war", "peace"))


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (NOW_MS, (NOW_MS, "instant")),
        (NOW_MS + 1, (NOW_MS, "clamped")),
        ("9999-12-31", (NOW_MS, "clamped")),
        ("2019-02-30", (None, "dropped")),
        (["2019"], (None, "dropped")),
    ],
)
def test_a_bad_date_does_not_cost_the_article(published: Any, expected: tuple[int | None, str]) -> None:
    """The future becomes the present, the unreadable nothing; both say so."""
    article = validate({"id": "a", "title": "t", "published_at": published}, now_ms=NOW_MS).article
    assert (article.published_ms, article.date_confidence) == expected


def test_a_modification_in_the_future_is_clamped() -> None:
    """`modified_ms` follows the same clock."""
    fields = {"id": "a", "title": "t", "modified_at": NOW_MS + 5}
    assert validate(fields, now_ms=NOW_MS).article.modified_ms == NOW_MS


def test_the_digest_does_not_depend_on_the_clock() -> None:
    """A date that was in the future yesterday leaves the same digest today."""
    fields = {"id": "a", "title": "t", "published_at": NOW_MS + DAY_MS}
    today, tomorrow = (validate(fields, now_ms=NOW_MS + days * DAY_MS) for days in (0, 2))
    assert today.article != tomorrow.article
    assert today.digest == tomorrow.digest
    assert len(today.digest) == 16


@given(st.sampled_from(sorted(NAMES.keys() - {"status", "embargoed_until", "editor_note"})))
def test_the_digest_depends_on_every_field(field: str) -> None:
    """Any change that a reader could see is a new version."""
    before = {"id": "a", "title": "t"}
    after = before | {field: "2001-01-01"}
    assert validate(before, now_ms=NOW_MS).digest != validate(after, now_ms=NOW_MS).digest


def test_the_digest_tells_fields_apart() -> None:
    """The same text in another field is another article; other spellings of one date are not."""
    base = {"id": "a", "title": "t"}
    digests = {validate(base | {name: "x"}, now_ms=NOW_MS).digest for name in ("body", "summary", "source", "tags")}
    assert len(digests) == 4
    dates = (None, "2019-02-30", "2007-04-10", 1_176_163_200)
    assert len({validate(base | {"published_at": at}, now_ms=NOW_MS).digest for at in dates}) == 4
    spellings = ("2007-04-10T00:00:00Z", "2007-04-10T02:00:00+02:00", 1_176_163_200)
    assert len({validate(base | {"published_at": at}, now_ms=NOW_MS).digest for at in spellings}) == 1


_ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.binary(max_size=5),
        st.text(st.characters(exclude_categories=())),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), _ANY), st.booleans())
def test_no_value_raises_anything_else(fields: dict[str, Any], whole: bool) -> None:
    """Whatever the values, there is an article within its limits, or `ArticleInvalid`."""
    if whole:
        fields |= {"id": "a", "title": "t"}
    try:
        article = validate(fields, now_ms=NOW_MS).article
    except ArticleInvalid:
        return
    assert 0 < len(article.id.encode()) <= 512
    assert 0 < len(article.title) <= 4096
    for text in (article.title, article.body, article.source, *article.authors, *article.tags):
        assert text == text.strip()
        assert "\0" not in text
        assert text.encode().decode() == text
    assert article.published_ms is None or article.published_ms <= NOW_MS


def test_nesting_is_not_followed() -> None:
    """A deeply nested value is refused by its type, without looking inside."""
    nested: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 2):
        nested = [nested]
    assert _reason(body=nested) == "body is a list, not text"
    assert _reason(tags=nested) == "an entry of tags is a list, not text"
