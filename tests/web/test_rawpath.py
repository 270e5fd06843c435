"""Addresses with ids in them: which id each is of, if any."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match

from web.rawpath import RawPathRoute


async def _endpoint(_request: Any) -> None:
    """Nothing."""


WHOLE = RawPathRoute("/a", _endpoint, methods=["GET"])
VERSIONS = RawPathRoute("/a", _endpoint, suffix="/versions", methods=["GET"])


def _id(route: RawPathRoute, raw_path: bytes) -> str | None:
    scope = {"type": "http", "method": "GET", "raw_path": raw_path}
    match, child = route.matches(scope)
    return child["path_params"]["id"] if match == Match.FULL else None


@pytest.mark.parametrize(
    ("raw_path", "whole", "versions"),
    [
        (b"/a/x", "x", None),
        (b"/a/x/versions", None, "x"),
        (b"/a/x%2Fversions", "x/versions", None),
        (b"/a/x%2Fversions/versions", None, "x/versions"),
        (b"/a/versions", "versions", None),
        (b"/a/versions/versions", None, "versions"),
        (b"/a/x/versions/versions", None, None),
        (b"/a/x/y/versions", None, None),
        (b"/a//versions", None, None),
        (b"/a/versions/", None, None),
        (b"/a/x/versions/", None, None),
        (b"/a/x/Versions", None, None),
        (b"/a/xversions", "xversions", None),
        (b"/a/", None, None),
        (b"/a/%ff/versions", None, None),
        (b"/b/x/versions", None, None),
    ],
)
def test_an_id_and_what_follows_it(raw_path: bytes, whole: str | None, versions: str | None) -> None:
    """Only a slash that was sent as one ends an id."""
    assert (_id(WHOLE, raw_path), _id(VERSIONS, raw_path)) == (whole, versions)


@given(article_id=st.text(min_size=1))
def test_any_id_is_found_with_and_without_what_follows(article_id: str) -> None:
    """Percent-encoded, whatever it holds, and by one route only."""
    encoded = f"/a/{quote(article_id, safe='')}".encode()
    assert (_id(WHOLE, encoded), _id(VERSIONS, encoded)) == (article_id, None)
    assert (_id(WHOLE, encoded + b"/versions"), _id(VERSIONS, encoded + b"/versions")) == (None, article_id)
