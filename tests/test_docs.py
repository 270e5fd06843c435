"""The documentation: no link leads nowhere, and nothing that users meet is left out."""

import re
import shlex
import string
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest
import typer.main
from prometheus_client import REGISTRY
from starlette.routing import Route

from broadsheet import __version__
from broadsheet.app import ALL_OPERATIONS, create_app
from broadsheet.cli import app
from broadsheet.settings import PREFIX, Settings
from indexer import worker
from search.parameters import SEARCH
from tests.shell_lines import blocks, commands
from web.headers import OF_ALL, OF_PROBLEMS, REQUEST_ID
from web.openapi import document
from web.parameters import Parameter
from web.problem_types import TYPES

REPOSITORY = Path(__file__).parents[1]
MEASURED = (worker,)
"""Modules that the app does not import, and that have metrics."""
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
_FENCED_PYTHON = re.compile(r"^```python.*?^```", re.MULTILINE | re.DOTALL)
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


_HEADERS = [one for operation in ALL_OPERATIONS for one in (*operation.headers, *operation.answered)]


@pytest.mark.parametrize("name", sorted({one.name for one in (*_HEADERS, REQUEST_ID, *OF_ALL, *OF_PROBLEMS)}))
def test_every_header_is_documented(name: str) -> None:
    """That requests may have, and that answers have."""
    assert re.search(rf"`{name}\b", _documentation())


@pytest.mark.parametrize(
    "path", sorted({route.path for route in create_app(Settings()).routes if isinstance(route, Route)})
)
def test_every_address_is_documented(path: str) -> None:
    """Of the app, whether an operation of the API or not."""
    assert f"{path}`" in _documentation()


@cache
def _metrics() -> set[str]:
    """The names of metrics, and of what Prometheus makes of them."""
    named = {one.name for one in REGISTRY.collect()}
    return {name + ending for name in named for ending in ("", "_total", "_bucket", "_sum", "_count")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_what_is_named_is_there(page: Path) -> None:
    """Files of the repository, settings and metrics; none that was renamed or never was."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|md|css|html|toml|json))`", text):
        if name.partition("/")[0] in FOLDERS:
            assert (REPOSITORY / name).exists(), f"{name}: there is no such file"
    for name in re.findall(rf"\b{PREFIX}([A-Z_]+)\b", text):
        assert name.lower() in {*Settings.__struct_fields__, "config", "kernels", "key", "url"}, (
            f"{PREFIX}{name}: no setting"
        )
    for name in re.findall(r"\bbroadsheet_[a-z_]+\b", _FENCED_PYTHON.sub("", text)):
        assert name.endswith("_") or name in _metrics(), f"{name}: there is no such metric"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_shell_lines_can_be_read(page: Path) -> None:
    """By a shell; and each `broadsheet` in them is a command, with options that it has.

    Those of the tutorial and the guides are run, too (`test_tutorial.py`, `test_guides.py`).
    """
    for block in blocks(page):
        for command in commands(block):
            checked = subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, check=False)
            assert checked.returncode == 0, f"line {block.line}: {checked.stderr.decode()}"
            for typed in re.findall(r"^(?:.*[\s/])?broadsheet ((?:[^\n|&<>()]|\\\n)+)", command.text, re.MULTILINE):
                _check_typed(
                    shlex.split(typed.replace("\\\n", " ").replace("'", " ").replace('"', " "), comments=True)
                )


def _check_typed(words: list[str]) -> None:
    name = next((one for one in (" ".join(words[:2]), words[0]) if one in COMMANDS), None)
    assert name, f"broadsheet {words[0]}: there is no such command"
    known = {option for parameter in COMMANDS[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known | {"--help"}, f"broadsheet {name} has no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_settings_files_are_accepted(page: Path) -> None:
    """Each that is shown, as it stands."""
    for text in re.findall(r"^```toml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        given = tomllib.loads(text)
        assert given.keys() <= set(Settings.__struct_fields__)
        msgspec.convert(given, Settings, strict=True)
