"""The figures as a picture: small multiples over the number of articles, both axes logarithmic.

A straight line is a power law: as steep as the grey one, and the figure grows with the archive; level, and it does
not.

Contract: writes a PNG, needs no display.

Not here: the figures (`report.py`).
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from benchmarks.growth.report import Report
from benchmarks.growth.searching import CLASSES, TOTALS

_COSTS = (
    ("build, articles/s (more is better)", {"build_articles_per_s": ("", 1.0)}),
    ("on disk, MB", {"input_bytes": ("input", 1e-6), "log_bytes": ("log", 1e-6), "index_bytes": ("index", 1e-6)}),
    ("memory beyond mapped files, MB", {"peak_mb": ("building", 1.0), "anon_mb": ("searching", 1.0)}),
    ("open to the first answer, ms", {"open_ms": ("", 1.0)}),
)
_COLOURS = ("#b3261e", "#2b6ca3", "#6b7a3a")
_GREY = "#c4cace"
_COLUMNS = 3


class _Curve(NamedTuple):
    """One line of a panel."""

    label: str
    values: list[float]
    style: dict[str, Any]


def draw(report: Report, path: Path) -> None:
    """Write the picture of a report."""
    sizes, machine = report["sizes"], report["machine"]
    articles = [size["articles"] for size in sizes]
    rows = -(-(len(_COSTS) + len(CLASSES)) // _COLUMNS)
    figure = Figure(figsize=(4.6 * _COLUMNS, 0.8 + 3.1 * rows), layout="constrained")
    figure.suptitle(
        f"sample articles of {report['words']:,} words; {report['partitions']} partitions, built by "
        f"{report['processes']} processes, searched by one thread; {machine['cpu']}\n"
        "both axes logarithmic; the grey line grows as the archive does",
        fontsize=11,
    )
    axes: list[Axes] = figure.subplots(rows, _COLUMNS, squeeze=False).flatten().tolist()
    panels = [(title, _costs(sizes, lines)) for title, lines in _COSTS]
    panels += [(f"{kind}, ms ({report['questions'][kind]:,} questions)", _times(sizes, kind)) for kind in CLASSES]
    for axis, (title, curves) in zip(axes, panels, strict=False):
        axis.set_title(title, loc="left", fontsize=10)
        _draw_panel(axis, articles, curves)
    figure.savefig(path, format="png", dpi=120)


def _costs(sizes: list[dict[str, Any]], lines: dict[str, tuple[str, float]]) -> list[_Curve]:
    return [
        _Curve(label, [size[name] * unit for size in sizes], {"color": colour})
        for colour, (name, (label, unit)) in zip(_COLOURS, lines.items(), strict=False)
        if all(name in size for size in sizes)  # memory is not told everywhere
    ]


def _times(sizes: list[dict[str, Any]], kind: str) -> list[_Curve]:
    return [
        _Curve(f"total={total}, {name}", [size["classes"][kind][total][f"{name}_ms"] for size in sizes], style)
        for colour, total in zip(_COLOURS, TOTALS, strict=False)
        for name, style in (
            ("p50", {"color": colour}),
            ("p99", {"color": colour, "linestyle": "--", "markerfacecolor": "white"}),
        )
    ]


def _draw_panel(axis: Axes, articles: list[int], curves: list[_Curve]) -> None:
    values = [value for curve in curves for value in curve.values]
    if not values:
        axis.set_axis_off()
        return
    # Two decades at least, so that what hardly changes looks as if it hardly did.
    middle, reach = math.sqrt(min(values) * max(values)), max(10.0, 1.5 * math.sqrt(max(values) / min(values)))
    bottom, top = middle / reach, middle * reach
    axis.set_xscale("log")
    axis.set_yscale("log")
    growth = [bottom * size / articles[0] for size in articles]
    axis.plot(articles, growth, color=_GREY, linewidth=1.2, zorder=0)
    for label, points, style in curves:
        axis.plot(articles, points, label=label, marker="o", markersize=4.5, linewidth=1.6, **style)
    axis.set_ylim(bottom, top)
    axis.set_xticks(articles, [f"{size:,}" for size in articles])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:,.10g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(color="#e3e6e8", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    if any(curve.label for curve in curves):
        axis.legend(fontsize=7.5, frameon=False, ncols=-(-len(curves) // 2))
