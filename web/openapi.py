"""The OpenAPI 3.1 document, made from what the routes declare.

Contract: every parameter, header, body, answer and problem in it is the declaration that the code itself uses;
nothing is written twice. Problems that any route may answer (405, 500) are in every operation, and those of its role
(401, 403). Each operation has an example: a request, and what it is answered on an archive of the examples alone.

Not here: the operations themselves (`search/routes.py`, `broadsheet/app.py`), the pages made from it (`docs.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote

import msgspec

from web.curl import curl_line
from web.headers import IF_NONE_MATCH, OF_ALL, OF_PROBLEMS, REQUEST_ID, Header
from web.keys import Role
from web.parameters import Parameter
from web.problem_types import TYPES, example_of, type_address
from web.problems import MEDIA_TYPE
from web.schemas import schemas_of


class ProblemError(msgspec.Struct, omit_defaults=True):
    """What is wrong with one parameter."""

    parameter: str
    """Its name; that of a header, or `query string`."""
    detail: str
    """What is wrong, and what is right."""
    position: int | None = None
    """Offset into the parameter's value, where it is known."""


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """An error (RFC 9457). Some have further members: `coverage` as of a search, `links` with where to go on."""

    type: str
    """The address of its page, relative to the service."""
    title: str
    """What kind of problem it is, in words."""
    status: int
    """That of the answer."""
    detail: str
    """What is wrong with this request."""
    instance: str
    """The path of the request."""
    request_id: str
    """Under which the request was logged."""
    errors: list[ProblemError] | None = None
    """What is wrong with which parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request of an operation, and its answer."""

    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """What is sent: a value as JSON, or a text as it is."""
    answer: Any
    """What is answered: a value as JSON, or a text as it is."""
    status: int = 200
    stream: str | None = None
    """How a stream begins that is asked for instead (`Accept: text/event-stream`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API."""

    path: str
    method: Literal["get", "put", "post", "delete"] = "get"
    tag: str = "Watching"
    """One of `TAGS`."""
    summary: str
    description: str
    parameters: Sequence[Parameter] = ()
    headers: Sequence[Header] = ()
    """That a request may have, beside `X-Request-Id`."""
    id_example: str | None = None
    """Example of the path's `{id}`, where it has one."""
    answer: Any = None
    """Type of the body; `None` for text."""
    lines: Sequence[Any] = ()
    """Types of the lines of a text that is NDJSON: each is of one of them."""
    answered: Sequence[Header] = ()
    """Headers of the answer, beside those that all have."""
    accepts: str | None = None
    """Media type of what is sent, where something is."""
    body: Any = None
    """Type of what is sent; of each line, where it is NDJSON."""
    later: bool = False
    """Whether the answer may also come with 202, before it is done."""
    problems: Sequence[str] = ()
    media_type: str = "application/json"
    stream: bool = False
    """Whether the same is told event by event to those who accept `text/event-stream`."""
    conditional: bool = False
    """Whether answers have an `ETag`, and those who have one are told so."""
    role: Role | None = "read"
    """What a caller's key must allow, where a key is needed; `None` where it never is."""
    example: Example | None = None


TAGS: Mapping[str, str] = {
    "Searching": "Pages of articles, and what helps to ask for them.",
    "Articles": "One article, and what there was of it.",
    "Writing": "Articles in, corrected, withdrawn and taken down. Each write is durable when it is answered.",
    "Jobs": "How a write, a takedown or an export stands, and what came of it.",
    "Following": "What became of articles, for those who keep copies.",
    "Watching": "Whether the service runs, and how far its index is.",
}
"""Groups of operations, in the order of the documentation."""
EVENT_STREAM = "text/event-stream"
"""Server-Sent Events (HTML Living Standard, section 9.2)."""
_DESCRIPTION = """\
Reads are GET and answered as JSON, errors as `application/problem+json` with a `type` that is the address of a page
here. Links in answers are relative, times are UTC. Unknown parameters are refused. Equal answers are equal bytes;
what is volatile travels in headers. The examples are answers of an archive that holds what the examples put there."""
_KEY = "key"
"""The name of the one security scheme."""
_REFUSALS: Mapping[Role | None, Sequence[str]] = {
    None: (),
    "read": ("unauthorized",),
    "write": ("unauthorized", "forbidden"),
    "admin": ("unauthorized", "forbidden"),
}
"""Problems of callers without the role; every key may read."""


def document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    """The whole document."""
    types = [kind for one in operations for kind in (one.answer, one.body, *one.lines) if kind is not None]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Broadsheet",
            "version": version,
            "summary": "Search in news archives.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that this document comes from."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _paths(operations),
        "components": {
            "schemas": schemas_of([*types, ProblemBody]),
            "parameters": {REQUEST_ID.name: _header_parameter(REQUEST_ID)},
            "headers": {one.name: _header(one) for one in OF_PROBLEMS},
            "examples": {slug: {"summary": TYPES[slug].title, "value": example_of(slug)} for slug in TYPES},
            "securitySchemes": {
                _KEY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that `broadsheet keys add` made. Reading needs none, unless the service "
                    "says so with 401. A service without keys needs none at all, and listens on loopback only.",
                }
            },
        },
    }


def _paths(operations: Sequence[Operation]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    name = re.sub(r"\W", "_", operation.path.strip("/").replace("{id}", "by_id")) or "page"
    sent = (IF_NONE_MATCH,) if operation.conditional else ()
    return {
        "operationId": name if operation.method == "get" else f"{operation.method}_{name}",
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": _security(operation.role),
        "parameters": [
            *_path_parameters(operation),
            *map(_query_parameter, operation.parameters),
            *map(_header_parameter, (*operation.headers, *sent)),
            {"$ref": f"#/components/parameters/{REQUEST_ID.name}"},
        ],
        **({"requestBody": _body(operation)} if operation.accepts else {}),
        "responses": _responses(operation),
        **({"x-codeSamples": [_sample(operation)]} if operation.example else {}),
    }


def _responses(operation: Operation) -> dict[str, Any]:
    headers = _headers((*operation.answered, *OF_ALL))
    answered = {"description": operation.summary, "headers": headers, "content": _answers(operation)}
    example = operation.example
    whole: dict[str, Any] = {"200": answered}
    if operation.conditional:
        text = "What `If-None-Match` names is still the answer."
        whole["304"] = {"description": text, "headers": headers}
    if operation.later:
        whole["202"] = {**answered, "description": "Durable, and not done yet."}
    if example is not None:
        done = whole[str(example.status)]
        medium = {**done["content"][operation.media_type], "example": example.answer}
        whole[str(example.status)] = {**done, "content": {**done["content"], operation.media_type: medium}}
    statuses: dict[int, list[str]] = {}
    for slug in (*operation.problems, *_REFUSALS[operation.role], "method-not-allowed", "internal"):
        statuses.setdefault(TYPES[slug].status, []).append(slug)
    return {**whole, **{str(status): _problem_response(slugs) for status, slugs in sorted(statuses.items())}}


def _sample(operation: Operation) -> dict[str, str]:
    """The request of the example, under the name by which Redoc and others know such."""
    example = operation.example
    assert example
    path = operation.path.replace("{id}", quote(operation.id_example or "", safe=""))
    typed = {"Content-Type": operation.accepts} if operation.accepts else {}
    source = curl_line(operation.method, path, example.query, {**typed, **example.headers}, example.body)
    return {"lang": "Shell", "label": "curl", "source": source}


def _answers(operation: Operation) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"} if operation.answer is None else _reference(operation.answer)
    lines = {"x-itemSchema": {"oneOf": [*map(_reference, operation.lines)]}} if operation.lines else {}
    stream: dict[str, Any] = {}
    if operation.stream:
        begun = operation.example.stream if operation.example else None
        stream = {EVENT_STREAM: {"schema": {"type": "string"}, **({"example": begun} if begun else {})}}
    return {operation.media_type: {"schema": schema, **lines}, **stream}


def _body(operation: Operation) -> dict[str, Any]:
    """What is sent. That each line of a text has a schema, OpenAPI says from 3.2 on (`itemSchema`)."""
    assert operation.accepts
    reference = _reference(operation.body)
    medium = {"schema": reference}
    if operation.accepts != "application/json":
        medium = {"schema": {"type": "string"}, "x-itemSchema": reference}
    if operation.example is not None:
        medium["example"] = operation.example.body
    return {"required": True, "content": {operation.accepts: medium}}


def _reference(kind: Any) -> dict[str, Any]:
    if get_origin(kind) is list:
        return {"type": "array", "items": _reference(*get_args(kind))}
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _security(role: Role | None) -> list[dict[str, list[str]]]:
    if role is None:
        return []
    return [{_KEY: [role]}] if role != "read" else [{}, {_KEY: [role]}]


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.id_example is None:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 512}
    described = {"name": "id", "in": "path", "description": "The id, percent-encoded.", "required": True}
    return [{**described, "schema": schema, "example": operation.id_example}]


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    if parameter.repeated:
        schema = {"type": "array", "items": schema, "maxItems": 32}
    return _described(parameter.name, "query", parameter.description, schema, parameter.example)


def _header_parameter(header: Header) -> dict[str, Any]:
    return _described(header.name, "header", header.description, dict(header.schema), header.example)


def _described(name: str, where: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    told = {"name": name, "in": where, "description": description, "required": False, "schema": schema}
    return told if example is None else {**told, "example": example}


def _headers(headers: Iterable[Header]) -> dict[str, Any]:
    shared = "#/components/headers/"
    return {one.name: {"$ref": shared + one.name} if one in OF_PROBLEMS else _header(one) for one in headers}


def _header(header: Header) -> dict[str, Any]:
    return {"description": header.description, "required": header.always, "schema": dict(header.schema)}


def _problem_response(slugs: list[str]) -> dict[str, Any]:
    lines = [f"[{slug}]({type_address(slug)}): {TYPES[slug].title}." for slug in slugs]
    examples = {slug: {"$ref": f"#/components/examples/{slug}"} for slug in slugs}
    return {
        "description": " ".join(lines),
        "headers": _headers(OF_PROBLEMS),
        "content": {MEDIA_TYPE: {"schema": _reference(ProblemBody), "examples": examples}},
    }
