"""Every route of the app, asked of two servers at once, whose answers must be the same and tell no secret.

What is asked is made from the route table and from what the routes declare. `Asked` says what could make a route tell
something: the values of its parameters (else what the declaration allows), the ids in its address, for one that
changes something a conversation. Whatever is missing there is an error that says so: a new route, or a new parameter,
cannot be forgotten.

Contract: deterministic. Answers are compared whole, headers too, but for what says when and where in the log it was
(`VOLATILE`, moments since the archives were begun, ids of jobs and requests, cursors). A secret that stands in an
answer but not in what was asked is an error, whatever the other server says.

Not here: the archives (`embargo_corpus.py`).
"""

import contextlib
import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from pprint import pformat
from random import Random
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.routing import Route

from broadsheet.app import ALL_OPERATIONS
from search.page.article import ARTICLE
from search.parameters import SEARCH
from tests.api_server import AMPLE_MS, ApiServer, eventually
from web.parameters import Parameter

PAGES: Mapping[str, Sequence[Parameter]] = {
    "/": SEARCH,
    "/articles/{id}": ARTICLE,
    "/page.css": (),
    "/page.js": (),
    "/docs": (),
    "/docs/docs.css": (),
    "/docs/problems/{slug}": (),
    "/openapi.json": (),
    "/ops": (),
    "/ops/drawing.js": (),
    "/ops/ops.css": (),
    "/ops/ops.js": (),
}
"""Routes of the app that are no operations of the API, and what they take."""
VOLATILE = frozenset(
    (
        "after",
        "applied_seq",
        "bytes",
        "epoch",
        "indexed_through",
        "min_seq",
        "request_id",
        "seq",
        "sha256",
        "size_bytes",
        "story_id",
        *("failures", "log", "minute", "now", "slowest", "tick", "total"),
    )
)
"""Members that are counted or drawn anew. Log sequences, of which a story bears one, count what waits, too, and
larger ones take more room; so do moments that are no whole second. The last ones say how the service fares."""
FARING = frozenset({"/ops", "/v1/operations"})
"""Routes that tell what was asked before."""
_FIGURES = re.compile(
    r'<span data-figure="(?!epoch\.(?:articles|parked|segments)")[^<]*|<tbody>.*?</tbody>', re.DOTALL
)
"""Of their page, what differs anyway."""
VOLATILE_HEADERS = frozenset(
    (
        *("age", "broadsheet-epoch", "broadsheet-indexed-through", "content-length", "date", "etag", "last-modified"),
        *("repr-digest", "server-timing", "x-request-id"),
    )
)
VOLATILE_METRICS = re.compile(
    r"broadsheet_(epoch|scrubbed|http_request_duration|indexer_(applied|backlog|events|round)"
    r"|http_requests_total.*(readyz|/v1/jobs/))"
)
COMBINATIONS = 5
"""Of all parameters of a route, beside each value by itself."""
SHARES = 15
"""Of many ids each is asked with one in so many of what may be asked, in turn: all of it is asked of some."""
WALK = 4
"""Pages that are followed."""
SILENCE_S = 0.5
"""After which nothing more is expected of a stream."""

_CURSOR = re.compile(r"cursor=([\w-]+)")
_HEX = re.compile(r"\b[0-9a-f]{32}\b")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_COUNTED = re.compile(r"epoch \d+|(ttl|after|before)=\d+")

Pair = tuple[httpx2.Response, httpx2.Response]


class NotAskedError(AssertionError):
    """It is not known what to ask of a route."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked."""

    mark: str
    """How all secrets begin."""
    values: Mapping[str, Sequence[str]]
    """Of parameters, by name."""
    ids: Mapping[str, Sequence[str]]
    """By the address up to the id."""
    conversations: "Mapping[tuple[str, str], Callable[[Twins], None]]"
    """By method and address, of routes that change something, or that are asked one thing after the other."""


@dataclass
class Twins:
    """Two servers that are asked the same."""

    servers: tuple[ApiServer, ApiServer]
    mark: str
    began: datetime
    """Nothing in the archives bears an earlier date by itself."""
    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """By method, address of the route and status."""
    published: list[str] = field(default_factory=list)
    """What was secret when the test began."""
    begun: list[Pair] = field(default_factory=list)
    """Jobs that go on."""
    said: list[str] = field(default_factory=list)
    """What was asked so far."""

    def ask(
        self,
        method: str,
        route: str,
        address: str | tuple[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        known: str = "",
    ) -> Pair:
        """The answers of both, which were found to be the same.

        Args:
            method: of the request.
            route: the address of the route, as the table has it.
            address: of the request; that of each, if they differ in a cursor or the id of a job.
            headers: of the request.
            content: of the request.
            known: what whoever asks has said before.
        """
        addresses = (address, address) if isinstance(address, str) else address
        one, two = (
            server.client.request(method, each, headers=headers, content=content)
            for server, each in zip(self.servers, addresses, strict=True)
        )
        self._compare(method, route, (one, two), " ".join((*(headers or {}).values(), content.decode(), known)))
        return one, two

    def listen(self, route: str, address: str) -> None:
        """Ask for a stream, and take what comes of it at once."""
        heard = []
        for server in self.servers:
            pieces: list[bytes] = []
            stream = server.client.stream(
                "GET", address, headers={"Accept": "text/event-stream"}, timeout=httpx2.Timeout(60, read=SILENCE_S)
            )
            with stream as answer, contextlib.suppress(httpx2.ReadTimeout):
                pieces.extend(answer.iter_raw())
            told = {name: text for name, text in answer.headers.items() if name != "transfer-encoding"}
            heard.append(httpx2.Response(200, headers=told, content=b"".join(pieces), request=answer.request))
        self._compare("GET", route, (heard[0], heard[1]), "")

    def _compare(self, method: str, route: str, answers: Pair, asked: str) -> None:
        one, what = answers[0], f"{method} {answers[0].request.url}"
        self.said += (unquote_plus(what), asked)
        said = self.said if route in FARING else self.said[-2:]
        self._tells_nothing(what, one, " ".join((*said, *self.published)))
        first, second = (self._comparable(answer) for answer in answers)
        assert first == second, f"{what} {asked[:200]}\n{_differences(first, second)}"
        self.statuses[method, route, one.status_code] += 1

    def settled(self, jobs: Pair, done: Callable[[Any], bool]) -> None:
        """Wait until both jobs are so far; nobody compares how often they were asked."""
        for server, job in zip(self.servers, jobs, strict=True):
            address = job.headers["Location"]
            eventually(lambda server=server, address=address: done(server.client.get(address).json()))  # type: ignore[misc]

    def _tells_nothing(self, what: str, answer: httpx2.Response, asked: str) -> None:
        secret = re.compile(rf"{self.mark}\w*|2100-01-01", re.IGNORECASE)
        known = {word.lower() for word in secret.findall(asked)}
        text = unquote_plus(" ".join((*answer.headers.values(), answer.text)))
        text = _CURSOR.sub(lambda found: urlsafe_b64decode(found[1] + "==").decode("latin-1"), text)
        for word in {found.lower() for found in secret.findall(text)}:
            # Stems are shorter than words.
            assert any(one.startswith(word) for one in known), f"{what} tells {word}"

    def _comparable(self, answer: httpx2.Response) -> tuple[Any, ...]:
        """An answer without what differs anyway."""
        kept = {name: self._timeless(text) for name, text in answer.headers.items() if name not in VOLATILE_HEADERS}
        body: Any = self._timeless(answer.text)
        if "json" in kept.get("content-type", ""):
            lines = answer.text.splitlines() if "ndjson" in kept["content-type"] else [answer.text]
            body = [self._steady(orjson.loads(line)) for line in lines if line]
        elif kept.get("content-type", "").startswith("text/event-stream"):
            events = re.findall(r"^(event|data): (.*)$", answer.text, re.MULTILINE)
            body = [self._steady(orjson.loads(text)) if name == "data" else text for name, text in events]
            body = [one for one in body if not isinstance(one, list)]  # how things were
        elif answer.request.url.path == "/ops":
            body = _FIGURES.sub("", answer.text)
        elif answer.request.url.path == "/metrics":
            lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
            body = sorted(line for line in lines if not VOLATILE_METRICS.match(line))
        return answer.status_code, kept, body

    def _steady(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._steady(member) for name, member in value.items() if name not in VOLATILE}
        if isinstance(value, list):
            return [self._steady(member) for member in value]
        return self._timeless(value) if isinstance(value, str) else value

    def _timeless(self, text: str) -> str:
        """A text without cursors, epochs, ids of jobs and moments since the test began."""
        text = _HEX.sub("ID", _CURSOR.sub("cursor=_", _COUNTED.sub("_", text)))
        return _MOMENT.sub(lambda found: "NOW" if self._is_now(found[0]) else found[0], text)

    def _is_now(self, moment: str) -> bool:
        return self.began <= datetime.fromisoformat(moment) <= datetime.now(UTC) + timedelta(minutes=1)


def _differences(first: Any, second: Any) -> str:
    before, after = (pformat(one, width=200).splitlines() for one in (first, second))
    return "\n".join(unified_diff(before, after, "first", "second", lineterm=""))


def routes_of(app: Starlette) -> set[tuple[str, str]]:
    """Method and address of every route of an app; HEAD goes without saying."""
    found = set()
    for route in app.routes:
        assert isinstance(route, Route), f"{route}: a kind of route that nobody has thought of here"
        found |= {(method, route.path) for method in route.methods or ()}
    return {(method, path) for method, path in found if method != "HEAD"}


def check_known(app: Starlette, asked: Asked) -> None:
    """Look whether it is known what to ask of every route of `app`.

    Raises:
        NotAskedError: it is not, of one.
    """
    for method, path in sorted(routes_of(app)):
        if method == "GET":
            list(_addresses(path, asked))
            list(_queries(path, asked))
        elif (method, path) not in asked.conversations:
            raise NotAskedError(f"{method} {path} has no conversation")


def ask_all(twins: Twins, app: Starlette, asked: Asked) -> None:
    """Ask everything of every route of `app`; what changes something last, so that all others are asked the same.

    Raises:
        NotAskedError: it is not known what to ask of one.
    """
    check_known(app, asked)
    ask_reads(twins, app, asked)
    routes = sorted(routes_of(app))
    for key in routes:
        if key in asked.conversations:
            asked.conversations[key](twins)
    for method, path in routes:
        answered = {status for known, route, status in twins.statuses if (known, route) == (method, path)}
        assert answered & {200, 202}, f"{method} {path} was only refused: {answered}"


def ask_reads(twins: Twins, app: Starlette, asked: Asked) -> None:
    """Ask everything of the routes of `app` that change nothing."""
    streams = {one.path for one in ALL_OPERATIONS if one.stream}
    for path in sorted(path for method, path in routes_of(app) if method == "GET"):
        addresses, queries = list(_addresses(path, asked)), list(_queries(path, asked))
        shares = min(SHARES, len(addresses))
        for number, address in enumerate(addresses):
            if path in streams:
                twins.listen(path, address)
            for method in ("GET", "HEAD"):
                twins.ask(method, path, address)
            for headers in ({"If-None-Match": "*"}, {"If-None-Match": '"1"'}, {"If-Match": '"2"'}):
                twins.ask("GET", path, address, headers=headers)
            twins.ask("GET", path, f"{address}?{asked.mark}=1")
            for query in queries[number % shares :: shares]:
                _walk(twins, path, twins.ask("GET", path, f"{address}?{urlencode(query)}"))


def _walk(twins: Twins, path: str, answers: Pair) -> None:
    """Follow the links of a page, forwards and then back once."""
    for step in range(WALK):
        relation = "prev" if step == WALK - 1 else "next"
        links = [_link(answer, relation) for answer in answers]
        assert bool(links[0]) == bool(links[1])
        if not links[0] or not links[1]:
            return
        answers = twins.ask("GET", path, (links[0], links[1]))


def _link(answer: httpx2.Response, relation: str) -> str | None:
    """Where an answer leads, by its header or its body."""
    if url := answer.links.get(relation, {}).get("url"):
        return str(url)
    body = answer.json() if answer.headers.get("Content-Type") == "application/json" else {}
    return body.get("links", {}).get(relation) if isinstance(body, dict) else None


def _addresses(path: str, asked: Asked) -> Iterator[str]:
    before, brace, after = path.partition("{")
    if not brace:
        yield path
        return
    if before not in asked.ids:
        raise NotAskedError(f"nobody says which ids to ask at {path}")
    for one in asked.ids[before]:
        yield f"{before}{quote(one, safe='')}{after.partition('}')[2]}"


def _queries(path: str, asked: Asked) -> Iterator[list[tuple[str, str]]]:
    """Each value of a parameter by itself, and beside a query; then combinations of all."""
    declared = {one.path: one.parameters for one in ALL_OPERATIONS if one.method == "get"} | dict(PAGES)
    if path not in declared:
        raise NotAskedError(f"GET {path} is neither an operation nor among PAGES of {__name__}")
    values = {one.name: _values(path, one, asked) for one in declared[path]}
    always = [("timeout_ms", str(AMPLE_MS))] if "timeout_ms" in values else []
    for name, texts in values.items():
        for text in texts:
            yield [(name, text), *(one for one in always if one[0] != name)]
            if name != "q" and "q" in values:
                yield [("q", "storm OR budget"), (name, text), *(one for one in always if one[0] != name)]
    random = Random(path)
    for _ in range(COMBINATIONS if len(values) > 1 else 0):
        chosen = [(name, random.choice(texts)) for name, texts in values.items() if random.random() < 0.4]
        yield [one for one in chosen if one[0] not in {"cursor", "timeout_ms"}] + always


def _values(path: str, parameter: Parameter, asked: Asked) -> Sequence[str]:
    if parameter.name in asked.values:
        return asked.values[parameter.name]
    schema = parameter.schema
    match schema.get("type"):
        case "boolean":
            return "true", "false"
        case "integer":
            # What waits waits as briefly as may be.
            most = schema["minimum" if parameter.name.endswith("_s") else "maximum"]
            return [str(value) for value in dict.fromkeys((schema["minimum"], parameter.default, most))]
        case "string" if "enum" in schema:
            return schema["enum"]  # type: ignore[no-any-return]
    raise NotAskedError(f"nobody says which values of {parameter.name} to ask at {path}")
