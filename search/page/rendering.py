"""How the page's answers are made: templates, what goes with them, and the headers that keep them safe.

Contract: everything is served from here, and the Content-Security-Policy (W3C, level 3) allows nothing else: no other
host, no style or script in the markup. A stylesheet or script is addressed with the digest of its content, so that it
is fetched once and kept until it changes.

Not here: the routes (`routes.py`).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from search.page.links import article_address
from web.problem_types import TYPES, type_address
from web.problems import Problem

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_KEPT = "public, max-age=31536000, immutable"
_LOOKED_UP = "public, max-age=300"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_contents = {name: files("search.page").joinpath(name).read_bytes() for name in ("page.css", "page.js")}
_digests = {name: blake2b(content, digest_size=6).hexdigest() for name, content in _contents.items()}


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def _number(value: int) -> str:
    return f"{value:,}"


def _language(tag: str) -> str:
    """A language as markup names it (BCP 47), empty if it is none."""
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", tag) else ""


def _asset(name: str) -> str:
    return f"/{name}?v={_digests[name]}"


_templates = Environment(
    loader=PackageLoader("search.page", "."),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"day": _day, "number": _number, "language": _language, "markup": Markup}
_templates.globals |= {"asset": _asset, "article_address": article_address}


def html(template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page, in some milliseconds: in a thread, where it is made of an answer."""
    content = _templates.get_template(template).render(**values)
    return Response(content, status, {**_SECURITY, "Cache-Control": "no-cache"}, "text/html")


def problem_page(problem: Problem) -> Response:
    """A problem, for people."""
    answer = html("problem.html", {"problem": told(problem)}, TYPES[problem.slug].status)
    answer.headers.update(problem.headers)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def told(problem: Problem) -> dict[str, Any]:
    """What a page says of a problem."""
    return {
        "title": TYPES[problem.slug].title,
        "detail": problem.detail,
        "about": type_address(problem.slug),
        "resume": problem.members.get("links", {}).get("resume"),
    }


def asset(request: Request) -> Response:
    """The stylesheet or script at the path of this request."""
    name = request.url.path.removeprefix("/")
    current = request.url.query == f"v={_digests[name]}"
    headers = {"Cache-Control": _KEPT if current else _LOOKED_UP, "X-Content-Type-Options": "nosniff"}
    return Response(_contents[name], headers=headers, media_type=_TYPES[name.rpartition(".")[2]])
