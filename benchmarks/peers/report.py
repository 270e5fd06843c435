"""What was measured, as JSON and as a table.

    {"corpus": {"name", "articles", "words"}, "machine": {"cores", "cpu", "python", "versions": {engine: version}},
     "queries": {class: count},
     "engines": {engine: {"build_articles_per_s", "size_bytes", "peak_mb", "open_ms", "search_mb", ..,
                          "agreement": {class: share}, class: {"mean_ms", "p50_ms", "p95_ms", "p99_ms"}, ..}, ..}}

Contract: `compared` gives ratios that are above 1 where the first engine is better.

Not here: measuring, plotting.
"""

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.engine import QUERY_CLASSES
from benchmarks.peers.lineup import release

Report = dict[str, Any]

OURS = ("broadsheet", "broadsheet-8")
_LATENCIES = ("mean_ms", "p99_ms")


def machine(engines: Iterable[str]) -> dict[str, Any]:
    """Where it was measured, and with which versions."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "python": platform.python_version(),
        "versions": {name: release(name) for name in engines},
    }


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def compared(first: dict[str, Any], second: dict[str, Any]) -> dict[str, float]:
    """By how much the first engine is better: `build`, `size`, `open`; by class, `or mean_ms`, `or p99_ms`, .."""
    ratios = {
        "build": first["build_articles_per_s"] / second["build_articles_per_s"],
        "size": second["size_bytes"] / first["size_bytes"],
        "open": second["open_ms"] / first["open_ms"],
    }
    for kind in QUERY_CLASSES:
        if kind in first and kind in second:
            ratios |= {f"{kind} {name}": second[kind][name] / first[kind][name] for name in _LATENCIES}
    return ratios


def as_text(report: Report) -> str:
    """The tables: costs, latencies, ratios."""
    corpus, engines = report["corpus"], report["engines"]
    counts = ", ".join(f"{count} {kind}" for kind, count in report["queries"].items())
    parts = [
        f"{corpus['name']}: {corpus['articles']:,} articles, {corpus['words']:,} words; asked {counts}",
        _table(_costs(engines)),
        "milliseconds, mean and p99, one thread, parsing and ids included",
        _table(_times(engines)),
    ]
    ratios = _ratios(engines)
    if len(ratios) > 1:
        parts += ["times better (build and size; latency by mean and p99)", _table(ratios)]
    return "\n\n".join(parts)


def _costs(engines: dict[str, Any]) -> list[list[str]]:
    rows = [["", "build/s", "MB on disk", "peak MB", "open ms", "searching MB"]]
    for name, found in engines.items():
        memory = (f"{found[key]:,.0f}" if key in found else "-" for key in ("peak_mb", "search_mb"))
        peak, searching = memory
        size = f"{found['size_bytes'] / 1e6:,.1f}"
        rows.append([name, f"{found['build_articles_per_s']:,.0f}", size, peak, f"{found['open_ms']:.2f}", searching])
    return rows


def _times(engines: dict[str, Any]) -> list[list[str]]:
    kinds = [kind for kind in QUERY_CLASSES if any(kind in found for found in engines.values())]
    rows = [["", *(cell for kind in kinds for cell in (kind, "p99"))]]
    for name, found in engines.items():
        cells = [f"{found[kind][figure]:.3f}" if kind in found else "-" for kind in kinds for figure in _LATENCIES]
        rows.append([name, *cells])
    return rows


def _ratios(engines: dict[str, Any]) -> list[list[str]]:
    pairs = [(ours, peer) for ours in OURS if ours in engines for peer in engines if peer not in OURS]
    kinds = [kind for kind in QUERY_CLASSES if any(kind in engines[ours] for ours, _peer in pairs)]
    rows = [["", "build", "size", "open", *kinds]]
    for ours, peer in pairs:
        found = compared(engines[ours], engines[peer])
        single = [f"{found[name]:.2g}" for name in ("build", "size", "open")]
        double = [
            " / ".join(f"{found[f'{kind} {name}']:.2g}" for name in _LATENCIES) if f"{kind} mean_ms" in found else "-"
            for kind in kinds
        ]
        rows.append([f"{ours} : {peer}", *single, *double])
    return rows


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
