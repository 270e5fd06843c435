"""What waits for the end of its embargo is nowhere to be seen before, and everywhere soon after."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broadsheet.app import create_app
from broadsheet.settings import resolve
from indexer.feeds.sink import article_id_of
from indexer.log import EventLog, log_path
from partition.manifest import Layout
from partition.reader import PartitionReader
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics
from search.parameters import FIELDS, SEARCH
from tests import commands
from tests.api_server import ApiServer, eventually
from tests.archive import copied, publish
from tests.broadsheet.embargo_corpus import (
    EVERYWHERE,
    MARK,
    NDJSON,
    PARTITIONS,
    UNTIL,
    Record,
    article_ids,
    make,
    records,
)
from tests.broadsheet.route_asking import Asked, NotAskedError, Twins, ask_all, ask_reads, check_known
from tests.small_index import contents, newest

pytestmark = pytest.mark.timeout(900)

_FACETS = next(one for one in SEARCH if one.name == "facets").schema["pattern"].split("(")[1].split(")")[0]
_SECRET = f"{MARK}ba"
"""How the words of one article begin."""


class Archives(NamedTuple):
    """The two, and the feed that both followed."""

    held: Path
    twin: Path
    late: Path
    """A copy of the first, in which what waits comes to its end."""
    feed: Path
    began: datetime


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """One that got everything, and its twin that never got what waits."""
    folder = tmp_path_factory.mktemp("embargo")
    made = Archives(folder / "held", folder / "twin", folder / "late", folder / "feed.json", datetime.now(UTC))
    make(made.held, made.feed, secrets=True)
    make(made.twin, made.feed, secrets=False)
    copied(made.held, made.late)
    return made


def _what_to_ask(archives: Archives) -> Asked:
    secret_ids = article_ids(archives.feed, secret=True)
    corrected = article_ids(archives.feed, secret=True, new=False)
    opened = article_ids(archives.feed, secret=False)
    every = (*secret_ids, *corrected, *opened[::9], "nobody")
    words = [
        f"{_SECRET}{name}" for name in ("title", "body", "summary", "author", "source", "section", "tag", "note")
    ]
    filters = {
        name: (f"{_SECRET}{name}", f"!{_SECRET}{name}", *others)
        for name, others in {
            "section": ("Politics", f"{MARK}bcsection"),
            "source": ("Wire",),
            "author": ("Ann Storm", f"Ann {_SECRET}author"),
            "tag": ("veterans",),
            "language": ("en",),
        }.items()
    }
    return Asked(
        mark=MARK,
        values={
            "q": (
                *("", "storm", "budget", "storm OR budget OR election", "bud*", '"health care"', "title:storm"),
                *(*words, EVERYWHERE, f"{EVERYWHERE} OR storm", f"storm -{EVERYWHERE}", f"NOT {EVERYWHERE}"),
                *(f"{MARK}*", f"{MARK}b*", f"{MARK}?atitle", f"*{_SECRET[1:]}title", "z*title", f"{_SECRET}titel~"),
                *(f"title:{_SECRET}title", f"body:{_SECRET}body", f"author:{_SECRET}author", f"author:{MARK}*"),
                *(f'"storm {_SECRET}title"', f'"{_SECRET}body {EVERYWHERE}"', f"{_SECRET}title^9 storm", "*:*"),
            ),
            **filters,
            "from": ("1999-09-09", "2000-01-01", "2090-01-01"),
            "to": ("1999-12-31", "2005-01-01", UNTIL),
            "half_life": ("7d",),
            "limit": ("1", "7", "100"),
            "cursor": ("", "forged"),
            "fields": (",".join(FIELDS), "id", "score"),
            "facets": (_FACETS.replace("|", ","), "section,year", "author", "tag,language,source"),
            "timeout_ms": ("20000",),
            "explain_id": (*secret_ids[::4], corrected[0], opened[0], "nobody"),
            "min_seq": ("0", "1"),
        },
        ids={
            "/v1/articles/": every,
            "/articles/": every,
            # A job is known to whoever sent it: others would have to guess ten bytes, and no beginning will do.
            "/v1/exports/": (32 * "0", 32 * "f"),
            "/v1/jobs/": (32 * "0", 32 * "f", f"{time.time_ns() // 1_000_000:012x}", "01", *secret_ids[:1]),
            "/docs/problems/": ("article-not-found", "nothing"),
        },
        conversations={
            ("PUT", "/v1/articles/{id}"): lambda twins: _put(twins, secret_ids, corrected),
            ("DELETE", "/v1/articles/{id}"): lambda twins: _delete(twins, secret_ids, corrected, opened),
            ("POST", "/v1/articles:bulk"): lambda twins: _bulk(twins, corrected),
            ("POST", "/v1/articles/{id}/retry"): lambda twins: _retry(twins, secret_ids, corrected),
            ("POST", "/v1/exports"): _export,
            ("DELETE", "/v1/jobs/{id}"): _cancel,
            ("POST", "/v1/takedowns"): lambda twins: _take_down(twins, secret_ids[1]),
        },
    )


_ARTICLE, _BULK = "/v1/articles/{id}", "/v1/articles:bulk"


def _address(article_id: str) -> str:
    return f"/v1/articles/{quote(article_id, safe='')}"


def _put(twins: Twins, secret_ids: list[str], corrected: list[str]) -> None:
    """Writers who know nothing of what waits, and find out nothing by what is refused or done."""
    body = orjson.dumps({"title": "Somebody else's"})
    refused = (
        *(
            (secret_ids[0], {"If-Match": '"1"'}),
            (secret_ids[0], {"If-Match": '"2"'}),
            ("nobody", {"If-Match": '"1"'}),
        ),
        *((corrected[0], {"If-Match": '"2"'}), (corrected[0], {"If-None-Match": "*"})),
    )
    for article_id, headers in refused:
        twins.ask("PUT", _ARTICLE, _address(article_id), headers=headers, content=body)
        for broken in (b"{", b"{}", b'{"title": 5}', b'{"title": "t", "embargoed_until": "soon"}'):
            twins.ask("PUT", _ARTICLE, _address(article_id), content=broken)
    # Whoever puts what is shown once more changes nothing, though what waits is taken back by that.
    (shown,) = (one.fields for one in records() if not one.secret and one.fields["id"] == corrected[7])
    _job(twins, twins.ask("PUT", _ARTICLE, _address(corrected[7]), content=orjson.dumps(shown)))
    # Whoever takes the id of what waits, or waited once, or corrects what is to be corrected, has the next number.
    for article_id in _taken(secret_ids):
        done = twins.ask("PUT", _ARTICLE, _address(article_id), headers={"If-None-Match": "*"}, content=body)
        _job(twins, done, known=article_id)
        twins.published.append(article_id)
    _job(twins, twins.ask("PUT", _ARTICLE, _address(corrected[0]), headers={"If-Match": '"1"'}, content=body))


def _taken(secret_ids: list[str]) -> list[str]:
    """Ids of which one waits, and the others were taken back."""
    return [secret_ids[0], *(record.fields["id"] for record in records() if "status" in record.fields)]


def _bulk(twins: Twins, corrected: list[str]) -> None:
    lines = [{"id": "more/1", "title": "More"}, {"id": corrected[1], "title": "Corrected"}, {"id": "broken"}]
    body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    _job(twins, twins.ask("POST", _BULK, _BULK, headers=NDJSON, content=body))
    twins.ask("POST", _BULK, _BULK, headers={"Content-Type": "text/csv"}, content=body)


def _delete(twins: Twins, secret_ids: list[str], corrected: list[str], opened: list[str]) -> None:
    for article_id in (secret_ids[0], corrected[0]):
        twins.ask("DELETE", _ARTICLE, _address(article_id), headers={"If-Match": '"2"'})
    twins.ask("DELETE", _ARTICLE, _address("nobody"))
    _job(twins, twins.ask("DELETE", _ARTICLE, _address(opened[-1])))


def _retry(twins: Twins, secret_ids: list[str], corrected: list[str]) -> None:
    route = "/v1/articles/{id}/retry"
    for article_id in (secret_ids[0], "nobody"):
        twins.ask("POST", route, f"{_address(article_id)}/retry")
    for headers in ({"If-Match": '"2"'}, {"If-Match": '"1"'}):
        done = twins.ask("POST", route, f"{_address(corrected[2])}/retry", headers=headers)
    _job(twins, done)


def _export(twins: Twins) -> None:
    for query in ("", f"?q=storm+OR+{EVERYWHERE}", f"?section={_SECRET}section"):
        jobs = twins.ask("POST", "/v1/exports", f"/v1/exports{query}")
        twins.settled(jobs, lambda job: job["status"] == "succeeded")
        _job(twins, jobs, known=query)
        addresses = [f"/v1/exports/{job.json()['id']}" for job in jobs]
        twins.ask("GET", "/v1/exports/{id}", (addresses[0], addresses[1]))


def _cancel(twins: Twins) -> None:
    route = "/v1/jobs/{id}"
    for job in (32 * "0", "nothing"):
        twins.ask("DELETE", route, f"/v1/jobs/{job}")
    exports = twins.ask("POST", "/v1/exports", f"/v1/exports?q={EVERYWHERE}")
    twins.settled(exports, lambda job: job["status"] == "succeeded")
    for server, begun in zip(twins.servers, exports, strict=True):
        server.client.delete(begun.headers["Location"])  # the answer says how far that is
    twins.settled(exports, lambda job: job["status"] == "canceled")
    addresses = [begun.headers["Location"] for begun in exports]
    twins.ask("DELETE", route, (addresses[0], addresses[1]))
    _job(twins, exports)


def _take_down(twins: Twins, secret_id: str) -> None:
    """Nobody else may learn by it that there was something."""
    for body in (b"{", b"{}", orjson.dumps({"id": ""})):
        twins.ask("POST", "/v1/takedowns", "/v1/takedowns", content=body)
    body = orjson.dumps({"id": secret_id, "reason": "court"})
    twins.begun.append(twins.ask("POST", "/v1/takedowns", "/v1/takedowns", content=body))


def _job(twins: Twins, answers: Any, known: str = "") -> None:
    """The job of a write, and what became of its lines."""
    links = [answer.json()["links"] for answer in answers]
    for route, name in (("/v1/jobs/{id}", "self"), ("/v1/jobs/{id}/results", "results")):
        twins.ask("GET", route, (links[0][name], links[1][name]), known=known)


def _app() -> Any:
    return create_app(resolve({}).settings)


def test_no_route_tells_what_waits(archives: Archives) -> None:
    """Whatever is asked, the answers are those of an archive that has never got it."""
    with ApiServer(archives.held) as held, ApiServer(archives.twin) as twin:
        twins, asked, app = Twins((held, twin), MARK, archives.began), _what_to_ask(archives), _app()
        ask_all(twins, app, asked)
        assert sum(twins.statuses.values()) > 1000, "each is asked much"
        # What was written on the way is published, and told of both archives in the same way.
        for root, server in ((archives.held, held), (archives.twin, twin)):
            epoch = publish(root, (), partitions=PARTITIONS)
            _until_ready(server, epoch)
        for jobs in twins.begun:  # as far as they come while nobody indexes
            twins.settled(jobs, lambda job: "bodies" in {one["step"] for one in job["receipts"]})
        for article_id in twins.published:
            assert twins.ask("GET", _ARTICLE, _address(article_id))[0].json()["version"] == 1
        fewer = {before: ids[::3] for before, ids in asked.ids.items()}
        ask_reads(twins, app, replace(asked, values={**asked.values, "q": ("storm", f"{MARK}*")}, ids=fewer))
        assert MARK not in held.log().lower(), "nor is it logged"


def _until_ready(server: ApiServer, epoch: int) -> None:
    """Until it has opened this epoch; probes are not compared."""
    eventually(lambda: server.client.get("/readyz").text == f"ready: epoch {epoch}\n")


def test_no_file_of_the_index_holds_what_waits(archives: Archives) -> None:
    """Articles, terms, values and statistics are those of the twin: what waits is in the log only."""
    with EventLog(log_path(archives.held)) as log:
        (waiting,) = log._db.execute("SELECT count(*) FROM article WHERE held_seq IS NOT NULL").fetchone()
    assert waiting >= 20
    held, twin = contents(archives.held), contents(archives.twin)
    assert held.keys() == twin.keys()
    for article_id, stored in held.items():
        assert {**stored, "indexed_ms": 0} == {**twin[article_id], "indexed_ms": 0}
    assert list(_terms(archives.held)) == list(_terms(archives.twin))
    assert _frozen(archives.held) == _frozen(archives.twin)


def _terms(root: Path) -> Iterator[tuple[str, ...]]:
    """All terms and values of the newest epoch."""
    for partition, record in enumerate(newest(root).partitions):
        for segment in PartitionReader(Layout(root).partition(partition), record).segments:
            for name in (*TEXT_FIELDS, "section", "source", "tag", "author_name", "language"):
                yield name, *(segment.key(term).decode() for term in segment.terms_with_prefix(name, ""))


def _frozen(root: Path) -> list[Any]:
    """What scores are computed from."""
    found = []
    for one in newest(root).statistics:
        statistics = Statistics(Layout(root).statistics / one.file.name)
        for name in TEXT_FIELDS:
            counts = statistics.counts(name)
            starts = [0, *counts.ends.tolist()]
            terms = [counts.keys[start:end].tobytes().decode() for start, end in pairwise(starts)]
            found.append(
                (name, statistics.average_length(name), [(term, statistics.df(name, term)) for term in terms])
            )
    return found


@pytest.mark.parametrize("command", [("info",), ("check",), ("search", f"storm OR {EVERYWHERE}", "--json")])
def test_no_command_tells_what_waits(archives: Archives, command: tuple[str, ...]) -> None:
    """But for what log sequences tell, they say the same of both archives."""
    said = []
    for root in (archives.held, archives.twin):
        done = commands.run(*command, "--data", root)
        assert done.returncode == 0
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "NOW", done.stdout.replace(str(root), "ROOT"))
        said.append(re.sub(r"epoch \d+|applied through [\d,]+|[\d,]+ bytes|cursor=[\w.-]+", "_", text))
    assert said[0] == said[1]
    assert MARK not in said[0].replace(EVERYWHERE, "").lower()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/all"), ("GET", "/all/{id}"), ("POST", "/v1/all"), ("PATCH", _ARTICLE), ("PUT", "/")],
)
def test_a_route_that_nobody_asks_is_found_out(method: str, path: str) -> None:
    """One that is added later makes the test above fail."""

    async def tell(_request: Request) -> Response:
        raise NotImplementedError

    app, asked = _app(), _what_to_ask(Archives(*4 * (Path(),), datetime.now(UTC)))
    check_known(app, asked)
    app.routes.append(Route(path, tell, methods=[method]))
    with pytest.raises(NotAskedError, match=re.escape(path)):
        check_known(app, asked)


def test_a_parameter_that_nobody_knows_is_found_out() -> None:
    """Nobody forgets what a new one could tell; what its declaration allows need not be said."""
    asked = _what_to_ask(Archives(*4 * (Path(),), datetime.now(UTC)))
    check_known(_app(), asked)
    for name in asked.values:
        fewer = replace(asked, values={known: texts for known, texts in asked.values.items() if known != name})
        if name in {"limit", "min_seq", "timeout_ms"}:
            check_known(_app(), fewer)
        else:
            with pytest.raises(NotAskedError, match=f"which values of {name} to ask at /"):
                check_known(_app(), fewer)
    for known in asked.ids:
        with pytest.raises(NotAskedError, match=f"which ids to ask at {known}"):
            check_known(_app(), replace(asked, ids={one: ids for one, ids in asked.ids.items() if one != known}))


def test_it_is_visible_soon_after(archives: Archives) -> None:
    """All of it, on a running server with its indexer; and nothing of it a moment before."""
    everything = {"q": EVERYWHERE, "limit": 100, "fields": "id"}
    with ApiServer(archives.late, indexer=True, builders=1) as server:
        assert server.page(everything)["total"]["value"] == 0
        # Moved to a moment that is near: versions that wait are replaced by versions that wait.
        until_s = time.time() + 4
        rows = [
            {**record.fields, "id": article_id, "embargoed_until": datetime.fromtimestamp(until_s, UTC).isoformat()}
            for record, article_id in _secret(archives.feed)
        ]
        body = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        job = server.client.post("/v1/articles:bulk?wait=searchable", headers=NDJSON, content=body).json()
        results = [orjson.loads(line) for line in server.client.get(job["links"]["results"]).content.splitlines()]
        assert {one["status"] for one in results} == {"held"}
        looks: list[tuple[float, int, float]] = []
        while not looks or looks[-1][1] < len(rows):
            began_s = time.time()
            looks.append((began_s, server.page(everything)["total"]["value"], time.time()))
            assert began_s < until_s + 20
            time.sleep(0.01)
        assert [found for _, found, ended_s in looks if ended_s <= until_s][-1] == 0, "somebody looked before"
        assert all(found == 0 for _, found, ended_s in looks if ended_s <= until_s)
        late_s = looks[-1][2] - until_s
        assert set(server.ids(everything)) == {row["id"] for row in rows}
        for row in rows:
            shown = server.client.get(_address(row["id"])).json()
            assert (shown["title"], shown["body"]) == (row["title"], row["body"])
            assert server.page({"q": f"title:{row['title'].split()[-1]}"})["total"]["value"] == 1
        facets = server.page({"q": EVERYWHERE, "facets": "section"})["facets"]["section"]
        assert sum(one["count"] for one in facets["values"]) + facets["other"]["count"] == len(rows)
    # Within a second where nothing else runs (`benchmarks.live`); here other tests do.
    assert late_s <= 5.0


def _secret(feed: Path) -> Iterator[tuple[Record, str]]:
    """What waits, with the ids under which the archive knows it."""
    for record in records():
        if "embargoed_until" in record.fields:
            name = record.fields["id"]
            yield record, article_id_of(str(feed), name) if record.intake == "feed" else name
