"""Clients of a live service that is being harmed: they send again until they are answered, and write down what was.

Contract: each is a thread. A `Writer` puts, withdraws and sends in bulk, each request with a key of its own, until it
is answered for good. A `Watcher` asks what became of jobs, again and again, over new connections. A `Reader` asks for
everything. Whatever no service may answer, however it is harmed, ends a client, and `check` raises it: a status that
is not documented for a service in trouble, a refusal that does not say when to come back, a job that is not known any
more or goes backwards, one that has succeeded and is not to be found.

Not here: what the archive must hold afterwards (`ledger.py`).
"""

import contextlib
import http.client
import itertools
import json
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.api_server import AMPLE_MS
from tests.broadsheet.ledger import QUIET, Acknowledged, Ledger, Write

BROKEN = (OSError, http.client.HTTPException)
"""What a connection may come to."""
TROUBLED = 503, 507
"""Statuses of a service that cannot, just now."""
RETRY_S = 0.05
"""Between attempts: sooner than `Retry-After` says, since a harness has little time."""
MOST_ARTICLES = 80
"""Few, so that one page shows all of them, and writes meet each other."""
RECHECKED = 40
"""Jobs that have ended and are asked about again."""
GivenUp = Callable[[], bool]
"""Whether there is no use in trying again; may raise why."""
_FORWARD = frozenset({("running", "running"), ("running", "succeeded"), ("succeeded", "succeeded")})


class AbandonedError(Exception):
    """A client was told to give up."""


class Answer(NamedTuple):
    """A response, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


class Connection:
    """One client's connection, made anew when it breaks."""

    def __init__(self, port: int) -> None:
        self._made = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method: str, address: str, body: bytes = b"", **headers: str) -> Answer:
        """One attempt.

        Raises:
            OSError, http.client.HTTPException: it broke off, and nobody knows how far it came.
        """
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            self._made.request(method, address, body, named)
            response = self._made.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except BROKEN:
            self._made.close()
            raise
        assert answer.status not in TROUBLED or int(answer.headers.get("retry-after", "0")) >= 1, answer
        return answer

    def fresh(self) -> None:
        """The next request goes over a new connection, perhaps to another process."""
        self._made.close()


class Client(threading.Thread):
    """One of them, until it is stopped.

    Args:
        port: the server's.
        ledger: what it writes down goes there.
        seed: of what it does.
    """

    pause_s = 0.01

    def __init__(self, port: int, ledger: Ledger, seed: int) -> None:
        super().__init__(daemon=True)
        self.port, self.ledger, self.random = port, ledger, Random(seed)
        self.connection = Connection(port)
        self.answers: Counter[str] = Counter()
        """How often there was which answer; `broken` where there was none."""
        self._stop_now = threading.Event()
        self._abandoned = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do what it does."""
        try:
            for number in itertools.count():
                self.act(number)
                if self._stop_now.wait(self.pause_s):
                    return
        except BaseException as error:  # noqa: BLE001 - `check` raises it
            self._error = error

    def act(self, number: int) -> None:
        """One thing."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise what has ended it."""
        if self._error:
            raise self._error

    def stop(self) -> None:
        """Have it finish what it is at."""
        self._stop_now.set()
        self.join()
        self.connection.fresh()
        self.check()

    def abandon(self) -> None:
        """Have it give up, wherever it is; nothing if it has stopped."""
        self._abandoned = True
        self._stop_now.set()
        self.join()
        self.connection.fresh()

    def insist(self, attempt: Callable[[], Answer], given_up: GivenUp = lambda: False) -> Answer:
        """Try until there is an answer that is no trouble.

        Raises:
            AbandonedError
        """
        while not self._abandoned and not given_up():
            with contextlib.suppress(*BROKEN):
                answer = attempt()
                self.answers[str(answer.status)] += 1
                if answer.status not in TROUBLED:
                    return answer
                time.sleep(RETRY_S)
                continue
            self.answers["broken"] += 1
            time.sleep(RETRY_S)
        raise AbandonedError

    def job(self, address: str, given_up: GivenUp = lambda: False) -> dict[str, Any]:
        """How a job stands."""
        answer = self.insist(lambda: self.connection.ask("GET", address), given_up)
        assert answer.status == 200, answer
        job: dict[str, Any] = answer.json()
        return job


def ids() -> Iterator[str]:
    """Of all articles; some are awkward."""
    return (f"a/{number} é" if number % 7 == 0 else f"a{number}" for number in range(MOST_ARTICLES))


class Writer(Client):
    """Changes articles that others change too, by every means."""

    def __init__(self, port: int, ledger: Ledger, seed: int, told: "Watcher | None" = None) -> None:
        super().__init__(port, ledger, seed)
        self._name, self._told = f"w{seed}", told
        self._ids = list(ids())

    def act(self, number: int) -> None:
        """One request, answered for good."""
        key, kind = f"{self._name}-{number}", self.random.random()
        if kind < 0.2:
            chosen = self.random.sample(self._ids, self.random.randint(2, 30)) + [
                f"{QUIET}/{key} {at}" for at in "ab"
            ]
            self._bulk(key, [Write(article_id, f"{key} {at}") for at, article_id in enumerate(chosen)])
        elif kind < 0.4:
            self.single(key, Write(self.random.choice(self._ids)))
        else:
            self.single(key, Write(self.random.choice([*self._ids, f"{QUIET}/{key}"]), key))

    def single(self, key: str, write: Write, given_up: GivenUp = lambda: False) -> dict[str, Any] | None:
        """Put or withdraw one article; its job, `None` where there was nothing to withdraw."""
        address = f"/v1/articles/{quote(write.article_id, safe='')}"
        method, body = ("PUT", json.dumps(write.fields()).encode()) if write.title else ("DELETE", b"")
        answer = self.insist(lambda: self.connection.ask(method, address, body, Idempotency_Key=key), given_up)
        if answer.status == 404 and not write.title:
            return None
        assert answer.status in {200, 202}, answer
        self._acknowledge(answer, [write])
        job: dict[str, Any] = answer.json()
        return job

    def _bulk(self, key: str, writes: list[Write]) -> None:
        body = b"".join(json.dumps(write.fields()).encode() + b"\n" for write in writes)
        headers = {"Content_Type": "application/x-ndjson", "Idempotency_Key": key}
        if self.random.random() < 0.2:
            self._break_off(key, body)
        while True:
            answer = self.insist(lambda: self.connection.ask("POST", "/v1/articles:bulk", body, **headers))
            if answer.status != 409:  # another process has not yet noticed that the connection broke off
                assert answer.status in {200, 202}, answer
                if answer.json()["status"] != "failed":
                    break
            time.sleep(RETRY_S)
        assert answer.json()["progress"] == {"done": len(writes), "total": len(writes), "failed": 0}, answer
        self._acknowledge(answer, writes)

    def _break_off(self, key: str, body: bytes) -> None:
        head = "POST /v1/articles:bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        head += f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(head.encode() + body[: self.random.randrange(len(body))])

    def _acknowledge(self, answer: Answer, writes: list[Write]) -> None:
        job = answer.json()
        if self._told:
            self._told.watch(job)
        self.ledger.acknowledge([Acknowledged(write, job["id"], line) for line, write in enumerate(writes, 1)])


class Watcher(Client):
    """Asks about jobs."""

    def __init__(self, port: int, ledger: Ledger, seed: int) -> None:
        super().__init__(port, ledger, seed)
        self._waiting: deque[dict[str, Any]] = deque(maxlen=200)
        self._ended: deque[dict[str, Any]] = deque(maxlen=RECHECKED)
        self.watched = 0

    def watch(self, job: dict[str, Any]) -> None:
        """Ask about this one from now on, unless there are too many."""
        self._waiting.append(job)

    def idle(self) -> bool:
        """Whether every job that it was told has ended."""
        self.check()
        return not self._waiting

    def act(self, number: int) -> None:
        """One question, and what follows from its answer."""
        again = number % 3 == 0 and self._ended
        if not again and not self._waiting:
            return
        job = self.random.choice(self._ended) if again else self._waiting.popleft()
        self.connection.fresh()
        now = self.job(job["links"]["self"])
        assert (job["status"], now["status"]) in _FORWARD, f"{job} became {now}"
        self.watched += 1
        if now["status"] == "running":
            self._waiting.append(now)
        elif not again:
            # Over the same connection, and so by the same process.
            with contextlib.suppress(*BROKEN):
                page = self.connection.ask("GET", f"/v1/search?limit=1&timeout_ms={AMPLE_MS}")
                assert page.status != 200 or seq_of(page) >= now["min_seq"], (
                    f"{now} was said when {seq_of(page)} was searchable"
                )
            self._look_at_results(now)
            self._ended.append(now)

    def _look_at_results(self, job: dict[str, Any]) -> None:
        answer = self.insist(lambda: self.connection.ask("GET", job["links"]["results"]))
        rows = [json.loads(row) for row in answer.body.splitlines()]
        assert [row["line"] for row in rows] == list(range(1, job["progress"]["total"] + 1)), f"{rows} of {job}"
        assert {row["status"] for row in rows} <= {"created", "corrected", "withdrawn"}, rows
        self.ledger.tell(job["id"], [row["version"] for row in rows])


class Reader(Client):
    """Asks for everything there is."""

    pause_s = 0.03
    _ADDRESS = f"/v1/search?limit=100&fields=id,title,version&section=!{QUIET}"

    def act(self, number: int) -> None:
        """One page, over a new connection now and then."""
        if number % 10 == 0:
            self.connection.fresh()
        answer = self.insist(
            lambda: self.connection.ask("GET", f"{self._ADDRESS}&timeout_ms={AMPLE_MS + number % 50}")
        )
        assert answer.status == 200, answer
        page = answer.json()
        titles = {item["id"]: item["title"] for item in page["data"]}
        assert page["coverage"]["complete"], page["coverage"]
        assert len(titles) == len(page["data"]) == page["total"]["value"], "an article is there twice, or half"
        self.ledger.show(seq_of(answer), titles)


def seq_of(answer: Answer) -> int:
    """The log sequence that a page is of."""
    return int(answer.headers["broadsheet-indexed-through"].split(";")[0])
