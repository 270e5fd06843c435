"""Citations as BibTeX and as CSL-JSON, by themselves and over a real socket.

Not here: the page that links to them (`test_page_article.py`).
"""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.citations import CslItem, bibtex, csl_item
from tests.api_server import ApiServer, problem_of
from tests.archive import ODD_IDS

ARTICLE: dict[str, Any] = {
    "id": "Akaka/10Apr2007",
    "title": "Profits up 5% at Smith & Sons {sic}",
    "body": "",
    "summary": "In short.",
    "authors": ["Ann Storm", "Ministry of Health and Care", "Vote, Bo"],
    "source": "The_Wire",
    "section": "Business",
    "tags": [],
    "language": "en-GB",
    "url": "https://wire.example/a%20b#c{d}",
    "published_at": "2007-04-10T09:31:01.000Z",
}


def test_bibtex() -> None:
    """What an entry looks like."""
    assert bibtex(ARTICLE) == (
        "@article{Akaka-10Apr2007,\n"
        "  author = {Ann Storm and {Ministry of Health and Care} and {Vote, Bo}},\n"
        "  title = {{Profits up 5\\% at Smith \\& Sons \\{sic\\}}},\n"
        "  journal = {The\\_Wire},\n"
        "  language = {en-GB},\n"
        "  url = {https://wire.example/a%20b#c%7Bd%7D},\n"
        "  date = {2007-04-10},\n"
        "  year = {2007},\n"
        "  month = {4},\n"
        "}\n"
    )


def test_csl_json() -> None:
    """What an item looks like."""
    assert msgspec.to_builtins(csl_item(ARTICLE)) == {
        "id": "Akaka/10Apr2007",
        "type": "article-newspaper",
        "title": "Profits up 5% at Smith & Sons {sic}",
        "author": [{"literal": "Ann Storm"}, {"literal": "Ministry of Health and Care"}, {"literal": "Vote, Bo"}],
        "container-title": "The_Wire",
        "section": "Business",
        "issued": {"date-parts": [(2007, 4, 10)]},
        "language": "en-GB",
        "URL": "https://wire.example/a%20b#c{d}",
        "abstract": "In short.",
    }


def test_what_is_not_known_is_left_out() -> None:
    """Not guessed."""
    bare = {**ARTICLE, **dict.fromkeys(("summary", "source", "section", "language", "url"), "")}
    bare |= {"authors": [], "published_at": None, "id": "記事", "title": "T"}
    assert bibtex(bare) == "@misc{article,\n  title = {{T}},\n}\n"
    assert msgspec.to_builtins(csl_item(bare)) == {"id": "記事", "type": "article-newspaper", "title": "T"}


_text = st.text(st.sampled_from('ab é\\{}%&$#_~^"@,=\n新') | st.characters(codec="utf-8"), max_size=40)


@given(
    st.fixed_dictionaries(
        {**dict.fromkeys(("id", "title", "source", "url", "language"), _text), "authors": st.lists(_text, max_size=3)}
    )
)
def test_no_text_ends_an_entry(texts: dict[str, Any]) -> None:
    """Braces that are not escaped are balanced, the last closes the entry, and nothing else means anything to TeX."""
    entry = bibtex({**ARTICLE, **texts})
    depth, ended = 0, []
    for at, mark in enumerate(re.sub(r"\\.", "xx", entry, flags=re.DOTALL)):
        depth += (mark == "{") - (mark == "}")
        if mark == "}" and depth == 0:
            ended.append(at)
    assert ended == [len(entry) - 2]
    for line in entry.splitlines()[1:-1]:
        if line.startswith("  url = "):  # is taken as it stands
            continue
        assert not re.search(r"(?<!\\)[%&$#_]", line.partition(" = ")[2].replace("\\\\", ""))


@pytest.mark.parametrize("article_id", ODD_IDS)
def test_over_http(server: ApiServer, article_id: str) -> None:
    """Of any id, with the media types that reference managers know."""
    address = "/v1/articles/" + "".join(f"%{byte:02X}" for byte in article_id.encode())
    article = server.client.get(address).json()
    told = server.client.get(f"{address}/bibtex")
    assert told.headers["Content-Type"].startswith("application/x-bibtex")
    assert told.text == bibtex(article)
    told = server.client.get(f"{address}/csl-json")
    assert told.headers["Content-Type"] == "application/vnd.citationstyles.csl+json"
    assert msgspec.json.decode(told.content, type=list[CslItem]) == [csl_item(article)]


@pytest.mark.parametrize("form", ["bibtex", "csl-json"])
def test_refusals(server: ApiServer, form: str) -> None:
    """As of the article itself."""
    problem_of(server.client.get(f"/v1/articles/nobody/{form}"), 404, "article-not-found")
    problem_of(server.client.get(f"/v1/articles/n0011/{form}?min=1"), 400, "parameter-invalid")
