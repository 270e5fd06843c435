"""What was measured, as JSON and as tables.

    {"machine": {"cores", "cpu", "python", "versions"}, "partitions", "processes", "words": mean of a title and body,
     "start_s": what `broadsheet index` takes for one article, "questions": {class: count},
     "sizes": [{"articles", "input_bytes", "build_s", "build_articles_per_s", "peak_mb", "index_bytes", "log_bytes",
                "segments", "open_ms", "start_mb", "anon_mb",
                "classes": {class: {"matches", "none": {"mean_ms", "p50_ms", "p95_ms", "p99_ms"}, "exact": {..}}}}]}

Contract: sizes ascend; the names of memory are absent where it cannot be measured.

Not here: measuring, plotting.
"""

from typing import Any

from benchmarks.growth.searching import CLASSES, TOTALS

Report = dict[str, Any]


def as_text(report: Report) -> str:
    """The tables: costs, then latencies by class, one line a size."""
    sizes = report["sizes"]
    setting = f"{report['partitions']} partitions, {report['processes']} processes build, one thread searches"
    counts = ", ".join(f"{count} {kind}" for kind, count in report["questions"].items())
    parts = [
        f"{setting}; {report['words']:,} words an article; start of the command {report['start_s']:.2f} s",
        _table(_costs(sizes)),
        f"milliseconds, p50 and p99, of {counts}",
        _table(_times(sizes)),
    ]
    return "\n\n".join(parts)


def _costs(sizes: list[dict[str, Any]]) -> list[list[str]]:
    rows = [
        [
            "articles",
            "input MB",
            "build s",
            "build/s",
            "peak MB",
            "index MB",
            "log MB",
            "segments",
            "open ms",
            "search MB",
        ]
    ]
    for size in sizes:
        peak, held = (f"{size[name]:,.0f}" if name in size else "-" for name in ("peak_mb", "anon_mb"))
        input_, index, log = (f"{size[name] / 1e6:,.1f}" for name in ("input_bytes", "index_bytes", "log_bytes"))
        build = [f"{size['build_s']:,.1f}", f"{size['build_articles_per_s']:,.0f}", peak]
        rows.append(
            [
                f"{size['articles']:,}",
                input_,
                *build,
                index,
                log,
                str(size["segments"]),
                f"{size['open_ms']:.2f}",
                held,
            ]
        )
    return rows


def _times(sizes: list[dict[str, Any]]) -> list[list[str]]:
    columns = [(kind, total) for kind in CLASSES for total in TOTALS]
    rows = [["articles", *(f"{kind}, {total}" for kind, total in columns)]]
    for size in sizes:
        found = (size["classes"][kind][total] for kind, total in columns)
        rows.append([f"{size['articles']:,}", *(f"{one['p50_ms']:.3f} {one['p99_ms']:.3f}" for one in found)])
    return rows


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
