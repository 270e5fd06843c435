"""Exports: the whole answer of a query as files, of one state of the archive, whatever happens meanwhile.

    DATA/exports/ID/part-00001.ndjson    one article a line, in the order of the search
    DATA/exports/ID/parts.json           {"total": .., "parts": [{"part": 1, "articles": .., "bytes": .., ..}]}

Contract: a part is complete and durable when it has its name, and is made again if whoever made it dies. All parts
together are what the search found in the state in which the export began, each article once; where that state is no
longer kept before all is done, the export begins anew, with parts of other numbers. An article that is taken down
goes out of parts that were made, and of those that are being made. Exports go after `KEPT_MS`, or when they are
canceled.

Not here: searching (a port, `Page`), HTTP (`saga_routes.py`).
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from indexer.jobs import ID_BYTES, KEPT_MS, created_ms_of
from indexer.sagas import Doing, NotYet, Saga, SagaFailedError, Step, Steps, Told
from partition.envelope import fsync_folder, make_folder

KIND = "export"
PART_ARTICLES = 10_000
PART_BYTES = 64 << 20
"""A part ends with the page that exceeds either."""
MAX_BEGUN = 3
"""How often an export begins: what takes longer than states are kept would never end."""
MAX_KEPT = 100
"""Exports of an archive, those that are being made included."""
_PARTS = "parts.json"
_NAME = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")


class Page(NamedTuple):
    """One page of a search, and where the next one begins."""

    items: Sequence[dict[str, Any]]
    next: str | None
    """Cursor; `None` at the end."""
    total: int
    erased_seq: int
    """The last takedown that what answered had applied."""


class ExportExpiredError(Exception):
    """The state that is exported is no longer kept, or the search is not accepted any more."""


Search = Callable[[Sequence[tuple[str, str]], str | None], Page]
"""Parameters, as in the address, and a cursor to a page. Raises `ExportExpiredError`; anything else passes."""


class Exporter:
    """The exports of one archive."""

    def __init__(self, root: Path, search: Search, erased_seq: Callable[[], int]) -> None:
        """Args: the archive; the search; the last takedown that its newest epoch has applied."""
        self._folder = root / "exports"
        self._search = search
        self._erased_seq = erased_seq

    def steps(self) -> Steps:
        """The steps of every export; a saga's subject is `{"parameters": [[name, value], ..]}`."""
        return (Step("parts", self._export, self._remove), Step("complete", self._complete))

    def parts(self, export_id: bytes) -> Told:
        """What there is of an export so far."""
        try:
            told: Told = orjson.loads((self._of(export_id) / _PARTS).read_bytes())
        except FileNotFoundError:
            return {"total": 0, "parts": []}
        return told

    def path(self, export_id: bytes, part: int) -> Path:
        """The file of a part, which need not be there."""
        return _path(self._of(export_id), part)

    def count(self) -> int:
        """How many exports there are files of."""
        return sum(1 for _folder in self._folders())

    def redact(self, article_id: str) -> int:
        """Write parts that hold this article again without it; returns how many there were."""
        count = 0
        for folder in self._folders():
            with _locked(folder):
                told = orjson.loads((folder / _PARTS).read_bytes()) if (folder / _PARTS).exists() else {"parts": []}
                paths = {entry["part"]: _path(folder, entry["part"]) for entry in told["parts"]}
                for left in {*folder.glob("*.ndjson")} - {*paths.values()}:  # of somebody who died before it was told
                    left.unlink()
                for entry in told["parts"]:
                    path = paths[entry["part"]]
                    kept, dropped = _without(path, article_id)
                    if dropped or entry["sha256"] != hashlib.sha256(kept).hexdigest():
                        with _written(path) as file:
                            file.write(kept)
                        entry.update(_described(kept))
                        count += 1
                if told["parts"]:
                    _tell(folder, told)
                for left in folder.glob("*.tmp"):  # of somebody who died; those who live hold the lock
                    left.unlink()
        return count

    def expire(self, now_ms: int) -> None:
        """Remove exports that began `KEPT_MS` ago."""
        for folder in self._folders():
            if created_ms_of(bytes.fromhex(folder.name)) < now_ms - KEPT_MS:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        """Of exports, whatever else lies there."""
        return sorted(one for one in self._folder.glob("*") if _NAME.fullmatch(one.name) and one.is_dir())

    def _of(self, export_id: bytes) -> Path:
        return self._folder / export_id.hex()

    def _export(self, doing: Doing) -> Told:
        folder = self._of(doing.saga.id)
        make_folder(folder)
        told = dict(self.parts(doing.saga.id))
        cursor: str | None = told.get("cursor")
        while not told["parts"] or cursor:
            with _locked(folder):
                # Nothing of this part is to be seen before it has its name, and a takedown waits for the lock.
                try:
                    cursor = self._part(doing, folder, told, cursor)
                except ExportExpiredError as error:
                    if told.get("begun", 1) >= MAX_BEGUN:
                        raise SagaFailedError(str(error)) from None
                    told = _anew(folder, told)
                    cursor = None
            doing.note({"articles": sum(one["articles"] for one in told["parts"]), "total": told["total"]})
        return {name: told[name] for name in ("total", "parts")}

    def _part(self, doing: Doing, folder: Path, told: dict[str, Any], cursor: str | None) -> str | None:
        """One more part; returns where the next one begins."""
        lines: list[bytes] = []
        erased = None
        begun = cursor
        while len(lines) < PART_ARTICLES and sum(map(len, lines)) < PART_BYTES:
            if doing.stopping():
                raise NotYet
            page = self._search([(name, value) for name, value in doing.saga.subject["parameters"]], cursor)
            if erased is None:
                erased, told["total"] = page.erased_seq, told["total"] if begun else page.total
            lines += [orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        if erased != self._erased_seq():
            raise NotYet  # something was taken down meanwhile: it may be among these
        content = b"".join(lines)
        number = told.get("made", 0) + 1
        with _written(_path(folder, number)) as file:
            file.write(content)
        told["made"] = number
        told["parts"] = [*told["parts"], {"part": number, **_described(content)}]
        told["cursor"] = cursor
        _tell(folder, told)
        return cursor

    def _complete(self, doing: Doing) -> Told:
        told = self.parts(doing.saga.id)
        return {"articles": sum(one["articles"] for one in told["parts"])}

    def _remove(self, saga: Saga) -> None:
        shutil.rmtree(self._of(saga.id), ignore_errors=True)


def _path(folder: Path, part: int) -> Path:
    return folder / f"part-{part:05d}.ndjson"


def _anew(folder: Path, told: Told) -> dict[str, Any]:
    """Let go of all parts; what there is then. No number is given twice: who has a part knows of what it is one."""
    for left in folder.glob("*.ndjson"):
        left.unlink()
    begun = {"total": 0, "parts": [], "made": told.get("made", 0), "begun": told.get("begun", 1) + 1}
    _tell(folder, begun)
    return begun


def _described(content: bytes) -> dict[str, Any]:
    return {
        "articles": content.count(b"\n"),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _without(path: Path, article_id: str) -> tuple[bytes, int]:
    """The lines of a part that are not of this article, and how many are."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if orjson.loads(line).get("id") != article_id]
    return b"".join(kept), len(lines) - len(kept)


def _tell(folder: Path, told: Told) -> None:
    with _written(folder / _PARTS) as file:
        file.write(orjson.dumps(told))


@contextlib.contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is complete, in place of what had it."""
    aside = path.with_name(f"{path.name}.tmp")
    with aside.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    fsync_folder(path.parent)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time makes or changes parts; whoever dies lets go."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
