"""The dashboards: they ask for metrics that there are, for all of the cache, and their panels can be told apart.

Not here: what the metrics say (`docs/reference.md`).
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from broadsheet import __version__
from broadsheet.app import ALL_OPERATIONS
from tests.commands import REPOSITORY
from web.openapi import document

DASHBOARDS = sorted((REPOSITORY / "deploy" / "grafana").glob("*.json"))
SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
"""What Prometheus has of a metric of each kind, by how the names end."""
SCRAPED = {"instance", "le"}
"""Labels that Prometheus adds, and that of the bounds of a histogram."""
WIDTH = 24
"""Columns of the grid."""


@cache
def _metrics() -> dict[str, set[str]]:
    """The names under which Prometheus has the metrics of the service, with their labels."""
    return {
        one.name + ending: {*REGISTRY._names_to_collectors[one.name]._labelnames, *SCRAPED}  # type: ignore[attr-defined]
        for one in REGISTRY.collect()
        if one.name.startswith("broadsheet_")
        for ending in SAMPLES[one.type]
    }


@cache
def _values() -> set[str]:
    """Values that labels are known to have: those counted under from the start, and the routes."""
    samples = (sample for one in REGISTRY.collect() for sample in one.samples)
    counted = {value for sample in samples for value in sample.labels.values()}
    return counted | {*document(ALL_OPERATIONS, version=__version__)["paths"]}


def _read(path: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(path.read_bytes())
    return dashboard


def _panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All but the rows, which are headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in _panels(dashboard):
        yield from (target["expr"] for target in panel["targets"])


def _nested(expression: str) -> bool:
    """Whether each bracket outside of quotes is closed by its own kind, the last opened first."""
    open_ones: list[str] = []
    for char in re.sub(r'"(?:[^"\\]|\\.)*"', "", expression):
        if char in "([{":
            open_ones.append(")]}"["([{".index(char)])
        elif char in ")]}" and (not open_ones or open_ones.pop() != char):
            return False
    return not open_ones


def test_brackets() -> None:
    """What the check below takes for closed."""
    assert all(map(_nested, ("", "f(a{b='c'}[5m])", 'a{b=")"}', 'a{b="\\")"}')))
    assert not any(map(_nested, ("(", ")", ")(", "(]", "([)]", 'a{b=")}')))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_what_there_is(path: Path) -> None:
    """Metrics by the names that Prometheus has, their labels, and values of these."""
    dashboard = _read(path)
    for expression in _expressions(dashboard):
        assert _nested(expression), expression
        selected = re.findall(r"([a-zA-Z_:][\w:]*)\{(.*?)\}", expression)
        assert selected, expression
        # A metric that is not selected from would escape this test.
        assert {name for name, _ in selected} == set(re.findall(r"\b[a-z]+_[\w:]*(?=[{[])", expression)), expression
        assert {name for name, _ in selected} <= _metrics().keys(), expression
        labels = set.intersection(*(_metrics()[name] for name, _ in selected))
        matchers = [found for _, inside in selected for found in re.findall(r'(\w+)(=~?)"(.*?)"', inside)]
        grouped = [label for inside in re.findall(r"\bby \((.*?)\)", expression) for label in inside.split(", ")]
        assert {*grouped, *(label for label, _, _ in matchers)} <= labels, expression
        assert {value for _, sign, value in matchers if sign == "="} <= _values(), expression
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            (asked,) = re.findall(r"^label_values\((\w+), instance\)$", variable["query"]["query"])
            assert asked in _metrics()


def test_every_metric_of_the_cache_is_on_a_dashboard() -> None:
    """As Prometheus has it; of a histogram one of its parts will do."""
    asked = "\n".join(expression for path in DASHBOARDS for expression in _expressions(_read(path)))
    for one in REGISTRY.collect():
        if one.name.startswith("broadsheet_cache_"):
            assert any(f"{one.name}{ending}{{" in asked for ending in SAMPLES[one.type]), f"{one.name} is on none"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_can_be_told_apart(path: Path) -> None:
    """Each has an id and a title of its own, and says what is good; none covers another or leaves the grid."""
    dashboard = _read(path)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in _panels(dashboard)}) == len(_panels(dashboard))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        x, y, width, height = (panel["gridPos"][name] for name in "xywh")
        assert 0 <= x < x + width <= WIDTH, panel["title"]
        cells = {(column, line) for column in range(x, x + width) for line in range(y, y + height)}
        assert not cells & taken, f"{panel['title']} covers another"
        taken |= cells
    for panel in _panels(dashboard):
        assert re.search(r"\bgood\b", panel["description"], re.IGNORECASE), panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        legends = re.findall(r"\{\{(\w+)\}\}", " ".join(target["legendFormat"] for target in panel["targets"]))
        assert all(any(f"by ({label})" in target["expr"] for target in panel["targets"]) for label in legends)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    """Under an id of its own that stays, into any Grafana from 10 on, with the Prometheus that is chosen there."""
    dashboard = _read(path)
    assert re.fullmatch(r"[\w-]{8,40}", dashboard["uid"])
    assert dashboard["title"]
    assert dashboard["schemaVersion"] >= 38
    first, *_ = dashboard["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in _panels(dashboard):
        assert all(one["datasource"] == chosen for one in (panel, *panel["targets"])), panel["title"]


def test_there_is_a_dashboard_of_the_cache() -> None:
    """Where README.md says."""
    assert REPOSITORY / "deploy" / "grafana" / "cache.json" in DASHBOARDS
