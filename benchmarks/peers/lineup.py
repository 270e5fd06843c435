"""The line-up: which engines there are, what each needs installed, and how to get one.

Contract: an engine's module is imported only when the engine is made, since its package may be missing.

Not here: what an engine does (`engine.py`).
"""

# ruff: noqa: PLC0415 - a peer's module is imported late, because its package may be missing

import sqlite3
from importlib.metadata import version
from importlib.util import find_spec

from benchmarks.peers.engine import Engine

_PACKAGES: dict[str, dict[str, str]] = {
    "broadsheet": {},
    "broadsheet-8": {},
    "tantivy": {"tantivy": "tantivy"},
    "bm25s": {"bm25s": "bm25s", "Stemmer": "PyStemmer", "numba": "numba"},
    "fts5": {},
    "whoosh": {},
}
"""Engine to the modules it needs and the packages they come from, beside what Broadsheet itself needs."""

ENGINES = tuple(_PACKAGES)
ORACLE = "broadsheet"
"""The engine whose index the oracle reads."""


def missing(name: str) -> list[str]:
    """The packages without which an engine cannot be made here."""
    return [package for module, package in _PACKAGES[name].items() if find_spec(module) is None]


def make(name: str) -> Engine:
    """One of `ENGINES`, nothing of which is `missing`."""
    match name:
        case "broadsheet" | "broadsheet-8":
            from benchmarks.peers.broadsheet_engine import Broadsheet

            return Broadsheet(partitions=8 if name == "broadsheet-8" else 1)
        case "tantivy":
            from benchmarks.peers.tantivy_engine import Tantivy

            return Tantivy()
        case "bm25s":
            from benchmarks.peers.bm25s_engine import Bm25s

            return Bm25s()
        case "fts5":
            from benchmarks.peers.fts5_engine import Fts5

            return Fts5()
        case "whoosh":
            from benchmarks.peers.whoosh_engine import StockWhoosh

            return StockWhoosh()
        case _:
            raise ValueError(f"there is no engine {name!r}; there are {', '.join(ENGINES)}")


def release(name: str) -> str:
    """The version of an engine."""
    match name:
        case "fts5":
            return sqlite3.sqlite_version
        case "whoosh":
            return version("whoosh3")
        case "broadsheet" | "broadsheet-8":
            from broadsheet import __version__

            return __version__
        case _:
            return version(name)
