"""Citations: an article as reference managers read it.

BibTeX as of Patashnik, "BibTeXing" (1988), with fields that biblatex added (`url`, `language`, `date`); CSL-JSON as
of the Citation Style Language 1.0.2, appendix "CSL-JSON".

Contract: made of what `GET /v1/articles/{id}` answers and of nothing else. What an article does not have is left out,
not guessed. Characters that mean something to TeX are escaped, so that a title cannot end an entry.

Not here: the route (`routes.py`).
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

CSL_JSON = "application/vnd.citationstyles.csl+json"
BIBTEX = "application/x-bibtex"
"""Media types."""
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: "\\" + mark for mark in "{}&%$#_"},
}
_TEX = str.maketrans(_ESCAPED)
_IN_URL = str.maketrans({"{": "%7B", "}": "%7D", "\\": "%5C"})
"""An address is taken as it stands, up to the brace that ends it."""
_MAX_KEY_CHARS = 60


class CslName(msgspec.Struct):
    """A name, which is not taken apart."""

    literal: str


class CslDate(msgspec.Struct, rename={"date_parts": "date-parts"}):
    """A day."""

    date_parts: list[tuple[int, int, int]]
    """One: year, month, day."""


class CslItem(msgspec.Struct, omit_defaults=True, rename={"container_title": "container-title", "url": "URL"}):
    """An article, as CSL-JSON names its parts."""

    id: str
    type: Literal["article-newspaper"]
    title: str
    author: list[CslName] = []
    container_title: str = ""
    """The source."""
    section: str = ""
    issued: CslDate | msgspec.UnsetType = msgspec.UNSET
    language: str = ""
    url: str = ""
    abstract: str = ""


def csl_item(article: Mapping[str, Any]) -> CslItem:
    """The article (`shapes.ArticleAnswer`)."""
    return CslItem(
        id=article["id"],
        type="article-newspaper",
        title=article["title"],
        author=[CslName(name) for name in article["authors"]],
        container_title=article["source"],
        section=article["section"],
        issued=CslDate([_day_of(article)]) if article["published_at"] else msgspec.UNSET,
        language=article["language"],
        url=article["url"],
        abstract=article["summary"],
    )


def bibtex(article: Mapping[str, Any]) -> str:
    """The article (`shapes.ArticleAnswer`) as one entry."""
    fields = {
        "author": " and ".join(_name(name) for name in article["authors"]),
        # Braces keep capitals as they are.
        "title": "{" + _tex(article["title"]) + "}",
        "journal": _tex(article["source"]),
        "language": _tex(article["language"]),
        "url": "".join(article["url"].split()).translate(_IN_URL),
    }
    if article["published_at"]:
        year, month, day = _day_of(article)
        fields |= {"date": f"{year:04}-{month:02}-{day:02}", "year": str(year), "month": str(month)}
    kind = "article" if article["source"] else "misc"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{_key(article['id'])},", *lines, "}", ""])


def _day_of(article: Mapping[str, Any]) -> tuple[int, int, int]:
    year, month, day = article["published_at"][:10].split("-")
    return int(year), int(month), int(day)


def _tex(text: str) -> str:
    return " ".join(text.split()).translate(_TEX)


def _name(name: str) -> str:
    """Braces around what would be taken for several names, or for one of several parts."""
    escaped = _tex(name)
    return "{" + escaped + "}" if re.search(r",|\band\b", name, re.IGNORECASE) else escaped


def _key(article_id: str) -> str:
    plain = unicodedata.normalize("NFKD", article_id).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[-_MAX_KEY_CHARS:] or "article"
