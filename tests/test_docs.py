"""The documentation: no link leads nowhere, and nothing that users meet is left out."""

import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
from prometheus_client import REGISTRY

from broadsheet import __version__
from broadsheet.app import ALL_OPERATIONS
from broadsheet.cli import app
from broadsheet.settings import PREFIX, Settings
from search.parameters import SEARCH
from web.openapi import document
from web.parameters import Parameter
from web.problem_types import TYPES

REPOSITORY = Path(__file__).parents[1]
FOLDERS = (
    "docs",
    "partition",
    "indexer",
    "search",
    "cache",
    "web",
    "broadsheet",
    "loadtests",
    "benchmarks",
    "deploy",
)
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(page for folder in FOLDERS for page in (REPOSITORY / folder).rglob("*.md"))]
)

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def _links(page: Path) -> Iterator[str]:
    """The relative links of a page."""
    text = _CODE.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))
    return (link for link in _LINK.findall(text) if "://" not in link and not link.startswith("mailto:"))


def _anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    dropped = str.maketrans("", "", string.punctuation.replace("-", "").replace("_", ""))
    return {heading.lower().translate(dropped).replace(" ", "-") for heading in _HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files exist inside the repository, and headings in them."""
    for link in _links(page):
        address, _, anchor = link.partition("#")
        target = (page.parent / address).resolve() if address else page
        assert target.exists(), f"{link}: there is no such file"
        assert target.is_relative_to(REPOSITORY), f"{link}: leads out of the repository"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{link}: there is no such heading"


@cache
def _documentation() -> str:
    """What users read."""
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages if page.exists())


def test_there_is_documentation() -> None:
    """The pages that others lead to."""
    for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        assert REPOSITORY / name in PAGES


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_is_documented(name: str) -> None:
    """By its name or its variable."""
    assert re.search(rf"`(?:{name}|{PREFIX}{name.upper()})`", _documentation())


_TREE = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = {name: command for name, command in _TREE.items() if not hasattr(command, "commands")} | {
    f"{group} {name}": command
    for group, commands in _TREE.items()
    for name, command in getattr(commands, "commands", {}).items()
}
"""As they are typed; a group is its commands."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented_with_its_options(command: str) -> None:
    """As it is typed, with everything that it takes."""
    assert re.search(rf"\bbroadsheet {command}\b", _documentation())
    for parameter in COMMANDS[command].params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", _documentation()), f"{option} is not documented"


@pytest.mark.parametrize("path", document(ALL_OPERATIONS, version=__version__)["paths"])
def test_every_route_is_documented(path: str) -> None:
    """Every address of the OpenAPI document."""
    assert path in _documentation()


@pytest.mark.parametrize("slug", TYPES)
def test_every_problem_is_documented(slug: str) -> None:
    """Every type of problem that the API answers."""
    assert f"`{slug}`" in _documentation()


@pytest.mark.parametrize("parameter", SEARCH, ids=lambda parameter: parameter.name)
def test_every_parameter_is_documented(parameter: Parameter) -> None:
    """In a row of its own, with its example."""
    rows = re.findall(rf"^\| `{parameter.name}` \|.*$", _documentation(), re.MULTILINE)
    assert any(parameter.example is None or f"`{parameter.name}=" in row for row in rows)


@pytest.mark.parametrize("name", sorted(one.name for one in REGISTRY.collect() if one.name.startswith("broadsheet_")))
def test_every_metric_is_documented(name: str) -> None:
    """By its name, as Prometheus shows it."""
    assert re.search(rf"`{name}(_total|_seconds)?`", _documentation())
