"""What the client asks again, and when: a server that answers as it is told, and a clock that is put."""

import asyncio
import itertools
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256

import pytest

from broadsheet.client import (
    AnswerError,
    AsyncClient,
    ChecksumError,
    Client,
    ConflictError,
    CursorExpiredError,
    ExportPart,
    InvalidError,
    JobFailedError,
    ProblemError,
    Retry,
    UnavailableError,
    UnreachableError,
)
from tests.api_server import free_port
from tests.broadsheet.scripted_server import SILENT, ScriptedServer, answer, problem

PARTITIONS = answer(
    200,
    {
        "epoch": 7,
        "published_at": "2026-11-30T18:00:00Z",
        "articles": 3,
        "statistics_epoch": 7,
        "applied_seq": 3,
        "routing_version": 1,
        "data": [],
    },
)
JOB = {
    "id": "0a",
    "kind": "put",
    "status": "succeeded",
    "progress": {"done": 1, "total": 1, "failed": 0},
    "created_at": "2026-11-30T18:00:00Z",
    "min_seq": 1,
    "links": {"self": "/v1/jobs/0a", "results": "/v1/jobs/0a/results"},
}


class Clock:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        """What time it is, in seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.pauses.append(seconds)
        self.now_s += seconds

    async def asleep(self, seconds: float) -> None:
        """Let the time pass, awaited."""
        self.sleep(seconds)


@pytest.fixture
def clock() -> Clock:
    """A clock at 0."""
    return Clock()


def _client(server: ScriptedServer, clock: Clock, retry: Retry | None = None) -> Client:
    return Client(server.url, retry=retry or Retry(), sleep=clock.sleep, clock=clock, key="bs_secret")


def _asked_for_epoch(server: ScriptedServer, clock: Clock, retry: Retry | None = None) -> int:
    with _client(server, clock, retry) as client:
        return client.partitions().epoch


def _awaited_epoch(server: ScriptedServer, clock: Clock, retry: Retry | None = None) -> int:
    async def ask() -> int:
        async with AsyncClient(
            server.url, retry=retry or Retry(), sleep=clock.asleep, clock=clock, key="bs_secret"
        ) as client:
            return (await client.partitions()).epoch

    return asyncio.run(ask())


Asking = Callable[..., int]
BOTH = pytest.mark.parametrize("ask", [_asked_for_epoch, _awaited_epoch])


@BOTH
def test_it_waits_as_long_as_it_is_told(clock: Clock, ask: Asking) -> None:
    """`Retry-After` in seconds, exactly, of 429 and of 503."""
    script = (
        problem("overloaded", Retry_After="7"),
        answer(429, b"slow down", "text/plain", Retry_After="3"),
        PARTITIONS,
    )
    with ScriptedServer(*script) as server:
        assert ask(server, clock) == 7
        assert clock.pauses == [7.0, 3.0]
        assert server.targets() == ["/v1/partitions"] * 3


def test_dates_are_counted_from_the_date_of_the_answer(clock: Clock) -> None:
    """`Retry-After` as a date, whatever the clock of this machine says; a date that has gone is at once."""
    then = datetime(1999, 12, 31, 23, 59, 30, tzinfo=UTC)
    date = format_datetime(then, usegmt=True)
    later = format_datetime(then + timedelta(seconds=40), usegmt=True)
    before = format_datetime(then - timedelta(seconds=40), usegmt=True)
    script = (
        problem("overloaded", Retry_After=later, Date=date),
        problem("overloaded", Retry_After=before, Date=date),
    )
    with ScriptedServer(*script, PARTITIONS) as server:
        assert _asked_for_epoch(server, clock) == 7
        assert clock.pauses == [40.0, 0.0]


@BOTH
def test_connections_that_break_are_asked_again(clock: Clock, ask: Asking) -> None:
    """No answer at all, half of a head, half of a body; pauses are random, below bounds that double."""
    broken = (b"", b"HTTP/1.1 200 OK\r\nContent-", PARTITIONS[:-20], answer(502, b"bad", "text/html"))
    with ScriptedServer(*broken, PARTITIONS) as server:
        assert ask(server, clock, Retry(base_s=1, cap_s=3)) == 7
        assert all(0 <= pause <= bound for pause, bound in zip(clock.pauses, (1, 2, 3, 3), strict=True))


def test_pauses_are_drawn_anew(clock: Clock) -> None:
    """Callers that failed together do not come back together."""
    with ScriptedServer() as server, pytest.raises(UnreachableError):
        _asked_for_epoch(server, clock, Retry(attempts=9, base_s=1, cap_s=1, patience_s=60))
    assert len(set(clock.pauses)) == len(clock.pauses) == 8


def test_attempts_are_counted(clock: Clock) -> None:
    """The last refusal is raised, after as many attempts as were allowed."""
    with ScriptedServer(*[problem("overloaded", Retry_After="1")] * 9) as server:
        with pytest.raises(UnavailableError) as refused:
            _asked_for_epoch(server, clock, Retry(attempts=4))
        assert (refused.value.slug, refused.value.retry_after_s, len(server.asked)) == ("overloaded", 1.0, 4)


def test_patience_ends(clock: Clock) -> None:
    """What would wait for longer than the patience is raised at once, without waiting first."""
    with ScriptedServer(problem("overloaded", Retry_After="50"), problem("overloaded", Retry_After="11")) as server:
        with pytest.raises(UnavailableError):
            _asked_for_epoch(server, clock, Retry(patience_s=60))
        assert clock.pauses == [50.0]


def test_nobody_there(clock: Clock) -> None:
    """An address at which nobody listens: after all attempts an error that names it, and not the key."""
    client = Client(
        f"http://127.0.0.1:{free_port()}", key="bs_secret", retry=Retry(attempts=3), sleep=clock.sleep, clock=clock
    )
    with client, pytest.raises(UnreachableError, match=r"http://127.0.0.1:\d+: no whole answer \(ConnectError") as no:
        client.partitions()
    assert "bs_secret" not in str(no.value) + repr(client)
    assert len(clock.pauses) == 2


def test_a_silent_server_costs_the_timeout(clock: Clock) -> None:
    """An attempt has a time limit of its own: an answer that does not come, or on, is asked for again."""
    with ScriptedServer(SILENT, PARTITIONS[:-9] + SILENT, PARTITIONS) as server:
        with Client(server.url, timeout_s=0.2, sleep=clock.sleep, clock=clock) as client:
            assert client.partitions().epoch == 7
        assert len(server.asked) == 3


def test_what_drips_is_given_up() -> None:
    """Each piece comes in time, the whole does not."""
    with ScriptedServer(PARTITIONS) as server:
        ticks = itertools.chain([0.0, 0.0], itertools.repeat(1000.0))
        client = Client(server.url, retry=Retry(attempts=1), clock=lambda: next(ticks))
        with client, pytest.raises(UnreachableError, match="did not come to its end in time"):
            client.partitions()


@pytest.mark.parametrize("slug", ["parameter-invalid", "query-invalid", "not-found", "forbidden", "internal"])
def test_what_will_not_pass_is_not_asked_again(clock: Clock, slug: str) -> None:
    """One request, and no pause."""
    with ScriptedServer(problem(slug)) as server:
        with pytest.raises(ProblemError) as refused:
            _asked_for_epoch(server, clock)
        assert (refused.value.slug, len(server.asked), clock.pauses) == (slug, 1, [])


def test_a_cursor_that_always_expires_ends_the_walk(clock: Clock) -> None:
    """However often a link leads on to the next refusal."""
    away = problem("cursor-expired", members={"links": {"resume": "/v1/search?cursor=b"}})
    with ScriptedServer(*[away] * 9) as server, _client(server, clock, Retry(attempts=4)) as client:
        with pytest.raises(CursorExpiredError):
            list(client.search_all("a", resume=True))
        assert len(server.asked) == 4
        with pytest.raises(CursorExpiredError) as expired:
            list(client.search_all("a"))
        assert (len(server.asked), expired.value.resume) == (5, "/v1/search?cursor=b")


def test_writes_are_asked_again_under_their_key(clock: Clock) -> None:
    """PUT, DELETE, retries and exports: each call repeats a key of its own; a key given is sent as it is."""
    busy, done = problem("idempotency-busy"), answer(200, JOB)
    with ScriptedServer(*[b"", busy, done] * 4, done) as server, _client(server, clock) as client:
        client.put_article("a", {"title": "A"})
        client.delete_article("a")
        client.retry_article("a")
        client.start_export("a")
        client.put_article("a", {"title": "A"}, key="mine", version=0)
    keys = [one.headers["idempotency-key"] for one in server.asked]
    assert [len(set(keys[at : at + 3])) for at in range(0, 12, 3)] == [1] * 4
    assert len(set(keys)) == 5
    assert keys[-1] == "mine"
    assert server.asked[-1].headers["if-none-match"] == "*"
    assert len({(one.method, one.target, one.body) for one in server.asked[:3]}) == 1


def test_another_body_with_the_same_key_is_a_conflict(clock: Clock) -> None:
    """Refusals that speak of the request itself are raised."""
    with ScriptedServer(problem("idempotency-mismatch"), problem("version-conflict")) as server:
        with _client(server, clock) as client:
            with pytest.raises(InvalidError):
                client.put_article("a", {"title": "A"}, key="mine")
            with pytest.raises(ConflictError):
                client.put_article("a", {"title": "A"}, version=3)
        assert server.asked[1].headers["if-match"] == '"3"'


def test_a_batch_that_failed_is_sent_again(clock: Clock) -> None:
    """A job that says `failed` (the log was full, the body broke off) is begun again with the same key and body."""
    failed = answer(202, {**JOB, "status": "failed", "reason": "the log is full"})
    line = answer(200, b'{"line":1,"id":"a","status":"created","version":1,"error":null}\n', "application/x-ndjson")
    with ScriptedServer(failed, answer(202, JOB), line) as server, _client(server, clock) as client:
        (batch,) = client.bulk([{"id": "a", "title": "A"}])
    assert [one.status for one in batch.results] == ["created"]
    first, second, _ = server.asked
    assert (first.headers["idempotency-key"], first.body) == (second.headers["idempotency-key"], second.body)
    with ScriptedServer(*[failed] * 9) as server, _client(server, clock, Retry(attempts=3)) as client:
        with pytest.raises(JobFailedError, match="the log is full"):
            list(client.bulk([{"id": "a", "title": "A"}]))
        assert len(server.asked) == 3


def test_results_that_do_not_fit_are_told(clock: Clock) -> None:
    """A line that the server does not account for is an error, never silence."""
    with (
        ScriptedServer(answer(202, JOB), answer(200, b"", "application/x-ndjson")) as server,
        _client(server, clock) as client,
        pytest.raises(AnswerError, match="tells of 0 lines, not of the 1"),
    ):
        list(client.bulk([{"id": "a", "title": "A"}]))


def test_a_stream_goes_on_where_it_broke_off(clock: Clock) -> None:
    """Results are asked for again and those that were given passed over; parts are asked for from their byte on."""
    rows = [b'{"line":%d,"id":"a","status":"created","version":1,"error":null}\n' % number for number in range(1, 5)]
    whole = answer(200, b"".join(rows), "application/x-ndjson")
    cut = whole[: whole.index(rows[2]) + 9]
    with ScriptedServer(cut, b"", cut, whole) as server, _client(server, clock) as client:
        assert [one.line for one in client.job_results("0a")] == [1, 2, 3, 4]
        assert len(server.asked) == 4


def test_a_part_goes_on_at_its_byte(clock: Clock) -> None:
    """It is whole in the end; one that is another by then, or does not come to its digest, is told."""
    rows = [b'{"id":"a%d"}\n' % number for number in range(4)]
    part = ExportPart(1, 4, 0, "", "/v1/exports/0a?part=1")
    digest = f"sha-256=:{b64encode(sha256(b''.join(rows)).digest()).decode()}:"
    whole = answer(200, b"".join(rows), "application/x-ndjson")
    cut = whole[: whole.index(rows[2]) + 9]
    begun = cut.replace(b"Connection", f"Repr-Digest: {digest}\r\nConnection".encode())
    other = answer(206, b"".join(rows[2:]), "application/x-ndjson", Repr_Digest="sha-256=:AAAA:")
    with ScriptedServer(begun, other) as server, _client(server, clock) as client:
        with pytest.raises(ChecksumError, match="was written again while it was read"):
            list(client.part_lines(part))
        assert server.asked[1].headers["range"] == f"bytes={len(rows[0]) + len(rows[1])}-"
    same = answer(206, b"".join(rows[2:]), "application/x-ndjson", Repr_Digest=digest)
    with ScriptedServer(begun, same) as server, _client(server, clock) as client:
        assert list(client.part_lines(part)) == [row.rstrip() for row in rows]
    with (
        ScriptedServer(
            begun, whole.replace(b"Connection", f"Repr-Digest: {digest}\r\nConnection".encode())
        ) as server,
        _client(server, clock) as client,
    ):
        assert list(client.part_lines(part)) == [row.rstrip() for row in rows]
    short = answer(206, rows[2], "application/x-ndjson", Repr_Digest=digest)
    with (
        ScriptedServer(begun, short) as server,
        _client(server, clock) as client,
        pytest.raises(ChecksumError, match=r"part 1 comes to [0-9a-f]{64}, not to"),
    ):
        list(client.part_lines(part))


@pytest.mark.parametrize("values", [{"attempts": 0}, {"patience_s": -1}, {"base_s": -1}, {"cap_s": -1}])
def test_a_retry_that_cannot_be(values: dict[str, float]) -> None:
    """Refused where it is made."""
    with pytest.raises(ValueError, match="cannot be used"):
        Retry(**values)  # type: ignore[arg-type]


@BOTH
def test_what_is_not_found_out_in_time_is_asked_for_three_times(clock: Clock, ask: Asking) -> None:
    """However patient the client is: it would only keep others waiting."""
    with ScriptedServer(*[problem("timeout")] * 9) as server:
        with pytest.raises(UnavailableError, match="timeout"):
            ask(server, clock, Retry(attempts=100))
        assert len(server.targets()) == 3
