"""What was measured, as tables, beside what was aimed at.

Contract: reads the report that `phases.py` makes; nothing is computed here but whether a target was met.

Not here: measuring.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

Report = dict[str, Any]

MAX_SEGMENTS_A_PARTITION = 40
"""More than that is not bounded: four of each of some ten tiers (`partition/merge_policy.py`)."""
MAX_MB_PER_MINUTE = 5.0
"""A process that grows by more is not flat."""


class Target(NamedTuple):
    """One figure and what it should be at most."""

    name: str
    figure: float | None
    at_most: float

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.figure is not None and self.figure <= self.at_most


def targets(report: Report) -> list[Target]:
    """What the run is held to."""
    live = report["live"]
    processes = live["server"]["processes"]
    return [
        Target("acknowledged to searchable, p50 ms", live["searchable"]["all"]["p50_ms"], 500),
        Target("acknowledged to searchable, p99 ms", live["searchable"]["all"]["p99_ms"], 2000),
        Target("search p99 with writes, times without", report["ratios"]["search p99_ms with writes"], 2),
        Target(
            "segments of a partition, most",
            live["server"]["segments"]["most_of_a_partition"],
            MAX_SEGMENTS_A_PARTITION,
        ),
        *(
            Target(f"{role}, MB per minute", processes[role]["anonymous_mb_per_minute"], MAX_MB_PER_MINUTE)
            for role in ("api", "indexer")
            if role in processes
        ),
        Target("refusals, p99 ms", report["overload"]["refusals"]["p99_ms"] or 0, 1000),
        Target("walks that were wrong", sum(not walk["right"] for walk in report["walks"]), 0),
        Target("acknowledged articles missing", report["end"]["missing"], 0),
    ]


def as_text(report: Report) -> str:
    """The tables."""
    live, overload, build = report["live"], report["overload"], report["build"]
    machine = report["machine"]
    parts = [
        f"{machine['cores']} cores of {machine['cpu']}, Python {machine['python']}; seed {report['seed']}",
        f"built {build['articles']:,} articles through the log in {build['build_s']:.1f} s:"
        f" {build['articles'] / build['build_s']:,.0f}/s"
        if "build_s" in build
        else f"{build['articles']:,} articles",
        "peak of so many readers at a time, searches/s: "
        + ", ".join(f"{readers}: {rate}" for readers, rate in report["peak"].items()),
        _table(
            [["search", "rate/s", "answers", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"]]
            + [_searched(name, report[name]["search"]) for name in ("quiet", "live", "grown", "overload")]
        ),
        _table(
            [["acknowledged to searchable", "probes", "p50 ms", "p95 ms", "p99 ms", "max ms"]]
            + [_latencies(name, found) for name, found in live["searchable"].items()]
        ),
        _table(
            [["", "api MB", "per min", "indexer MB", "per min", "api cores", "indexer cores", "epochs/s", "segments"]]
            + [_server(name, report[name]["server"]) for name in ("quiet", "live", "grown", "overload")]
        ),
        _overloaded(overload),
        _table(
            [["target", "figure", "at most", ""]]
            + [
                [one.name, str(one.figure), f"{one.at_most:g}", "met" if one.met else "NOT MET"]
                for one in targets(report)
            ]
        ),
    ]
    return "\n\n".join([*parts, "\n".join(report["complaints"])])


def _overloaded(found: dict[str, Any]) -> str:
    refusals, waits = found["refusals"], found["retry_after"]
    return (
        f"offered {found['offered']:,} articles ({found['drain_per_s']:,}/s can be indexed), accepted"
        f" {found['accepted']:,}; {found['refused']:,} bodies refused, p50 {refusals['p50_ms']} ms, p99"
        f" {refusals['p99_ms']} ms; told to wait {waits['told_p50_s']} s, took {waits['took_s']} s"
    )


def _searched(name: str, found: dict[str, Any]) -> list[str]:
    return [name, str(found["rate"]), *_latencies("", found)[1:], str(sum(found["errors"].values()))]


def _latencies(name: str, found: dict[str, Any]) -> list[str]:
    return [name, f"{found['count']:,}", *(str(found[key]) for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))]


def _server(name: str, found: dict[str, Any]) -> list[str]:
    processes = found["processes"]
    memory = [
        f"{processes[role][key]:,.1f}" if role in processes else "-"
        for role in ("api", "indexer")
        for key in ("anonymous_mb_most", "anonymous_mb_per_minute")
    ]
    cores = [f"{processes[role]['cores']:.2f}" if role in processes else "-" for role in ("api", "indexer")]
    return [name, *memory, *cores, str(found["epochs_per_s"]), f"{found['segments']['most']:,}"]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
