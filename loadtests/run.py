"""The load test from start to end: `python -m loadtests.run --data DIR --out build/load`.

Contract: starts a Redis and a server over the index in DIR, puts three phases of load on them, and stops
both, come what may. Writes to OUT: `report.html` and one Locust report a phase, `load.json` with every
figure, and the logs. Prints the table. Takes the three windows, and about a minute more at most where the
server answers.

Exit status: 0; 1 if any answer was wrong or missing; 2 if the test could not run; 130 after Ctrl-C.

Not here: the phases (`phases.py`), what readers do in them (`traffic.py`).
"""

import argparse
import json
import math
import os
import platform
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from loadtests.measures import MAX_SECONDS
from loadtests.phases import ROOT, LoadTest
from loadtests.queries import QueryLogError, query_log
from loadtests.services import Cores, LoadTestError, corpus, free_port, redis, server
from loadtests.table import as_page, as_text

QUERIES = ROOT / "../shared/data/queries"
SERVER = (
    shlex.quote(str(ROOT / ".venv/bin/broadsheet"))
    + " serve --data {data} --host 127.0.0.1 --port {port} --workers 1"
)
MAX_USERS = 512


def main(argv: Sequence[str] | None = None) -> int:
    """Run the load test; the exit status."""
    args = _arguments(argv)
    try:
        return _run(args)
    except (LoadTestError, QueryLogError) as error:
        print(f"load test: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("load test: interrupted; everything it started is stopped", file=sys.stderr)
        return 130


def _run(args: argparse.Namespace) -> int:
    if not args.data.is_dir():
        raise LoadTestError(f"{args.data} is no folder; make an index there with `broadsheet index FILE --data DIR`")
    queries = query_log(args.queries, args.articles, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    for result in ("load.json", "report.html"):
        (args.out / result).unlink(missing_ok=True)  # a run that fails leaves no figures of an older one
    cores = Cores.shared_out()
    with _services(args, cores) as url:
        articles, partitions = corpus(url)
        test = LoadTest(args, url, cores)
        test.run()
    if os.environ.get("REDIS_URL"):
        test.notes.append("Redis is that of REDIS_URL: cold is only as cold as it was")
    if cores.server is None:
        test.notes.append("server and generator share the same cores, so each slows the other")
    record = {
        "machine": _machine(cores),
        "corpus": {"articles": articles, "partitions": partitions},
        "queries": {"source": "recorded" if args.queries else "generated", "count": len(queries)},
        "settings": {"seconds": args.seconds, "users": args.users, "rate": args.rate, "seed": args.seed},
        "notes": test.notes,
        "phases": test.phases,
    }
    about = (
        f"{articles:,} articles; {len(queries):,} queries; {args.users} users; {args.seconds:g} s a phase; "
        f"{os.cpu_count()} cores of {_processor()}; Python {platform.python_version()}"
    )
    (args.out / "load.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (args.out / "report.html").write_text(as_page(test.rows, about, test.notes), encoding="utf-8")
    print(as_text(test.rows), about, *(f"note: {note}" for note in test.notes), sep="\n")
    print(f"report: {args.out / 'report.html'}")
    return 1 if any(row.figures.errors or not row.figures.served for row in test.rows) else 0


@contextmanager
def _services(args: argparse.Namespace, cores: Cores) -> Iterator[str]:
    """The base URL of a server that runs, with its Redis, for as long as the context lasts."""
    port = free_port()
    values = {"{data}": str(args.data), "{port}": str(port)}
    command = shlex.split(args.server_command)
    for place, value in values.items():
        command = [part.replace(place, value) for part in command]
    python = Path(command[0]).with_name("python")
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        redis(Path(folder), python=python, cores=cores.redis, log=args.out / "redis.log") as redis_url,
        server(command, port=port, redis_url=redis_url, cores=cores.server, log=args.out / "server.log") as url,
    ):
        yield url


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.run", description="Put load on a server of its own.")
    parser.add_argument("--data", type=_path, required=True, help="folder of the index")
    parser.add_argument("--out", type=_path, default=_path("build/load"), help="folder for the results")
    parser.add_argument("--queries", type=_path, help="folder of the query log (../shared/data/queries, if there)")
    parser.add_argument("--articles", type=_path, help="JSONL file whose words a generated log uses")
    parser.add_argument("--seconds", type=_seconds, default=30.0, help=f"length of a phase, at most {MAX_SECONDS}")
    parser.add_argument("--rate", type=_rate, default="auto", help="fixed rate, requests/s; auto: half of warm")
    parser.add_argument("--users", type=_users, default=8, help="readers in the closed loop")
    parser.add_argument("--seed", type=int, default=1, help="of every random draw")
    parser.add_argument("--server-command", default=SERVER, help="with {data} and {port}; default: %(default)s")
    args = parser.parse_args(argv)
    if args.queries is None and args.articles is None and QUERIES.is_dir():
        args.queries = QUERIES.resolve()
    return args


def _path(text: str) -> Path:
    return Path(text).resolve()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not in [1, {MAX_SECONDS}]")
    return seconds


def _rate(text: str) -> float | str:
    if text == "auto":
        return text
    rate = float(text)
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is neither auto nor a number above 0")
    return rate


def _users(text: str) -> int:
    users = int(text)
    if not 1 <= users <= MAX_USERS:
        raise argparse.ArgumentTypeError(f"{text} is not in [1, {MAX_USERS}]")
    return users


def _machine(cores: Cores) -> dict[str, object]:
    """What the figures were measured on, and which cores each part had to itself."""
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_of": {part: sorted(own) if own else None for part, own in asdict(cores).items()},
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The name of the processor, as far as the system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)  # unwinds, so that everything started is stopped


if __name__ == "__main__":
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, _leave)
    sys.exit(main())
