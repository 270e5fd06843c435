"""How what is found is written: the templates beside this file, and what they know.

Not here: the routes (`routes.py`), what all pages have (`web/pages.py`).
"""

import re
from datetime import datetime
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from search.page.links import article_address
from web.pages import Pages
from web.problem_types import TYPES, type_address
from web.problems import Problem


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def _number(value: int) -> str:
    return f"{value:,}"


def _language(tag: str) -> str:
    """A language as markup names it (BCP 47), empty if it is none."""
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", tag) else ""


PAGES = Pages(
    "search.page",
    ("page.css", "page.js"),
    formats={"day": _day, "number": _number, "language": _language, "markup": Markup},
    values={"article_address": article_address},
)


def problem_page(problem: Problem) -> Response:
    """A problem, for people."""
    values = {"problem": told(problem)}
    answer = PAGES.html("problem.html", values, TYPES[problem.slug].status, cache_control="no-store")
    answer.headers.update(problem.headers)
    return answer


def told(problem: Problem) -> dict[str, Any]:
    """What a page says of a problem."""
    return {
        "title": TYPES[problem.slug].title,
        "detail": problem.detail,
        "about": type_address(problem.slug),
        "resume": problem.members.get("links", {}).get("resume"),
    }
