"""The OpenAPI document against real servers: its examples are asked as they are printed, and its promises held.

The examples are a story, told in `STORY`: each is asked of a server whose archive was empty before, in turn. What a
server answers then is what the document shows, but for ids, moments and sizes, and has the headers that it names.

Not here: requests that nobody means (`tests/search/test_fuzz.py`), pages (`tests/web/test_docs_pages.py`).
"""

import json
import re
import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from broadsheet import __version__
from broadsheet.app import ALL_OPERATIONS
from indexer import examples
from indexer.log import EventLog, log_path
from tests.api_server import AMPLE_MS, ApiServer, eventually, problem_of
from tests.commands import REPOSITORY
from web.curl import ORIGIN
from web.headers import OF_ALL, OF_PROBLEMS
from web.keys import encode_keys, make_key
from web.openapi import EVENT_STREAM, Operation, document
from web.parameters import Parameter
from web.problem_types import TYPES, example_of

DOCUMENT = document(ALL_OPERATIONS, version=__version__)
OPERATIONS: Mapping[tuple[str, str], Operation] = {(one.method, one.path): one for one in ALL_OPERATIONS}
STORY = (
    *(("post", "/v1/articles:bulk"), ("get", "/v1/jobs/{id}"), ("get", "/v1/jobs/{id}/results")),
    *(("put", "/v1/articles/{id}"), ("get", "/livez"), ("get", "/readyz"), ("get", "/metrics")),
    *(("get", "/v1/search"), ("get", "/v1/articles/{id}"), ("get", "/v1/articles/{id}/similar")),
    *(("get", "/v1/articles/{id}/bibtex"), ("get", "/v1/articles/{id}/csl-json"), ("get", "/v1/suggest")),
    *(("get", "/v1/partitions"), ("get", "/v1/operations"), ("get", "/v1/changes")),
    *(("get", "/v1/articles/{id}/versions"), ("get", "/v1/parked"), ("post", "/v1/articles/{id}/retry")),
    *(("post", "/v1/exports"), ("get", "/v1/exports/{id}"), ("delete", "/v1/jobs/{id}")),
    *(("delete", "/v1/articles/{id}"), ("post", "/v1/takedowns")),
)
"""The order in which the examples were asked."""
_ALIKE = (
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    re.compile(r"/v1/jobs/[0-9a-f]{32}(/results)?|[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16}"),
    re.compile(r"/v1/search\?.*cursor=[\w-]+"),
)
"""Texts that are another time's: two that match the same are alike."""
_COUNTED = {"bytes", "size_bytes"}
_RACING = {"status": {"running", "canceled"}, "progress": None, "receipts": None, "reason": None}
"""Members that say how far an export is that is being canceled."""
_TRANSPORT = {"date", "content-length", "content-type", "transfer-encoding", "connection"}


class Told(NamedTuple):
    """What a server has answered."""

    server: ApiServer
    answers: Mapping[tuple[str, str], httpx2.Response]
    """By operation."""
    job: str
    """The id of the first one."""


def _asked(server: ApiServer, line: str, ids: Mapping[str, str]) -> httpx2.Response:
    """The answer to a line of curl, as a shell and curl would understand it."""
    words = shlex.split(line.replace("\\\n", ""))
    assert words.pop(0) == "curl"
    method, headers, address, body = "GET", [], "", ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, text = words.pop(0).partition(": ")
            headers.append((name, text))
        elif word in {"--data", "--data-binary"}:
            body = words.pop(0)
        else:
            assert word.startswith(ORIGIN)
            address = word.removeprefix(ORIGIN)
    for shown, real in ids.items():
        address = address.replace(shown, real)
    return server.client.request(method, address, headers=headers, content=body.encode() or None)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The story."""
    root = tmp_path_factory.mktemp("story")
    EventLog(log_path(root), partitions=2).close()
    answers: dict[tuple[str, str], httpx2.Response] = {}
    ids: dict[str, str] = {}
    with ApiServer(root, ready=False, indexer=True) as server:
        for method, path in STORY:
            line = DOCUMENT["paths"][path][method]["x-codeSamples"][0]["source"]
            answer = answers[method, path] = _asked(server, line, ids)
            if path == "/v1/articles:bulk":
                ids[examples.JOB_ID] = answer.json()["id"]
            if path == "/v1/exports":
                ids[examples.EXPORT_ID] = export = answer.json()["id"]
                eventually(lambda e=export: server.client.get(f"/v1/jobs/{e}").json()["status"] == "succeeded")  # type: ignore[misc]
        yield Told(server, answers, ids[examples.JOB_ID])


def test_the_document_is_openapi() -> None:
    """Version 3.1, by its own schema; all schemas in it are JSON Schemas."""
    jsonschema_rs.validator_for(OPENAPI_31).validate(DOCUMENT)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_everything_has_an_example() -> None:
    """Operations, and parameters but for cursors, which only a server can make."""
    assert set(STORY) == set(OPERATIONS), "an operation is not in the story: declare its example, and tell it here"
    without = {
        parameter["name"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for parameter in operation["parameters"]
        if "$ref" not in parameter and "example" not in parameter
    }
    assert without == {"cursor"}
    for operation in ALL_OPERATIONS:
        assert operation.tag in {tag["name"] for tag in DOCUMENT["tags"]}


def _alike(shown: Any, real: Any, where: str, *, racing: bool) -> None:
    """Whether a server's answer is the one that is shown."""
    if isinstance(shown, dict) and isinstance(real, dict):
        skipped = _RACING if racing else {}
        assert shown.keys() - skipped == real.keys() - skipped, where
        for name in shown.keys() & real.keys():
            if name in _COUNTED:
                assert isinstance(real[name], int), where
            elif name in skipped:
                assert skipped[name] is None or real[name] in (skipped[name] or ()), where
            else:
                _alike(shown[name], real[name], f"{where}.{name}", racing=racing)
    elif isinstance(shown, list) and isinstance(real, list):
        assert len(shown) == len(real), where
        for number, (one, other) in enumerate(zip(shown, real, strict=True)):
            _alike(one, other, f"{where}[{number}]", racing=racing)
    elif isinstance(shown, str) and isinstance(real, str) and any(one.fullmatch(shown) for one in _ALIKE):
        assert any(one.fullmatch(shown) and one.fullmatch(real) for one in _ALIKE), f"{where}: {real}"
    else:
        assert shown == real, where


def _alike_in_kind(shown: Any, real: Any, where: str) -> None:
    """Whether an answer has the same members, of the same kinds: its figures are another time's."""
    if shown is None or real is None:
        return  # is not known
    if isinstance(shown, dict):
        assert shown.keys() == real.keys(), where
        for name, value in shown.items():
            _alike_in_kind(value, real[name], f"{where}.{name}")
    elif isinstance(shown, list):
        for one in real if shown else []:
            _alike_in_kind(shown[0], one, f"{where}[]")
    else:
        assert isinstance(real, int | float) == isinstance(shown, int | float), where


def _values(media_type: str, text: str) -> list[Any]:
    return [json.loads(line) for line in (text.splitlines() if "ndjson" in media_type else [text])]


@pytest.mark.parametrize("key", STORY, ids=" ".join)
def test_an_example_is_answered_as_it_is_shown(told: Told, key: tuple[str, str]) -> None:
    """The line of curl as it is printed; status and body are those of the document."""
    operation, answer = OPERATIONS[key], told.answers[key]
    assert operation.example
    assert answer.status_code == operation.example.status, answer.text
    shown = operation.example.answer
    if operation.path == "/metrics":
        assert set(shown.splitlines()) <= {line.replace("(the oldest", "") for line in answer.text.splitlines()}
    elif operation.answer is None and not operation.lines:
        assert answer.text == shown
    elif operation.path == "/v1/operations":
        _alike_in_kind(shown, answer.json(), "")
    else:
        values = _values(operation.media_type, shown if isinstance(shown, str) else json.dumps(shown))
        racing = key == ("delete", "/v1/jobs/{id}")
        _alike(values, _values(operation.media_type, answer.text), operation.path, racing=racing)


def _valid(reference: dict[str, Any], value: Any) -> None:
    components = {"components": DOCUMENT["components"]}
    jsonschema_rs.validator_for({**reference, **components}).validate(value)


@pytest.mark.parametrize("key", STORY, ids=" ".join)
def test_bodies_are_of_their_schemas(told: Told, key: tuple[str, str]) -> None:
    """What is answered, and what is sent; each line, where it is NDJSON. No member is left undescribed."""
    method, path = key
    described = DOCUMENT["paths"][path][method]
    answer = told.answers[key]
    for media_type, medium in described["responses"][str(answer.status_code)]["content"].items():
        if not answer.headers["Content-Type"].startswith(media_type.partition(";")[0]):
            continue
        if reference := medium.get("x-itemSchema", medium["schema"] if "$ref" in medium["schema"] else None):
            for value in _values(media_type, answer.text):
                _valid(reference, value)
                _nothing_else(reference, value)
    for media_type, medium in described.get("requestBody", {}).get("content", {}).items():
        sent = medium["example"]
        for value in _values(media_type, sent) if isinstance(sent, str) else [sent]:
            _valid(medium.get("x-itemSchema", medium["schema"]), value)


def _nothing_else(reference: dict[str, Any], value: dict[str, Any]) -> None:
    names = [one["$ref"].rpartition("/")[2] for one in reference.get("oneOf", [reference])]
    described = set().union(*(DOCUMENT["components"]["schemas"][name]["properties"] for name in names))
    assert value.keys() <= described


@pytest.mark.parametrize("key", STORY, ids=" ".join)
def test_headers_are_those_that_are_described(told: Told, key: tuple[str, str]) -> None:
    """All that always come, and no others."""
    operation, sent = OPERATIONS[key], {name.lower() for name in told.answers[key].headers}
    described = (*operation.answered, *OF_ALL)
    assert sent - _TRANSPORT <= {one.name.lower() for one in described}
    assert {one.name.lower() for one in described if one.always} <= sent


def test_a_stream_begins_as_it_is_shown(told: Told) -> None:
    """Of each operation that has one: the same as its page, event by event."""
    for operation in ALL_OPERATIONS:
        if operation.stream:
            assert operation.example
            assert operation.example.stream
            shown = operation.example.stream.splitlines()
            with told.server.client.stream("GET", operation.path, headers={"Accept": EVENT_STREAM}) as answer:
                begun = [line for line, _ in zip(answer.iter_lines(), shown, strict=False)]
            assert begun[:2] == shown[:2]
            for one, other in zip(shown[2:3], begun[2:3], strict=True):
                _alike(json.loads(one[6:]), json.loads(other[6:]), operation.path, racing=False)
            assert begun[3:] == shown[3:]


_PARAMETERS = [
    (operation, parameter)
    for operation in ALL_OPERATIONS
    for parameter in operation.parameters
    if parameter.example is not None
]


@pytest.mark.parametrize(
    ("operation", "parameter"),
    _PARAMETERS,
    ids=[f"{one.method} {one.path} {other.name}" for one, other in _PARAMETERS],
)
def test_an_example_of_a_parameter_is_accepted(told: Told, operation: Operation, parameter: Parameter) -> None:
    """By itself, or where it needs a query, with one."""
    given = parameter.example if isinstance(parameter.example, list) else [parameter.example]
    query: list[tuple[str, str | int | float | bool | None]] = [
        (parameter.name, text if isinstance(text, str) else json.dumps(text)) for text in given
    ]
    if parameter.name in {"recency", "half_life"}:
        query.append(("q", "harbour"))
    if any(one.name == "timeout_ms" for one in operation.parameters) and parameter.name != "timeout_ms":
        query.append(("timeout_ms", str(AMPLE_MS)))
    article = f"gone-{parameter.name}" if operation.method == "delete" else "2024-0001"
    if operation.method == "delete":
        assert told.server.client.put(f"/v1/articles/{article}", json={"title": "Here"}).status_code in {200, 202}
    path = operation.path.replace("{id}", told.job if "/jobs/" in operation.path else article)
    if operation.path.startswith("/v1/exports/"):
        path = f"/v1/exports/{told.server.client.post('/v1/exports').json()['id']}"
        eventually(lambda: told.server.client.get(path).status_code == 200)
    assert operation.example
    body = operation.example.body
    content = body if isinstance(body, str) or body is None else json.dumps(body)
    headers = {"Content-Type": operation.accepts} if operation.accepts else {}
    answer = told.server.client.request(
        operation.method.upper(), path, params=query, headers=headers, content=content
    )
    assert answer.status_code in {200, 202}, answer.text


_HEADERS = [(one, header) for one in ALL_OPERATIONS for header in one.headers if header.name != "If-Match"]


@pytest.mark.parametrize(
    ("operation", "header"), _HEADERS, ids=[f"{one.method} {one.path} {other.name}" for one, other in _HEADERS]
)
def test_a_header_is_heeded(told: Told, operation: Operation, header: Any) -> None:
    """What each is for is seen: once, only if new, from there on, only these bytes; `If-Match` is in the story."""
    ask, name = told.server.client.request, f"headers-{operation.method}-{len(operation.path)}"
    if header.name == "Idempotency-Key":
        assert operation.example
        body = operation.example.body
        content = body if isinstance(body, str) or body is None else json.dumps(body)
        path = operation.path.replace("{id}", name)
        for prepared in (
            [path.removesuffix("/retry")] if "{id}" in operation.path and operation.method != "put" else []
        ):
            assert ask("PUT", prepared, json={"title": "Here"}).status_code in {200, 202}
        headers = {"Content-Type": operation.accepts or "", header.name: header.example + name}
        jobs = [ask(operation.method.upper(), path, headers=headers, content=content).json() for _ in range(2)]
        assert jobs[0]["id"] == jobs[1]["id"]
    elif header.name == "If-None-Match":
        path = f"/v1/articles/{name}-new"
        first, second = (ask("PUT", path, json={"title": "New"}, headers={header.name: "*"}) for _ in range(2))
        assert first.status_code in {200, 202}
        problem_of(second, 412, "version-conflict")
    elif header.name == "Last-Event-ID":
        headers = {"Accept": "text/event-stream", header.name: header.example}
        with told.server.client.stream("GET", operation.path, headers=headers) as answer:
            assert next(answer.iter_lines()) == f"id: {int(header.example) + 1}"
    else:
        assert header.name == "Range"
        export = ask("POST", "/v1/exports").json()["id"]
        path = f"/v1/exports/{export}"
        eventually(lambda: ask("GET", path).status_code == 200)
        answer = ask("GET", path, headers={header.name: header.example})
        assert (answer.status_code, len(answer.content)) == (206, 100)


def test_who_has_an_answer_is_told_so(told: Told) -> None:
    """`If-None-Match`, of each operation that documents it."""
    for operation in ALL_OPERATIONS:
        if operation.conditional:
            path = operation.path.replace("{id}", "2024-0001")
            first = told.server.client.get(path)
            again = told.server.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert "304" in DOCUMENT["paths"][operation.path]["get"]["responses"]


ELSEWHERE = {
    "body-too-slow": ("tests/web/test_bodies.py", "nothing must come for half a minute"),
    "cursor-expired": ("tests/search/test_http_cursors.py", "an epoch must be given up"),
    "internal": ("tests/web/test_edge.py", "the service must be broken"),
    "log-unusable": ("tests/broadsheet/test_full_disk.py", "the disk must be full"),
    "overloaded": ("tests/search/test_faults.py", "all places must be taken"),
    "partial-results": ("tests/search/test_damage.py", "a partition must be damaged"),
    "timeout": ("tests/search/test_http_parameters.py", "a search must be late"),
}
"""Problems that no plain request to a sound service provokes: where they are, and what it takes."""
_ARTICLE = "/v1/articles/2024-0001"
_NDJSON = {"Content-Type": "text/csv"}
PROVOKED: Mapping[str, Sequence[tuple[str, str, Mapping[str, str], str]]] = {
    "parameter-invalid": [("GET", "/v1/search?limit=1000", {}, "")],
    "query-invalid": [("GET", "/v1/search?strict=true&q=harbour%22", {}, "")],
    "cursor-invalid": [("GET", "/v1/search?cursor=abc", {}, "")],
    "cursor-mismatch": [("GET", "/v1/search?q=harbour&limit=1", {}, ""), ("GET", "NEXT", {}, "")],
    "forbidden": [("DELETE", _ARTICLE, {"Origin": "https://elsewhere.example"}, "")],
    "article-invalid": [("PUT", _ARTICLE, {}, "{}")],
    "body-invalid": [("PUT", _ARTICLE, {}, "{")],
    "body-too-large": [("PUT", _ARTICLE, {}, " " * ((1 << 20) + 1))],
    "media-type-unsupported": [("POST", "/v1/articles:bulk", _NDJSON, "")],
    "version-conflict": [("DELETE", _ARTICLE, {"If-Match": '"999"'}, "")],
    "article-taken-down": [("GET", "/v1/articles/2024-0003", {}, "")],
    "job-not-found": [("GET", f"/v1/jobs/{examples.JOB_ID}", {}, "")],
    "job-not-cancelable": [("DELETE", "JOB", {}, "")],
    "idempotency-mismatch": [
        ("PUT", _ARTICLE, {"Idempotency-Key": "twice"}, '{"title": "One"}'),
        ("PUT", _ARTICLE, {"Idempotency-Key": "twice"}, '{"title": "Other"}'),
    ],
    "not-found": [("GET", "/v1/searches", {}, "")],
    "article-not-found": [("GET", "/v1/articles/2024-9999", {}, "")],
    "method-not-allowed": [("POST", "/v1/search", {}, "")],
    "uri-too-long": [("GET", f"/v1/search?q={'x' * 9000}", {}, "")],
    "not-indexed-yet": [("GET", "/v1/search?min_seq=9000000&timeout_ms=1", {}, "")],
}
"""Requests, of which the last is refused so."""


def test_every_problem_is_provoked_somewhere() -> None:
    """Here, or where its file says so."""
    assert {*PROVOKED, *ELSEWHERE, "not-ready", "unauthorized", "idempotency-busy"} == set(TYPES)
    for slug, (path, _reason) in ELSEWHERE.items():
        assert slug in (REPOSITORY / path).read_text(encoding="utf-8"), f"{path} provokes no {slug}"


@pytest.mark.parametrize("slug", PROVOKED)
def test_a_problem_is_answered_as_it_is_shown(told: Told, slug: str) -> None:
    """The example on its page is what the server says; headers are those that are described."""
    eventually(lambda: told.server.client.get("/v1/articles/2024-0003").status_code == 410)
    answer = None
    for method, target, headers, body in PROVOKED[slug]:
        address = target.replace("JOB", f"/v1/jobs/{told.job}")
        if target == "NEXT":
            assert answer
            address = answer.json()["page"]["next"].replace("q=harbour", "q=ferry")
        answer = told.server.client.request(method, address, headers=headers, content=body.encode() or None)
    assert answer
    _refused_as_shown(slug, answer, told.job)


def _refused_as_shown(slug: str, answer: httpx2.Response, job: str = "") -> None:
    shown = example_of(slug)
    real = problem_of(answer, shown["status"], slug)
    real["instance"] = real["instance"].replace(job or "-", examples.JOB_ID)
    seqs = re.compile(r"\b\d{1,2} is$")
    for body in (shown, real):
        body["detail"] = seqs.sub("N is", body["detail"])
    _alike(shown, real, slug, racing=False)
    assert {name.lower() for name in answer.headers} - _TRANSPORT <= {one.name.lower() for one in OF_PROBLEMS}


def test_a_request_that_is_under_way_already(told: Told) -> None:
    """Sent again while its body still comes, it is refused, as its page says."""
    lines = "".join(json.dumps({"id": f"busy-{number}", "title": "Here"}) + "\n" for number in range(1000)).encode()
    head = "POST /v1/articles:bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    head += f"Idempotency-Key: busy\r\nContent-Length: {len(lines) + 1}\r\n\r\n"
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "busy"}
    with socket.create_connection(("127.0.0.1", told.server.port)) as connection:
        connection.sendall(head.encode() + lines)
        eventually(lambda: told.server.client.get("/v1/articles/busy-0").status_code == 200)
        answer = told.server.client.post("/v1/articles:bulk", headers=headers, content=lines)
        _refused_as_shown("idempotency-busy", answer)


def test_problems_of_a_server_with_keys_and_without_an_archive(tmp_path: Path) -> None:
    """They look as on their pages, too."""
    key, _text = make_key("somebody", "read", created_at=datetime.now(UTC))
    (tmp_path / "keys").write_bytes(encode_keys([key]))
    with ApiServer(tmp_path, ready=False) as server:
        _refused_as_shown("not-ready", server.client.get("/v1/search"))
        bad = {"Authorization": "Bearer bs_3f9c01ab_none"}
        _refused_as_shown("unauthorized", server.client.get("/v1/search", headers=bad))


def test_problems_of_an_operation_are_those_it_answers() -> None:
    """What was provoked above is documented by the operation that answered it."""
    for slug, requests in PROVOKED.items():
        method, target = requests[-1][0].lower(), requests[-1][1].partition("?")[0]
        path = re.sub(r"(/v1/(articles|jobs)/)[^/]+", r"\1{id}", target.replace("JOB", "/v1/jobs/x"))
        path = path.replace("NEXT", "/v1/search")
        if (method, path) not in OPERATIONS:
            assert slug in {"not-found", "method-not-allowed"}
            continue
        answers = DOCUMENT["paths"][path][method]["responses"].values()
        named = {
            name
            for one in answers
            for medium in one.get("content", {}).values()
            for name in medium.get("examples", {})
        }
        assert slug in named, f"{method} {path} does not name {slug}"
