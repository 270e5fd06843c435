"""Numbers that kernels repeat, since what they are compiled from is their folder alone: each equals the original.

Not here: what the numbers mean.
"""

import ast
import sys
from pathlib import Path

from partition import envelope, schema, scoring
from partition.kernels import matching, ranking, segments, views
from search import order


def test_repeated_numbers_are_equal() -> None:
    """A change in one place is noticed."""
    assert len(schema.TEXT_FIELDS) == segments.TEXT_FIELDS
    assert scoring.K1 + 1.0 == ranking.K1_PLUS_1
    assert order.LAST == views.LAST
    assert schema.NO_DATE_MS == matching.NO_DATE
    assert ranking.WINDOW == 64 * ranking.WORDS
    assert envelope.PAGE_BYTES == segments.PAGE_BYTES


def test_kernels_import_nothing_that_they_would_not_be_compiled_again_for() -> None:
    """Of the project, only each other."""
    for path in Path(segments.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in named:
                assert name.split(".")[0] in {"llvmlite", "numba", "numpy", *sys.stdlib_module_names} or (
                    name.startswith("partition.kernels")
                ), f"{path.name} imports {name}"
