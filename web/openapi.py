"""The OpenAPI 3.1 document, made from what the routes declare.

Contract: every parameter, answer and problem in it is the declaration that the code itself uses; nothing is written
twice. Problems that any route may answer (405, 500) are in every operation, and those of its role (401, 403).

Not here: the operations themselves (`search/routes.py`, `broadsheet/app.py`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec

from web.keys import Role
from web.parameters import Parameter
from web.problems import MEDIA_TYPE, TYPES, type_address


class ProblemError(msgspec.Struct, omit_defaults=True):
    """What is wrong with one parameter."""

    parameter: str
    detail: str
    position: int | None = None
    """Offset into the parameter's value, where it is known."""


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemError] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API."""

    path: str
    method: Literal["get", "put", "post", "delete"] = "get"
    summary: str
    description: str
    parameters: Sequence[Parameter] = ()
    id_example: str | None = None
    """Example of the path's `{id}`, where it has one."""
    answer: Any = None
    """Type of the body; `None` for text."""
    accepts: str | None = None
    """Media type of what is sent, where something is."""
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


EVENT_STREAM = "text/event-stream"
"""Server-Sent Events (HTML Living Standard, section 9.2)."""
_KEY = "key"
"""The name of the one security scheme."""
_HEADERS = {
    "X-Request-Id": "The id of this request, as it was logged.",
    "Server-Timing": "Where the time went, in milliseconds.",
}
_CONDITIONAL = {"ETag": "What tells this answer from others, for `If-None-Match`; weak."}
_REFUSALS: Mapping[Role | None, Sequence[str]] = {
    None: (),
    "read": ("unauthorized",),
    "write": ("unauthorized", "forbidden"),
    "admin": ("unauthorized", "forbidden"),
}
"""Problems of callers without the role; every key may read."""


def document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    """The whole document."""
    types = [operation.answer for operation in operations if operation.answer is not None]
    _schemas, components = msgspec.json.schema_components(
        [*types, ProblemBody], ref_template="#/components/schemas/{name}"
    )
    for schema in components.values():
        _nullable_is_honest(schema)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Broadsheet",
            "version": version,
            "summary": "Search in news archives.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(operations),
        "components": {
            "schemas": components,
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
    schema: dict[str, Any] = {"type": "string"}
    if operation.answer is not None:
        schema = _reference(operation.answer)
    statuses: dict[int, list[str]] = {}
    for slug in (*operation.problems, *_REFUSALS[operation.role], "method-not-allowed", "internal"):
        statuses.setdefault(TYPES[slug].status, []).append(slug)
    headers = {**_HEADERS, **(_CONDITIONAL if operation.conditional else {})}
    answered = {
        "description": operation.summary,
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()},
        "content": {
            operation.media_type: {"schema": schema},
            **({EVENT_STREAM: {"schema": {"type": "string"}}} if operation.stream else {}),
        },
    }
    name = re.sub(r"\W", "_", operation.path.strip("/").replace("{id}", "by_id")) or "page"
    return {
        "operationId": name if operation.method == "get" else f"{operation.method}_{name}",
        "summary": operation.summary,
        "description": operation.description,
        "security": _security(operation.role),
        "parameters": [*_path_parameters(operation), *map(_query_parameter, operation.parameters)],
        **({"requestBody": _body(operation.accepts)} if operation.accepts else {}),
        "responses": {
            "200": answered,
            **(
                {"304": {"description": "What `If-None-Match` names is still the answer."}}
                if operation.conditional
                else {}
            ),
            **({"202": {**answered, "description": "Durable, and not done yet."}} if operation.later else {}),
            **{str(status): _problem_response(slugs) for status, slugs in sorted(statuses.items())},
        },
    }


def _reference(answer: Any) -> dict[str, Any]:
    if get_origin(answer) is list:
        return {"type": "array", "items": _reference(*get_args(answer))}
    return {"$ref": f"#/components/schemas/{answer.__name__}"}


def _body(media_type: str) -> dict[str, Any]:
    kind = "object" if media_type == "application/json" else "string"
    return {"required": True, "content": {media_type: {"schema": {"type": kind}}}}


def _security(role: Role | None) -> list[dict[str, list[str]]]:
    if role is None:
        return []
    return [{_KEY: [role]}] if role != "read" else [{}, {_KEY: [role]}]


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.id_example is None:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 512}
    return [{"name": "id", "in": "path", "required": True, "schema": schema, "example": operation.id_example}]


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    if parameter.repeated:
        schema = {"type": "array", "items": schema, "maxItems": 32}
    described = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "required": False,
        "schema": schema,
    }
    return described if parameter.example is None else {**described, "example": parameter.example}


def _problem_response(slugs: list[str]) -> dict[str, Any]:
    lines = [f"[{slug}]({type_address(slug)}): {TYPES[slug].title}." for slug in slugs]
    return {
        "description": " ".join(lines),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }


def _nullable_is_honest(schema: dict[str, Any]) -> None:
    """Members that are left out when empty are never null: say so."""
    for name, member in schema.get("properties", {}).items():
        if member.get("default", ...) is None and name not in schema.get("required", []):
            member.pop("default")
