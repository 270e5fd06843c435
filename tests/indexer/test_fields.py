"""Field names: what is recognised, what a mapping changes, and what is reported."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.fields import NAMES, FieldMap, MappingError, has_column_numbers, parse_mapping


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *((name, "id") for name in ("id", "_id", "guid", "uri", "slug", "articleId")),
        *((name, "title") for name in ("Title", "HEADLINE", "name")),
        *((name, "body") for name in ("text", "content", "body_text", "article", "articleBody")),
        *((name, "summary") for name in ("description", "abstract", "standfirst", "teaser")),
        *((name, "authors") for name in ("author", "byline", "creator")),
        *((name, "source") for name in ("publisher", "outlet", "site", "provider")),
        *((name, "section") for name in ("category", "desk", "section_name", "Section Name")),
        *((name, "tags") for name in ("keywords", "subjects")),
        *((name, "language") for name in ("lang",)),
        *((name, "url") for name in ("link", "web_url", "webUrl")),
        *((name, "published_at") for name in ("published", "date", "created_at", "pub_date", "pubDate")),
        *((name, "published_at") for name in ("publish-date", "datePublished", "firstcreated", "timestamp")),
        *((name, "modified_at") for name in ("updated", "modified", "updated_at", "dateModified")),
        *((name, "status") for name in ("pubstatus", "pubStatus", "pub_status")),
        *((name, "embargoed_until") for name in ("embargoed", "embargo", "embargo-until", "EmbargoDate")),
        *((name, "editor_note") for name in ("ednote", "edNote", "Editors Note")),
    ],
)
def test_a_name_in_common_use_is_recognised(name: str, field: str) -> None:
    """Whatever its case, underscores, hyphens and spaces."""
    assert FieldMap().rename({name: "x"}) == {field: "x"}


def test_a_version_date_serves_for_both_dates() -> None:
    """A feed that only dates its versions still gives an article its date."""
    assert FieldMap().rename({"versioncreated": 1}) == {"published_at": 1, "modified_at": 1}
    assert FieldMap().rename({"versioncreated": 1, "firstcreated": 2}) == {
        "published_at": 2,
        "modified_at": 1,
    }


def test_the_best_of_several_names_is_taken() -> None:
    """The canonical name wins over every other, and the order of the fields in the record does not matter."""
    assert FieldMap().rename({"content": 1, "body": 2, "text": 3}) == {"body": 2}
    assert FieldMap().rename({"content": 1, "text": 3}) == {"body": 3}
    assert FieldMap().rename({"Text": 1, "text": 2}) == {"body": 1}


def test_a_name_that_holds_nothing_gives_way() -> None:
    """To the next best one, for this record: no embargo is lost because another field of it is empty."""
    fields = FieldMap()
    empty: tuple[Any, ...] = (None, "", " ", [])
    for nothing in empty:
        record = {"embargo": "2030-01-01", "embargoed_until": nothing, "Embargo": "2031-01-01"}
        assert fields.rename(record) == {"embargoed_until": "2030-01-01"}
    assert fields.rename({"embargo": "2030-01-01", "embargoed_until": 0, "Embargo": 5}) == {"embargoed_until": 0}
    assert fields.rename({"embargo": "", "embargoed_until": None, "Embargo": ""}) == {"embargoed_until": None}
    assert FieldMap({"embargoed_until": "x"}).rename({"x": None, "embargo": "2030"}) == {"embargoed_until": None}


def test_a_mapping_wins() -> None:
    """The user's word is final: also where the field has another name, or is not there, or is taken twice."""
    assert FieldMap({"title": "strapline"}).rename({"title": 1, "strapline": 2}) == {"title": 2}
    assert FieldMap({"title": "strapline"}).rename({"title": 1}) == {}
    assert FieldMap({"id": "url"}).rename({"url": "u"}) == {"id": "u", "url": "u"}
    assert FieldMap({"tags": ""}).rename({"tags": "x", "": "y"}) == {}


def test_a_mapping_is_parsed() -> None:
    """Fields and names are trimmed; a name may hold an equals sign; an empty name takes nothing."""
    assert parse_mapping("title=headline, id = guid,") == {"title": "headline", "id": "guid"}
    assert parse_mapping("url=a=b,tags=") == {"url": "a=b", "tags": ""}
    assert parse_mapping("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel=headline", f"unknown field 'titel' in 'titel=headline': use one of {', '.join(NAMES)}"),
        ("headline", "'headline' is not a mapping: write field=name, such as title=headline"),
        ("id=a,id=b", "field 'id' is mapped twice, to 'a' and to 'b': keep one"),
    ],
)
def test_a_bad_mapping_says_what_is_wrong(text: str, message: str) -> None:
    """The message holds the part and the cure."""
    with pytest.raises(MappingError) as caught:
        parse_mapping(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"), [("id=1,title=2", True), ("id=1,tags=", True), ("id=1,title=b", False), ("", False)]
)
def test_a_mapping_by_column_number_is_told_apart(text: str, expected: bool) -> None:
    """Only a mapping of nothing but numbers replaces a header."""
    assert has_column_numbers(parse_mapping(text)) is expected


def test_the_report_says_what_was_taken_for_what() -> None:
    """Each field with every name it came from, then what was not found, then what was ignored."""
    fields = FieldMap(parse_mapping("section=ressort"))
    fields.rename({"guid": 1, "Headline": 2, "ressort": 3, "colour": 4})
    fields.rename({"guid": 1, "title": 2, "date": 3, "pubstatus": "usable"})
    assert fields.report() == [
        "id <- guid",
        "title <- Headline, title",
        "section <- ressort",
        "published_at <- date",
        "status <- pubstatus",
        "not found: body, summary, authors, source, tags, language, url, modified_at, embargoed_until, editor_note",
        "ignored: colour",
    ]


def test_the_report_is_short_and_printable() -> None:
    """Thousands of names, endless ones and terminal escapes are cut to what a line can show."""
    fields = FieldMap()
    for number in range(5000):
        fields.rename({f"\x1b[31m{number}\n" + "x" * 5000: 1, "id": 1})
    ignored = fields.report()[-1]
    assert ignored.isprintable()
    assert ignored.endswith(" and others")
    assert len(ignored) < 1000
    assert len(fields._ignored) + len(fields._layouts) < 20


@given(
    st.dictionaries(st.text(max_size=20), st.integers()),
    st.dictionaries(st.sampled_from(sorted(NAMES)), st.text()),
)
def test_any_record_maps_to_known_fields(values: Mapping[str, int], mapping: dict[str, str]) -> None:
    """Nothing raises, nothing is invented, and a second look gives the same."""
    fields = FieldMap(mapping)
    first = fields.rename(values)
    assert set(first) <= set(NAMES)
    assert set(first.values()) <= set(values.values())
    assert fields.rename(values) == first
    assert all(line.isprintable() for line in fields.report())
