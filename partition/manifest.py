"""The root manifest: one JSON file that names everything an epoch consists of.

    DATA/epochs/000000000007.json
    {"format": "broadsheet-epoch", "version": 6, "checksum": "<blake2b-16 of the epoch's JSON>",
     "epoch": {"epoch": 7, "published_ms": .., "archive": "..", "applied_seq": .., "since_seq": .., "parked": [], ..,
               "languages": [{"language": "en", "since_seq": 1}, ..],
               "statistics": [{"number": 2, "through_seq": .., "file": {"name": .., "size_bytes": .., "seal": ..}}],
               "partitions": [{"generation": 5, "articles": .., "segments": .., .., "files": [..]}, ..]}}

What an epoch answers depends on its log sequence alone. Its files also show each earlier state from `since_seq` on
(`reader.py`): so a state stays to be seen long after its own manifest is gone.

Contract: a manifest is complete or invisible, and never changes once it has its name. `newest_epoch` and
`read_manifest` never lock. Paths are derived from numbers by `Layout`, so that a folder can be moved as a whole.

Not here: writing and publishing manifests, retention (`indexer/publisher.py`).
"""

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from partition.analysis import ENGLISH
from partition.errors import CorruptFile, MissingFile, TooNewFile, TooOldFile

FORMAT = "broadsheet-epoch"
VERSIONS = range(6, 7)
"""Manifest versions that this code reads, half open. 1: first; 2: seals of files; 3: earlier states;
4: takedowns, and since when an article is parked; 5: languages; 6: the lineage."""

_NUMBER = re.compile(r"\d{10,}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of an epoch and what it must be."""

    name: str
    size_bytes: int
    seal: str
    """SHA-256 of its header and page table (`envelope.py`), in hexadecimal."""


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """One immutable state of one partition; generation 0 is the empty partition and has no files."""

    generation: int
    articles: int
    """Live articles."""
    tombstones: int
    """Articles that are deleted but whose postings are still there."""
    segments: int
    files: tuple[FileRecord, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(file.size_bytes for file in self.files)


EMPTY_GENERATION = GenerationRecord(generation=0, articles=0, tombstones=0, segments=0, files=())


@dataclass(frozen=True, slots=True)
class StatisticsRecord:
    """One statistics epoch."""

    number: int
    through_seq: int
    """The log sequence at which it was frozen; states from there on are scored by it, until the next."""
    file: FileRecord


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that could not be applied, and waits for a decision."""

    seq: int
    article_id: str
    reason: str
    after_seq: int
    """The index shows its article as the log had it here: no later event of it was applied."""


@dataclass(frozen=True, slots=True)
class LanguageRecord:
    """A language that articles of the archive are, or were, in."""

    language: str
    """Of `analysis.LANGUAGES`."""
    since_seq: int
    """The first event that brought an article in it: so a state knows the same languages, whoever looks when."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a state was published."""

    published_ms: int
    applied_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One published state of the whole index, of which answers are made; files apart."""

    epoch: int
    published_ms: int
    applied_seq: int
    """The last log sequence that it has applied."""
    indexed_through_ms: int
    """When the event with that sequence was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootManifest(State):
    """One published state of the whole index, and its files."""

    archive: str
    """Sixteen hexadecimal digits that the archive was given when it was made."""
    lineage: int
    """The epoch with which its files were made anew, or gone back to, 0 for none: what was made of epochs before that
    says nothing about this one, whatever their log sequences are."""
    routing_version: int
    since_seq: int
    """The earliest state that these files still show."""
    history: tuple[Moment, ...]
    """Some of the states that they show, oldest first: what `since_seq` moves along."""
    parked: tuple[ParkedEvent, ...]
    erased_seq: int
    """The last takedown that it has applied, 0 for none: what was made of earlier epochs may show what is no more."""
    purged_seq: int
    """Of articles that were taken down by this sequence, none of its files holds anything."""
    schema_version: int
    languages: tuple[LanguageRecord, ...]
    """In the order of their names."""
    statistics: tuple[StatisticsRecord, ...]
    """Those that states from `since_seq` on are scored by, oldest first."""
    partitions: tuple[GenerationRecord, ...]
    identity: bytes = field(init=False, compare=False, repr=False, default=b"")
    """Eight bytes of its checksum: no other epoch, of this archive or another, answers otherwise under the same."""

    state: State = field(init=False, compare=False, repr=False)
    """The state, without its files."""

    def __post_init__(self) -> None:
        state = State(**{name: getattr(self, name) for name in State.__dataclass_fields__})
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "identity", bytes.fromhex(_checksum(_body_of(self)))[:8])

    @property
    def articles(self) -> int:
        """Live articles of all partitions."""
        return sum(partition.articles for partition in self.partitions)

    @property
    def statistics_epoch(self) -> int:
        """Number of the newest statistics epoch."""
        return self.statistics[-1].number

    @property
    def statistics_file(self) -> FileRecord:
        """File of the newest statistics epoch."""
        return self.statistics[-1].file

    def languages_at(self, seq: int) -> tuple[str, ...]:
        """The languages that a query of the state after `seq` may be in; English before there is any."""
        return tuple(one.language for one in self.languages if one.since_seq <= seq) or (ENGLISH,)

    def statistics_at(self, seq: int) -> StatisticsRecord:
        """What the state after `seq` is scored by."""
        return next(one for one in reversed(self.statistics) if one.through_seq <= seq)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie inside the data folder."""

    root: Path

    @property
    def epochs(self) -> Path:
        """Folder of the root manifests."""
        return self.root / "epochs"

    @property
    def statistics(self) -> Path:
        """Folder of the statistics sidecars."""
        return self.root / "statistics"

    def manifest(self, epoch: int) -> Path:
        """File of one root manifest."""
        return self.epochs / f"{epoch:012d}.json"

    def partition(self, partition: int) -> Path:
        """Folder of one partition."""
        return self.root / "partitions" / f"{partition:04d}"

    def published_epochs(self) -> list[int]:
        """Numbers of the epochs that are still there, oldest first."""
        return sorted(int(path.stem) for path in self.epochs.glob("*.json") if path.stem.isdecimal())

    def newest_epoch(self) -> int:
        """Number of the newest epoch, 0 when nothing was ever published."""
        return max(self.published_epochs(), default=0)


def last_number(folder: Path) -> int:
    """The highest number, of a generation or a statistics epoch, that a file in the folder is named after, or 0."""
    numbers = (int(number) for path in folder.glob("*") for number in _NUMBER.findall(path.name))
    return max(numbers, default=0)


def encode_manifest(manifest: RootManifest) -> bytes:
    """The manifest's file content."""
    epoch = _body_of(manifest)
    document = {"format": FORMAT, "version": VERSIONS.stop - 1, "checksum": _checksum(epoch), "epoch": epoch}
    return orjson.dumps(document)


def read_manifest(layout: Layout, epoch: int) -> RootManifest:
    """Read and verify the root manifest of `epoch`.

    Raises:
        MissingFile: the epoch was never published or its manifest is no longer kept.
        CorruptFile, TooOldFile, TooNewFile: as `errors.py` says.
    """
    path = layout.manifest(epoch)
    cure = "go back to the epoch before it: broadsheet rollback; or build the index again: broadsheet rebuild"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(path, f"epoch {epoch} is not kept", "ask for the newest epoch") from None
    try:
        document = orjson.loads(content)
        version, checksum, body = document["version"], document["checksum"], document["epoch"]
        format_ = document["format"]
    except (ValueError, KeyError, TypeError):
        raise CorruptFile(path, "not a root manifest", cure) from None
    if format_ != FORMAT or not isinstance(version, int):
        raise CorruptFile(path, "not a root manifest", cure)
    if version < VERSIONS.start:
        raise TooOldFile(path, f"manifest version {version} is older than {VERSIONS.start}", cure)
    if version >= VERSIONS.stop:
        problem = f"manifest version {version} is newer than {VERSIONS.stop - 1}"
        raise TooNewFile(path, problem, "upgrade broadsheet")
    if _checksum(body) != checksum:
        raise CorruptFile(path, "the checksum does not match", cure)
    manifest = _decode(body)
    if manifest.epoch != epoch:
        raise CorruptFile(path, f"holds epoch {manifest.epoch}", cure)
    return manifest


def decode_generation(fields: dict[str, Any]) -> GenerationRecord:
    """A generation from its JSON."""
    return GenerationRecord(**{**fields, "files": tuple(FileRecord(**file) for file in fields["files"])})


def _decode(body: dict[str, Any]) -> RootManifest:
    changed = {
        "history": tuple(Moment(**moment) for moment in body["history"]),
        "languages": tuple(LanguageRecord(**one) for one in body["languages"]),
        "parked": tuple(ParkedEvent(**parked) for parked in body["parked"]),
        "statistics": tuple(
            StatisticsRecord(**{**one, "file": FileRecord(**one["file"])}) for one in body["statistics"]
        ),
        "partitions": tuple(map(decode_generation, body["partitions"])),
    }
    return RootManifest(**{**body, **changed})


def _body_of(manifest: RootManifest) -> dict[str, Any]:
    fields = RootManifest.__dataclass_fields__.values()
    return {field.name: getattr(manifest, field.name) for field in fields if field.init}


def _checksum(epoch: object) -> str:
    # In the order of the file: what is read is written again as it was.
    return blake2b(orjson.dumps(epoch), digest_size=16).hexdigest()
