"""The architecture, held: who may import whom, where packages are fenced in, what every file owes its reader."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from tokenize import COMMENT, generate_tokens
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]

MAY_IMPORT: dict[str, set[str]] = {
    "partition": set(),
    "indexer": {"partition", "web"},
    "search": {"partition", "web"},
    "cache": set(),
    "web": set(),
    "broadsheet": {"partition", "indexer", "search", "cache", "web"},
    "loadtests": set(),
    "benchmarks": {"partition", "indexer", "search", "cache", "web", "broadsheet", "loadtests", "tests"},
    "tests": {"partition", "indexer", "search", "cache", "web", "broadsheet", "loadtests", "benchmarks"},
}
"""Room to the other rooms that it may import. What composes, measures and tests is imported by nothing else."""

INSTALLED = ("partition", "indexer", "search", "cache", "web", "broadsheet")
"""Rooms of the distribution."""

THIRD_PARTIES: dict[str, set[str]] = {
    "partition": {"Stemmer", "llvmlite", "numba", "numpy", "orjson", "whoosh", "zstandard"},
    "cache": {"aiocache", "prometheus_client", "redis", "zstandard"},
    "web": {"jinja2", "markupsafe", "msgspec", "orjson", "prometheus_client", "starlette", "structlog"},
    "indexer": {
        *("defusedxml", "fastwarc", "msgspec", "numpy", "orjson", "prometheus_client", "starlette", "structlog"),
        *("py3langid", "rensa", "trafilatura", "zstandard"),
    },
    "loadtests": {"gevent", "locust"},
}
"""Rooms that may use only these packages, beside the standard library."""

FENCES: dict[str, tuple[str, ...]] = {
    "numba": ("partition/kernels/*.py",),
    "llvmlite": ("partition/kernels/*.py",),
    "Stemmer": ("partition/analysis.py",),
    "starlette": (
        *("web/*.py", "*/routes.py", "indexer/*_routes.py", "search/page/*.py"),
        *("broadsheet/app.py", "broadsheet/telemetry.py"),
    ),
    "aiocache": ("cache/backends.py",),
    "redis": ("cache/backends.py", "broadsheet/redis_hints.py"),
    "jinja2": ("web/pages.py",),
    "defusedxml": ("indexer/feeds/xml_tree.py",),
    "httpx2": ("broadsheet/client/*.py",),
    "fastwarc": ("indexer/readers/warc.py",),
    "py3langid": ("indexer/language.py",),
    "rensa": ("indexer/likeness.py",),
    "trafilatura": ("indexer/readers/extraction.py",),
    "typer": (
        "broadsheet/cli.py",
        "broadsheet/command.py",
        "broadsheet/search_commands.py",
        "broadsheet/intake_commands.py",
        "broadsheet/upkeep_commands.py",
        "broadsheet/key_commands.py",
        "broadsheet/cache_commands.py",
    ),
    "whoosh": ("partition/analysis.py", "partition/whoosh_*.py"),
}
"""Packages that only these files may import; tests and benchmarks may import everything."""

SPELLINGS = {
    "Stemmer": "PyStemmer",
    "jinja2": "Jinja",
    "markupsafe": "MarkupSafe",
    "numba": "Numba",
    "numpy": "NumPy",
    "rich": "Rich",
    "typer": "Typer",
    "whoosh": "Whoosh",
}
"""Packages that documents write otherwise."""

EVERYWHERE = {"prometheus_client", "starlette", "structlog"}
"""Packages that the table of imports leaves to the text below it."""

RUNS_CODE_FROM_DATA = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
MEANINGLESS = {"common", "data", "helper", "helpers", "info", "manager", "misc", "util", "utils"}
MAX_LINES = 500


@cache
def _modules() -> tuple[Path, ...]:
    """Every Python file of the project, relative to the repository."""
    found = [path for room in MAY_IMPORT for path in (REPOSITORY / room).rglob("*.py")]
    return tuple(sorted(path.relative_to(REPOSITORY) for path in found))


@cache
def _tree(module: Path) -> ast.Module:
    return ast.parse((REPOSITORY / module).read_text(encoding="utf-8"))


def _imports(module: Path) -> Iterator[str]:
    """The packages that a module imports, wherever in it."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: import by whole names"
            assert node.module
            yield node.module.partition(".")[0]


def test_every_room_is_known() -> None:
    """A folder with Python files in it has its rules here."""
    folders = {path.relative_to(REPOSITORY).parts[0] for path in REPOSITORY.glob("[a-z]*/*.py")}
    assert folders <= set(MAY_IMPORT)
    assert set(INSTALLED) <= folders


def test_rooms_keep_to_their_imports() -> None:
    """A room imports the rooms and packages that it may."""
    wrong = []
    for module in _modules():
        room = module.parts[0]
        for package in _imports(module):
            if package in MAY_IMPORT:
                allowed = package == room or package in MAY_IMPORT[room]
            else:
                allowed = package in sys.stdlib_module_names or package in THIRD_PARTIES.get(room, {package})
            if not allowed:
                wrong.append(f"{module}: {room} may not import {package}")
    assert wrong == []


def test_fenced_packages_stay_in_their_fences() -> None:
    """What may be replaced one day is known to few files."""
    assert [
        f"{module}: {package} is fenced in elsewhere"
        for module in _modules()
        if module.parts[0] in INSTALLED
        for package in _imports(module)
        if package in FENCES and not any(module.match(pattern) for pattern in FENCES[package])
    ] == []


def _page(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def _third_parties(room: str) -> set[str]:
    imported = {package for module in _modules() if module.parts[0] == room for package in _imports(module)}
    return imported - set(MAY_IMPORT) - sys.stdlib_module_names - EVERYWHERE


@pytest.mark.parametrize("room", INSTALLED)
def test_the_table_of_imports_is_right(room: str) -> None:
    """A room's row in ARCHITECTURE.md names the rooms that it may import, and the packages that it does."""
    (row,) = re.findall(rf"^\| \[`{room}/`\]\(.*\) \| (.*) \| (.*) \|$", _page("ARCHITECTURE.md"), re.MULTILINE)
    rooms, packages = row
    every = set(INSTALLED) - {room} if rooms.startswith("every room;") else set()
    assert every | set(re.findall(r"`(\w+)`", rooms)) == MAY_IMPORT[room]
    known = {package for one in INSTALLED for package in _third_parties(one)}
    named = {package for package in known if re.search(rf"\b{SPELLINGS.get(package, package)}\b", packages)}
    assert named == _third_parties(room)


@pytest.mark.parametrize(("page", "depth"), [("ARCHITECTURE.md", 9), ("README.md", 2)])
def test_every_module_is_named(page: str, depth: int) -> None:
    """ARCHITECTURE.md leads to each, README.md to those that lie in a room itself, by link or by a pattern."""
    text = _page(page)
    patterns = re.findall(r"`([\w/]+/\w*\*\.py)`", text)
    assert [
        str(module)
        for module in _modules()
        if module.parts[0] in INSTALLED
        and len(module.parts) <= depth
        and f"]({module})" not in text
        and not any(module.match(pattern) for pattern in patterns)
    ] == []


def test_nothing_runs_code_from_data() -> None:
    """No file uses a format that can carry code, and none imports what this test cannot read."""
    wrong = []
    for module in _modules():
        names = {node.id for node in ast.walk(_tree(module)) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(_tree(module)) if isinstance(node, ast.Attribute)}
        found = RUNS_CODE_FROM_DATA.intersection(_imports(module)) | names & {"__import__", "import_module"}
        wrong += [f"{module}: {name}" for name in found]
    assert wrong == []


def test_every_module_has_its_sign() -> None:
    """The docstring says what a module is, and in its last paragraph what is not in it."""
    wrong = []
    for module in _modules():
        if not module.name.startswith("test_"):
            *before, last = (ast.get_docstring(_tree(module)) or "").split("\n\n")
            if not before or not last.startswith("Not here: "):
                wrong.append(f"{module}: end its docstring with a paragraph `Not here: ...`")
    assert wrong == []


def _prose(module: Path) -> Iterator[str]:
    """What a module says to its readers: comments, docstrings, and the texts below attributes."""
    source = _page(str(module))
    yield from (token.string for token in generate_tokens(StringIO(source).readline) if token.type == COMMENT)
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def _is_there(name: str, module: Path) -> bool:
    folders = [REPOSITORY / folder for folder in module.parents]
    rooms = [REPOSITORY / room for room in MAY_IMPORT if "/" in name]
    return any([*folder.glob(name)] for folder in folders + rooms)


def test_files_that_are_named_are_there() -> None:
    """A name in prose is that of a file beside the module or above it, or, with its folder, in any room."""
    assert [
        f"{module}: there is no {name}"
        for module in _modules()
        for name in re.findall(r"[\w.*][\w./*-]*\.(?:py|md)\b", "\n".join(_prose(module)))
        if not _is_there(name, module)
    ] == []


def test_every_test_says_what_it_shows() -> None:
    """Test modules and test functions have docstrings."""
    wrong = []
    for module in _modules():
        if module.name.startswith("test_"):
            tree = _tree(module)
            tests = [
                node
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
            ]
            assert ast.get_docstring(tree), module
            wrong += [f"{module}: {test.name} has no docstring" for test in tests if not ast.get_docstring(test)]
    assert wrong == []


def test_files_are_short_and_named_for_what_they_hold() -> None:
    """At most so many lines, under a name that means something."""
    wrong = []
    for module in _modules():
        lines = len((REPOSITORY / module).read_text(encoding="utf-8").splitlines())
        if lines > MAX_LINES:
            wrong.append(f"{module}: {lines} lines")
        if module.stem in MEANINGLESS:
            wrong.append(f"{module}: name it for what it holds")
    assert wrong == []


def _project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_distribution_is_the_rooms() -> None:
    """The packages listed are those on disk: no more, no fewer, no tests."""
    on_disk = {
        ".".join(path.parent.relative_to(REPOSITORY).parts)
        for room in INSTALLED
        for path in (REPOSITORY / room).rglob("__init__.py")
    }
    listed = _project()["tool"]["setuptools"]["packages"]
    assert sorted(on_disk) == sorted(listed)


def test_the_distribution_has_every_file() -> None:
    """Whatever is no Python in a package is listed with it, or it would be missing where it is installed."""
    patterns = _project()["tool"]["setuptools"]["package-data"]
    for room in INSTALLED:
        for path in (REPOSITORY / room).rglob("*"):
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                package = ".".join(path.parent.relative_to(REPOSITORY).parts)
                assert any(path.match(pattern) for pattern in patterns.get(package, ())), path
