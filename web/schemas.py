"""JSON Schemas of the Structs that are sent and received, with what the code says of their members.

Contract: a Struct's docstring, and the text below each of its members, are its descriptions; nothing is said twice.
The source files must be there, as they are wherever it is installed.

Not here: the document around them (`openapi.py`).
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from types import ModuleType
from typing import Any, get_args

import msgspec


def schemas_of(types: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """The schemas of these Structs and of all that they refer to, by name, as `components/schemas`."""
    kinds = list(types)
    _references, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for struct in set(_structs(kinds, set())):
        schema = schemas[struct.__name__]
        told = {name: text for one in reversed(struct.__mro__[:-2]) for name, text in _told_by(one).items()}
        for name, member in schema["properties"].items():
            if name in told:
                member["description"] = told[name]
            # Members that are left out when empty are never null.
            if member.get("default", ...) is None and name not in schema.get("required", []):
                member.pop("default")
    return schemas


def _structs(kinds: Iterable[Any], seen: set[Any]) -> Iterator[type[msgspec.Struct]]:
    """These Structs, and all that stand in their members."""
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if kind not in seen:
                seen.add(kind)
                yield kind
                yield from _structs((field.type for field in msgspec.structs.fields(kind)), seen)
        else:
            yield from _structs(get_args(kind), seen)


def _told_by(kind: type) -> dict[str, str]:
    return _members_told(sys.modules[kind.__module__]).get(kind.__name__, {})


@cache
def _members_told(module: ModuleType) -> dict[str, dict[str, str]]:
    """By class and member the text that stands below it."""
    classes = [node for node in ast.parse(getsource(module)).body if isinstance(node, ast.ClassDef)]
    return {one.name: dict(_told(one.body)) for one in classes}


def _told(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for member, below in pairwise(body):
        match member, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(cleandoc(text).split())
