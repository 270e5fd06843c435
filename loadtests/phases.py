"""The phases of a load test: three runs of Locust against one server.

Contract: the closed loop on an empty cache; the same stretch of the query stream again, now warm; and on that
stretch a fixed rate, by default half of what the warm closed loop served. Each run is a process of its own on
the generator's core, and is ended if it does not end by itself.

Not here: the services under load (`services.py`), what a run does (`locustfile.py`).
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.measures import Figures
from loadtests.services import REQUEST_TIMEOUT_S, Cores, LoadTestError, process, tail
from loadtests.table import Row

ROOT = Path(__file__).parents[1]
AUTO_RATE_SHARE = 0.5
"""Of the warm closed loop's rate: well under the ceiling, where latencies say something of the server."""
BUSY_SHARE = 0.9
LATE_MS = 5.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One run of Locust: its name in the table, its files' stem, and its user class."""

    name: str
    stem: str
    user: str


COLD = Phase("closed loop, cold", "closed-cold", "ClosedLoop")
WARM = Phase("closed loop, warm", "closed-warm", "ClosedLoop")
FIXED = Phase("fixed rate, warm", "fixed-warm", "FixedRate")


class LoadTest:
    """The phases against one server at `url`, their results in `out`."""

    def __init__(self, args: argparse.Namespace, url: str, cores: Cores) -> None:
        self._args = args
        self._url = url
        self._cores = cores
        self.rows: list[Row] = []
        self.phases: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def run(self) -> None:
        """All phases, one after the other."""
        users = ["--users", str(self._args.users), "--spawn-rate", str(self._args.users)]
        first = ["--first", str(self._phase(COLD, users)["queries_taken"])]
        warm_qps = self._phase(WARM, [*users, *first])["figures"]["served_qps"]
        rate = warm_qps * AUTO_RATE_SHARE if self._args.rate == "auto" else self._args.rate
        if rate > 0:
            self._phase(FIXED, ["--rate", str(rate), *first])
        else:
            self.notes.append("no fixed rate: the warm closed loop served nothing to take a rate from")

    def _phase(self, phase: Phase, arguments: Sequence[str]) -> dict[str, Any]:
        out, args = self._args.out, self._args
        print(f"{phase.name}: {args.seconds:g} s ...", file=sys.stderr, flush=True)
        figures, log, report = (out / f"{phase.stem}{suffix}" for suffix in (".json", ".log", ".html"))
        figures.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "locust", "-f", ROOT / "loadtests" / "locustfile.py", phase.user),
            *("--headless", "--only-summary", "--loglevel", "WARNING", "--host", self._url),
            *("--stop-timeout", str(2 * REQUEST_TIMEOUT_S), "--exit-code-on-error", "0"),
            *(
                "--html",
                report,
                "--figures",
                figures,
                "--seconds",
                str(args.seconds),
                "--seed",
                str(args.seed),
            ),
            *(("--queries", args.queries) if args.queries else ()),
            *(("--articles", args.articles) if args.articles else ()),
            *arguments,
        ]
        # Settings of a person's own Locust must not change the test.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        # Timers of libev's epoll count whole milliseconds: requests would leave 0.6 ms late at the median, as
        # long as a cached answer takes. Those of select are 0.15 ms late, and need no core for spinning.
        environment["GEVENT_BACKEND"] = "select"
        with process(command, log=log, cores=self._cores.generator, environment=environment, folder=ROOT) as child:
            try:
                status = child.wait(args.seconds + 2 * REQUEST_TIMEOUT_S + 60)
            except subprocess.TimeoutExpired as error:
                raise LoadTestError(f"{phase.name} did not end; the end of {log}:\n{tail(log)}") from error
        if status != 0 or not figures.exists():
            raise LoadTestError(f"{phase.name} ended with status {status}; the end of {log}:\n{tail(log)}")
        result: dict[str, Any] = json.loads(figures.read_bytes())
        self.rows.append(Row(phase.name, Figures(**result["figures"]), report.name))
        self.phases.append({"phase": phase.name, "report": report.name, **result})
        self._note(phase, result)
        return result

    def _note(self, phase: Phase, result: dict[str, Any]) -> None:
        """Say what went wrong, and where the figures are those of the generator rather than of the server."""
        for reason, count in result["figures"]["failures"].items():
            self.notes.append(f"{phase.name}: {count:,} x {reason}")
        share, late_ms = result["generator"]["cpu_share"], result["generator"]["sent_late_p99_ms"]
        if share > BUSY_SHARE:
            self.notes.append(f"{phase.name}: the generator used {share:.0%} of a core: the server can do more")
        if late_ms is not None and late_ms > LATE_MS:
            self.notes.append(f"{phase.name}: 1 % of the requests left over {late_ms:.1f} ms late, which counts")
