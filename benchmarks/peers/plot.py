"""The figures as a picture: small multiples, one panel a figure, one row an engine, the same order in each.

Latencies share one logarithmic axis, so that panels compare: the dot is the mean, the tick the 99th percentile. The
last panel is how many times faster Broadsheet answers than Tantivy, where both were measured.

Contract: writes a PNG, needs no display.

Not here: the figures (`report.py`).
"""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.peers.engine import QUERY_CLASSES
from benchmarks.peers.report import OURS, Report, compared

_COSTS = (
    ("build_articles_per_s", 1.0, "build, articles/s (more is better)", "{:,.0f}"),
    ("size_bytes", 1e-6, "on disk, MB", "{:,.1f}"),
    ("open_ms", 1.0, "open to first answer, ms", "{:,.1f}"),
    ("peak_mb", 1.0, "peak memory of the build, MB", "{:,.0f}"),
)
_COLUMNS = 4
_COLOURS = {"broadsheet": "#b3261e", "broadsheet-8": "#e0837d"}
_PEER = "#8a939b"
_REFERENCE = "tantivy"
_MILLISECONDS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)


def draw(report: Report, path: Path) -> None:
    """Write the picture of a report."""
    engines = report["engines"]
    kinds = [kind for kind in QUERY_CLASSES if any(kind in found for found in engines.values())]
    ratios = _REFERENCE in engines and any(name in engines for name in OURS)
    panels = len(_COSTS) + len(kinds) + ratios
    rows = -(-panels // _COLUMNS)
    figure = Figure(figsize=(4.0 * _COLUMNS, 0.9 + rows * (0.9 + 0.32 * len(engines))), layout="constrained")
    corpus, machine = report["corpus"], report["machine"]
    articles, words = corpus["articles"], corpus["words"]
    figure.suptitle(
        f"{corpus['name']}: {articles:,} articles, {words:,} words; one thread, {machine['cpu']}\n"
        "latencies: the dot is the mean, the tick the 99th percentile, on one logarithmic axis",
        fontsize=11,
    )
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).flatten().tolist()
    for at, (key, unit, title, form) in enumerate(_COSTS):
        _cost(axes[at], engines, key, unit, title, form)
        _names(axes[at], engines, shown=at % _COLUMNS == 0)
    limits = _limits(engines, kinds)
    for at, kind in enumerate(kinds, len(_COSTS)):
        _latency(axes[at], engines, kind, limits)
        axes[at].set_title(f"{kind}, ms ({report['queries'][kind]:,} questions)", loc="left", fontsize=10)
        _names(axes[at], engines, shown=at % _COLUMNS == 0)
    if ratios:
        _ratio(axes[panels - 1], engines, kinds)
    for unused in axes[panels:]:
        unused.set_axis_off()
    figure.savefig(path, format="png", dpi=120)


def _names(axis: Axes, engines: dict[str, Any], *, shown: bool) -> None:
    axis.set_yticks(range(len(engines)), list(engines) if shown else [""] * len(engines))
    axis.set_ylim(len(engines) - 0.4, -0.6)  # the first engine on top
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right"]].set_visible(False)


def _cost(axis: Axes, engines: dict[str, Any], key: str, unit: float, title: str, form: str) -> None:
    values = [found[key] * unit if key in found else None for found in engines.values()]
    lengths = [value or 0.0 for value in values]
    axis.barh(range(len(engines)), lengths, height=0.62, color=[_COLOURS.get(name, _PEER) for name in engines])
    for at, value in enumerate(values):
        text = "-" if value is None else form.format(value)
        axis.annotate(text, (value or 0.0, at), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xlim(0, max(lengths) * 1.22 or 1)
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)


def _limits(engines: dict[str, Any], kinds: list[Any]) -> tuple[float, float]:
    """From below the least mean to far enough beyond the greatest percentile for its label."""
    found = [engine[kind] for engine in engines.values() for kind in kinds if kind in engine]
    return min(figures["mean_ms"] for figures in found) / 2, max(figures["p99_ms"] for figures in found) * 6


def _latency(axis: Axes, engines: dict[str, Any], kind: str, limits: tuple[float, float]) -> None:
    axis.set_xscale("log")
    axis.set_xlim(limits)
    axis.set_xticks(
        [tick for tick in _MILLISECONDS if limits[0] <= tick <= limits[1]],
        [f"{tick:g}" for tick in _MILLISECONDS if limits[0] <= tick <= limits[1]],
    )
    axis.minorticks_off()
    axis.grid(axis="x", color="#e3e6e8", linewidth=0.8)
    axis.set_axisbelow(True)
    for at, (name, found) in enumerate(engines.items()):
        if kind not in found:
            axis.annotate("-", (limits[0], at), (4, 0), textcoords="offset points", va="center", fontsize=8)
            continue
        mean_ms, p99_ms = found[kind]["mean_ms"], found[kind]["p99_ms"]
        colour = _COLOURS.get(name, _PEER)
        axis.plot([mean_ms, p99_ms], [at, at], color=colour, linewidth=2)
        axis.plot([mean_ms], [at], marker="o", markersize=8, color=colour)
        axis.plot([p99_ms], [at], marker="|", markersize=11, markeredgewidth=2, color=colour)
        place = (max(mean_ms, p99_ms), at)
        label = f"{mean_ms:.3g} / {p99_ms:.3g}"
        axis.annotate(label, place, (6, 0), textcoords="offset points", va="center", fontsize=8)


def _ratio(axis: Axes, engines: dict[str, Any], kinds: list[Any]) -> None:
    ours = [name for name in OURS if name in engines]
    height = 0.8 / len(ours)
    for place, name in enumerate(ours):
        ratios = compared(engines[name], engines[_REFERENCE])
        for at, kind in enumerate(kinds):
            value = ratios[f"{kind} mean_ms"]
            where = at - 0.4 + height * (place + 0.5)
            # From 1, where both are equal: to the right faster, to the left slower.
            axis.barh(where, value - 1, left=1, height=height * 0.9, color=_COLOURS[name])
            aside = (4, "left") if value >= 1 else (-4, "right")
            axis.annotate(
                f"{value:.2g}",
                *((value, where), (aside[0], 0)),
                textcoords="offset points",
                ha=aside[1],
                va="center",
                fontsize=7,
            )
    axis.set_xscale("log")
    axis.margins(x=0.25)
    axis.axvline(1, color="#20262b", linewidth=1)
    axis.set_xticks([])
    axis.minorticks_off()
    axis.set_yticks(range(len(kinds)), kinds)
    axis.set_ylim(len(kinds) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_title(f"times as fast as {_REFERENCE}, mean", loc="left", fontsize=10)
