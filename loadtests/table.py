"""The table of a load test, as text and as a page.

Contract: one row a phase: offered and served rate, latencies, errors, hit rate. What was not measured is a
dash.

Not here: how the figures are made (`measures.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from loadtests.measures import Figures

HEADINGS = ("phase", "offered QPS", "served QPS", "p50 ms", "p95 ms", "p99 ms", "errors", "hit rate")

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .4rem 1rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One phase: its name, its figures, and the file of its own report."""

    phase: str
    figures: Figures
    report: str


def cells(row: Row) -> tuple[str, ...]:
    """The figures of a phase as they are printed."""
    figures = row.figures
    numbers = (figures.offered_qps, figures.served_qps)
    latencies = (figures.p50_ms, figures.p95_ms, figures.p99_ms)
    return (
        row.phase,
        *("-" if number is None else f"{number:,.1f}" for number in numbers),
        *("-" if latency is None else f"{latency:,.2f}" for latency in latencies),
        f"{figures.errors:,}",
        "-" if figures.hit_rate is None else f"{figures.hit_rate:.1%}",
    )


def as_text(rows: Sequence[Row]) -> str:
    """The table in plain text: names to the left, numbers to the right."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def as_page(rows: Sequence[Row], about: str, notes: Sequence[str]) -> str:
    """The table as an HTML page that needs nothing else; each phase links to its own report."""
    heads = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
    body = ""
    for row in rows:
        phase, *numbers = map(escape, cells(row))
        body += f'<tr><td><a href="{escape(row.report)}">{phase}</a></td>'
        body += "".join(f"<td>{number}</td>" for number in numbers) + "</tr>\n"
    paragraphs = "".join(f"<p>{escape(note)}</p>\n" for note in notes)
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Load test</title>'
        f"<style>{_STYLE}</style>\n<h1>Load test</h1>\n<p>{escape(about)}</p>\n"
        f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>\n{paragraphs}</html>\n"
    )
