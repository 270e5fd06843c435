"""The two loops, as Locust users: `ClosedLoop` and `FixedRate`.

Contract: one user class is named on the command line, and runs for `--seconds`. In the closed loop each user
sends its next request when the last one is answered. At a fixed rate one user sends each request at its
moment of the schedule, answered or not, and its latency counts from that *intended* start: whatever holds a
request up, a slow server or a full pool, is part of what its reader waits (coordinated omission, wg/wrk#485).
Locust's own statistics hold the same latencies. The figures are written to `--figures` as JSON. Only loopback
addresses are spoken to.

Not here: the server (`services.py`), the order of the phases (`run.py`).
"""

import gc
import json
import time
from array import array
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import gevent
from gevent.pool import Pool
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser

from loadtests.answers import WrongAnswerError, cache_hit
from loadtests.arrivals import poisson_arrivals
from loadtests.measures import Tally, combined, percentile
from loadtests.queries import QueryStream, query_log
from loadtests.services import REQUEST_TIMEOUT_S, require_loopback
from loadtests.traffic import Kind, Request, Traffic

IN_FLIGHT = 512
"""Requests sent and not yet answered, at most; the next one waits, and its wait counts."""


class Phase:
    """What the users of one run share: the traffic, the clock and the counts."""

    def __init__(self, environment: Environment) -> None:
        options = environment.parsed_options
        self.environment = environment
        self.seconds: float = options.seconds
        self.rate_per_s: float = options.rate
        self.seed: int = options.seed
        queries = query_log(options.queries, options.articles, options.seed)
        self.stream = QueryStream(queries[: options.first])
        self.traffic = Traffic(self.stream, options.seed)
        self.tallies = {kind: Tally() for kind in get_args(Kind)}
        self.sent_late_ms = array("d")
        self.start_s: float | None = None
        self.start_cpu_s = 0.0
        self.ending = False

    def start(self) -> float:
        """Open the window, once for all users; its moment on the performance counter."""
        if self.start_s is None:
            self.start_cpu_s = time.process_time()
            self.start_s = time.perf_counter()
        return self.start_s

    def draw(self) -> Request:
        """The next request, counted as offered."""
        request = self.traffic.next_request()
        self.tallies[request.kind].offered += 1
        return request

    def send(self, user: FastHttpUser, request: Request, intended_s: float) -> None:
        """Send `request`, check its answer, and count both; its latency runs from `intended_s`."""
        tally = self.tallies[request.kind]
        late_s = time.perf_counter() - intended_s
        self.sent_late_ms.append(late_s * 1000)
        if late_s > REQUEST_TIMEOUT_S:
            self._give_up(request, late_s)
            return
        with user.client.get(request.path, name=request.kind, catch_response=True) as response:
            answered_s = time.perf_counter()
            latency_ms = (answered_s - intended_s) * 1000
            response.request_meta["response_time"] = latency_ms
            try:
                self.traffic.accept(request, response.status_code, response.content or b"")
            except WrongAnswerError as error:
                tally.fail(str(error))
                response.failure(str(error))
            else:
                headers = response.headers or {}
                tally.serve(
                    latency_ms,
                    in_window=answered_s < self.start() + self.seconds,
                    hit=cache_hit(headers.get("cache-status")),
                )
                response.success()

    def quit(self) -> None:
        """End the run, once; from a greenlet of its own, since it waits for the users."""
        if not self.ending:
            self.ending = True
            gevent.spawn(self.environment.runner.quit)

    def summary(self) -> dict[str, Any]:
        """The figures of the run, as JSON has them."""
        open_loop = self.rate_per_s > 0
        whole = combined(self.tallies.values())
        elapsed_s = time.perf_counter() - self.start()
        return {
            "queries_taken": self.stream.taken,
            "figures": asdict(whole.figures(self.seconds, open_loop=open_loop)),
            "kinds": {
                kind: asdict(tally.figures(self.seconds, open_loop=open_loop)) for kind, tally in self.tallies.items()
            },
            "generator": {
                "cpu_share": round((time.process_time() - self.start_cpu_s) / elapsed_s, 3),
                "sent_late_p99_ms": percentile(sorted(self.sent_late_ms), 99),
            },
        }

    def _give_up(self, request: Request, late_s: float) -> None:
        """Count a request that was held up for so long that its reader has left."""
        reason = f"not sent within {REQUEST_TIMEOUT_S} s"
        self.tallies[request.kind].fail(reason)
        self.environment.events.request.fire(
            request_type="GET",
            name=request.kind,
            response_time=late_s * 1000,
            response_length=0,
            exception=TimeoutError(reason),
            context={},
        )


class Reader(FastHttpUser):
    """What both loops share: when a reader gives up, and that nothing leads to another host."""

    abstract = True
    network_timeout = connection_timeout = REQUEST_TIMEOUT_S

    def on_start(self) -> None:
        """Take a redirect for the answer, which it never rightly is; ask once, uncounted; start the clock."""
        self.client.client.redirect_response_codes = frozenset()
        # The client's first request holds it up for 20 ms, whatever the server. Never entered as a context, the
        # response is not reported.
        self.client.get("/livez", catch_response=True)
        self.phase: Phase = self.environment.phase
        self.phase.start()


class ClosedLoop(Reader):
    """A reader who asks again as soon as the last answer is there."""

    @task
    def ask(self) -> None:
        """One request; the run ends with the first that would start after the window."""
        now_s = time.perf_counter()
        if now_s >= self.phase.start() + self.phase.seconds:
            self.phase.quit()
            raise StopUser
        self.phase.send(self, self.phase.draw(), now_s)


class FixedRate(Reader):
    """Any number of readers, who arrive when the schedule says."""

    concurrency = IN_FLIGHT

    @task
    def offer(self) -> None:
        """The whole schedule, until its last request is answered or given up."""
        pool = Pool(IN_FLIGHT)
        for moment_s in poisson_arrivals(self.phase.rate_per_s, self.phase.seconds, self.phase.seed):
            intended_s = self.phase.start() + moment_s
            gevent.sleep(max(0.0, intended_s - time.perf_counter()))
            pool.spawn(self.phase.send, self, self.phase.draw(), intended_s)
        pool.join()
        self.phase.quit()
        raise StopUser


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    """What a phase needs to know beyond Locust's own arguments."""
    parser.add_argument("--queries", type=Path, help="folder of the recorded query log; without it one is generated")
    parser.add_argument("--articles", type=Path, help="JSONL file whose words a generated query log uses")
    parser.add_argument("--first", type=int, help="replay only so many queries, again and again")
    parser.add_argument("--seed", type=int, default=1, help="of every random draw")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the window")
    parser.add_argument("--rate", type=float, default=0.0, help="offered requests a second, for FixedRate")
    parser.add_argument("--figures", type=Path, help="file to write the figures to, as JSON")


@events.init.add_listener
def prepare(environment: Environment, **_: object) -> None:
    """Refuse foreign hosts, and do before the clock runs what need not be timed."""
    require_loopback(environment.host)
    environment.phase = Phase(environment)
    gc.collect()
    gc.freeze()  # else a full collection, some seconds into the phase, holds the generator up for 25 ms


@events.quitting.add_listener
def write_figures(environment: Environment, **_: object) -> None:
    """Write the figures where they were asked for."""
    if environment.parsed_options.figures is not None:
        environment.parsed_options.figures.write_text(json.dumps(environment.phase.summary()), encoding="utf-8")
