"""The client's words are those of the API: answers, parameters, and both kinds of client alike."""

import inspect
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from broadsheet import __version__
from broadsheet import client as package
from broadsheet.app import ALL_OPERATIONS
from broadsheet.client import AsyncClient, Client, answers, errors, explanations, job_answers
from broadsheet.client.parameters import Finding, Likening, Searching, Suggesting
from search.lookup_parameters import SIMILAR, SUGGEST
from search.parameters import EXPORTED, SEARCH
from web.openapi import document
from web.parameters import Parameter

BY_GET = {"/v1/operations", "/v1/articles/{id}/csl-json"}
"""Operations without a method: their answers come as they are."""
_METHODS = [replace(one, body=None, accepts=None) for one in ALL_OPERATIONS if one.path not in BY_GET]
SCHEMAS: Mapping[str, Any] = document(_METHODS, version=__version__)["components"]["schemas"]
STRUCTS: Mapping[str, type] = {
    name: one
    for module in (answers, job_answers, explanations)
    for name, one in vars(module).items()
    if isinstance(one, type) and issubclass(one, msgspec.Struct)
}
NOT_OURS = {"ProblemBody", "ProblemError", "ExportedArticle"}
"""Told as exceptions, and as items."""
LINES = {"ResultLine": "LineResult", "PartLine": "ExportPart"}
"""Lines, which are called something else here."""


def _plain(schema: Mapping[str, Any]) -> Any:
    """What kind of value a member is, without its words, bounds and defaults."""
    if "enum" in schema:
        return {"string"}
    if "anyOf" in schema:
        kinds = [_plain(one) for one in schema["anyOf"]]
        return {
            one if isinstance(one, str) else repr(one)
            for kind in kinds
            for one in (kind if isinstance(kind, set) else {kind})
        }
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if schema.get("type") == "array":
        inner = schema.get("prefixItems") or [schema.get("items")]
        return ("array", *(repr(_plain(one)) for one in inner if isinstance(one, dict)))
    if schema.get("type") == "object":
        return (
            "object",
            repr(_plain(schema["additionalProperties"]))
            if isinstance(schema.get("additionalProperties"), dict)
            else "any",
        )
    return {schema["type"]} if "type" in schema else {"any"}


def _nullable(plain: Any) -> Any:
    """Members that may be left out are `None` here."""
    kinds = plain if isinstance(plain, set) else {plain if isinstance(plain, str) else repr(plain)}
    return kinds - {"null"}


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - NOT_OURS))
def test_every_member_is_there_with_its_type(name: str) -> None:
    """Each schema of the OpenAPI document is a Struct of its name, member by member."""
    struct = STRUCTS[LINES.get(name, name)]
    _, ours = msgspec.json.schema_components([struct], ref_template="#/components/schemas/{name}")
    theirs, mine = SCHEMAS[name], ours[struct.__name__]
    assert list(mine["properties"]) == list(theirs["properties"])
    assert set(mine["required"]) <= set(theirs.get("required", ()))
    for member, schema in theirs["properties"].items():
        found, told = _plain(mine["properties"][member]), _plain(schema)
        assert _nullable(found) == _nullable(told), member
        if member in theirs.get("required", ()):
            assert ("null" in found) == ("null" in told), member


def test_nothing_is_made_up() -> None:
    """No Struct here is without a schema there; every one is frozen, and reads what is newer than it."""
    assert set(STRUCTS) - set(SCHEMAS) == set(LINES.values())
    assert all(one.__struct_config__.frozen for one in STRUCTS.values())  # type: ignore[attr-defined]
    newer = msgspec.json.decode(b'{"seq":1,"id":"a","reason":"","since":"2027"}', type=job_answers.Parked)
    assert newer == job_answers.Parked(1, "a", "")


@pytest.mark.parametrize(
    ("options", "declared"), [(Searching, SEARCH), (Finding, EXPORTED), (Likening, SIMILAR), (Suggesting, SUGGEST)]
)
def test_every_parameter_can_be_given(options: type, declared: Iterable[Parameter]) -> None:
    """Each parameter of the routes is an option of its name and type; `q` comes first, apart."""
    hints = {name.removesuffix("_"): hint for name, hint in get_type_hints(options).items()}
    assert set(hints) | {"q"} == {one.name for one in declared} | {"q"}
    for one in declared:
        if one.name != "q":
            words = one.schema.get("enum")
            kind = {"integer": int, "boolean": bool}.get(one.schema["type"], str)
            hint = hints[one.name]
            if words:
                assert set(get_args(hint)) == set(words)
            elif kind is str:
                assert hint is str or str in get_args(hint)
            else:
                assert hint is kind


def test_both_clients_are_alike() -> None:
    """The same methods with the same parameters and documents; what waits there is awaited here."""
    both = [
        {name: one for name, one in vars(kind).items() if not name.startswith("_")} for kind in (Client, AsyncClient)
    ]
    assert list(both[0]) == list(both[1])
    for name, blocking in both[0].items():
        awaited = both[1][name]
        ours, theirs = (inspect.signature(one).parameters for one in (blocking, awaited))
        assert [(one.name, one.default, one.kind) for one in ours.values()] == [
            (one.name, one.default, one.kind) for one in theirs.values()
        ]
        assert blocking.__doc__ == awaited.__doc__
        iterates = get_origin(get_type_hints(blocking)["return"]) is not None
        assert inspect.iscoroutinefunction(awaited) != iterates, name


def test_the_package_lists_what_it_exports() -> None:
    """`__all__` is there, whole; and so is every error of the tree that is drawn."""
    assert all(hasattr(package, name) for name in package.__all__)
    drawn = [
        line for line in (errors.__doc__ or "").splitlines() if "Error" in line and ("├──" in line or "└──" in line)
    ]
    tree = {line.split("── ")[1].split()[0]: line.index("──") for line in drawn}
    for name, depth in tree.items():
        assert name in package.__all__
        (parent,) = getattr(errors, name).__bases__
        assert parent is (errors.BroadsheetError if depth == 5 else errors.ProblemError)
    kinds = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
    assert kinds == {*tree, "BroadsheetError"}


def test_it_loads_no_index() -> None:
    """Whoever only asks imports no other room, and nothing of what those need."""
    rooms = {"search", "indexer", "partition", "cache", "web"}
    heavy = {"numba", "numpy", "whoosh", "uvicorn", "starlette", "typer"}
    code = (
        "import sys, broadsheet.client; "
        f"print(sorted({rooms | heavy} & set(sys.modules)), [one for one in sys.modules "
        "if one.startswith('broadsheet.') and not one.startswith('broadsheet.client')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[] []\n"


def test_types_are_told_to_others(tmp_path: Path) -> None:
    """A program that uses it is checked: a wrong option, a wrong word and a wrong member are found."""
    program = tmp_path / "program.py"
    program.write_text(
        "from broadsheet.client import Client\n"
        "client = Client('http://127.0.0.1:8000')\n"
        "client.search('a', limit=10, from_='-7d', section=['a', 'b'])\n"
        "client.search('a', limits=10)\n"
        "client.search('a', sort='best')\n"
        "client.search('a').totals\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent", str(program)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    found = [int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line]
    assert found == [4, 5, 6], checked.stdout
