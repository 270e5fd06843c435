"""What all pages have in common, as a server gives them: they are closed to strangers, and their files are kept.

Not here: what each shows (`test_docs_pages.py`, `tests/search/test_page_*`, `tests/broadsheet/test_operations*`).
"""

import re

import pytest

from tests.api_server import ApiServer

PAGES = ("/", "/?q=budget", "/?limit=many", "/articles/no-such", "/docs", "/docs/problems/internal", "/ops")


def _policy(text: str) -> dict[str, str]:
    directives = (one.strip().partition(" ") for one in text.split(";"))
    return {name: allowed for name, _space, allowed in directives}


@pytest.mark.parametrize("address", PAGES)
def test_a_page_loads_nothing_but_what_is_beside_it(server: ApiServer, address: str) -> None:
    """Nothing that is not named is allowed, markup has neither scripts nor styles, and no other page may frame it."""
    answer = server.client.get(address)
    policy = _policy(answer.headers["Content-Security-Policy"])
    scripted = "<script" in answer.text
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'" if scripted else "'none'",
        **({"script-src": "'self'", "connect-src": "'self'"} if scripted else {}),
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<[^>]*\s(style|on\w+)=|<style|<script(?![^>]* src=)", answer.text)


@pytest.mark.parametrize("address", PAGES)
def test_files_are_kept_until_they_change(server: ApiServer, address: str) -> None:
    """Under the address that a page gives, for good; under any other they are asked for anew each time."""
    text = server.client.get(address).text
    found = re.findall(r'<(?:link rel="stylesheet"|script)[^>]* (?:href|src)="([^"]+)"', text)
    assert found
    for file in found:
        assert "immutable" in server.client.get(file).headers["Cache-Control"]
        path, _mark, digest = file.partition("?v=")
        assert re.fullmatch("[0-9a-f]{12}", digest)
        for other in (path, f"{path}?v={'0' * 12}"):
            assert server.client.get(other).headers["Cache-Control"] == "no-cache"
