"""The documentation pages of the API: `/docs`, and a page for each problem type at its own address.

Contract: made from the OpenAPI document and `problem_types.TYPES`; readable offline and without JavaScript, nothing
is fetched from elsewhere.

Not here: guides and tutorials (`docs/`), the document (`openapi.py`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.openapi import EVENT_STREAM
from web.pages import Pages
from web.problem_types import TYPES, example_of, type_address
from web.problems import MEDIA_TYPE, Problem

_ANYWHERE = {"method-not-allowed", "internal"}
"""Problems of every operation: they are told once."""


class _Answer(NamedTuple):
    """What the example of an operation is answered."""

    status: str
    media_type: str
    text: str
    stream: str | None
    """How a stream begins that is asked for instead."""


class _Described(NamedTuple):
    """An operation as the page shows it."""

    id: str
    method: str
    path: str
    operation: dict[str, Any]
    parameters: Sequence[tuple[str, Sequence[dict[str, Any]]]]
    """By where they stand: a heading, and what is below it."""
    body: str | None
    """Media type of what is sent."""
    members: Mapping[str, Any]
    """Of the body, or of each of its lines: their schemas by name."""
    headers: Mapping[str, Any]
    """Of the answer, by name."""
    answer: _Answer | None
    problems: Sequence[str]


def _prose(text: str) -> Markup:
    """Text in which `backticks` mark code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _text(value: Any) -> str:
    """A value as it is written: a text as it is, else JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _laid_out(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _bounds(schema: Mapping[str, Any]) -> str:
    """What a schema says of a value beside its kind, in words; of several kinds, the first."""
    schema = schema.get("anyOf", [schema])[0] if "type" not in schema else schema
    one = schema.get("items", schema)
    told = []
    if "enum" in one:
        told.append(f"{'One of' if one['enum'][1:] else 'Only'} {', '.join(f'`{value}`' for value in one['enum'])}.")
    if "maximum" in one:
        told.append(f"From {one.get('minimum', 0):,} to {one['maximum']:,}.")
    if "maxLength" in one:
        told.append(f"At most {one['maxLength']:,} characters.")
    if "maxItems" in schema:
        told.append(f"Up to {schema['maxItems']} of them.")
    if "default" in one:
        told.append(f"Default `{_text(one['default'])}`.")
    return " ".join(told)


def _kind(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("anyOf", [schema]) if "type" not in schema else [schema]
    return " or ".join(dict.fromkeys(one.get("type", "string") for one in kinds if one.get("type") != "null"))


_pages = Pages(
    "web",
    ("docs.css",),
    at="/docs/",
    scripted=False,
    formats={"prose": _prose, "text": _text, "laid_out": _laid_out, "bounds": _bounds, "kind": _kind},
    values={"type_address": type_address, "types": TYPES},
)


def docs_routes(document: dict[str, Any]) -> list[BaseRoute]:
    """The routes; `document` is the OpenAPI document."""
    described = _operations(document)
    groups = [(tag, [one for one in described if tag["name"] in one.operation["tags"]]) for tag in document["tags"]]

    async def docs(_request: Request) -> Response:
        return _pages.html("docs.html", {"document": document, "groups": groups})

    async def problem(request: Request) -> Response:
        slug = request.path_params["slug"]
        if slug not in TYPES:
            raise Problem("not-found", "there is no such problem type")
        by = None if slug in _ANYWHERE else [one for one in described if slug in one.problems]
        values = {"slug": slug, "kind": TYPES[slug], "example": example_of(slug), "by": by}
        return _pages.html("problem.html", values)

    return [
        Route("/docs", docs, methods=["GET"]),
        Route("/docs/problems/{slug}", problem, methods=["GET"]),
        *_pages.routes(),
    ]


def _operations(document: dict[str, Any]) -> list[_Described]:
    return [
        _described(document["components"], path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _described(components: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> _Described:
    # What all operations take is said once, at the top of the page.
    own = [one for one in operation["parameters"] if "$ref" not in one]
    kinds = (("In the address", "path"), ("Parameters", "query"), ("Headers", "header"))
    parameters = [(heading, [one for one in own if one["in"] == where]) for heading, where in kinds]
    problems = [
        slug
        for answer in operation["responses"].values()
        for slug in answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
        if slug not in _ANYWHERE
    ]
    body, members = None, {}
    for media_type, medium in operation.get("requestBody", {}).get("content", {}).items():
        body = media_type
        members = _referred(components, medium.get("x-itemSchema", medium["schema"]))["properties"]
    headers = operation["responses"]["200"]["headers"]
    return _Described(
        operation["operationId"],
        method.upper(),
        path,
        operation,
        [(heading, ones) for heading, ones in parameters if ones],
        body,
        members,
        {name: _referred(components, header) for name, header in headers.items()},
        _answer(operation),
        problems,
    )


def _referred(components: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    if "$ref" not in one:
        return one
    kind, name = one["$ref"].split("/")[-2:]
    found: dict[str, Any] = components[kind][name]
    return found


def _answer(operation: dict[str, Any]) -> _Answer | None:
    for status, answer in operation["responses"].items():
        shown = {name: one["example"] for name, one in answer.get("content", {}).items() if "example" in one}
        stream = shown.pop(EVENT_STREAM, None)
        for media_type, example in shown.items():
            return _Answer(status, media_type.partition(";")[0], _laid_out(example), stream)
    return None
