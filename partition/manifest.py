"""The root manifest: one JSON file that names everything an epoch consists of.

    DATA/epochs/000000000007.json
    {"format": "broadsheet-epoch", "version": 2, "checksum": "<blake2b-16 of the epoch's canonical JSON>",
     "epoch": {"epoch": 7, "published_ms": .., "routing_version": 1, "applied_seq": .., "parked": [], ..,
               "statistics_epoch": 2, "statistics_file": {"name": .., "size_bytes": .., "seal": ..},
               "partitions": [{"generation": 5, "articles": .., "segments": .., .., "files": [..]}, ..]}}

Contract: a manifest is complete or invisible, and never changes once it has its name. `newest_epoch` and
`read_manifest` never lock. Paths are derived from numbers by `Layout`, so that a folder can be moved as a whole.

Not here: writing and publishing manifests, retention (`indexer/publisher.py`).
"""

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from partition.errors import CorruptFile, MissingFile, TooNewFile, TooOldFile

FORMAT = "broadsheet-epoch"
VERSIONS = range(2, 3)
"""Manifest versions that this code reads, half open. 1: first; 2: seals of files."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RootManifest:
    """One published state of the whole index."""

    epoch: int
    published_ms: int
    routing_version: int
    applied_seq: int
    """The last log sequence that this epoch has applied."""
    indexed_through_ms: int
    """When the event with that sequence was logged."""
    parked: tuple[int, ...]
    """Log sequences that could not be applied and wait for a decision."""
    schema_version: int
    statistics_epoch: int
    statistics_file: FileRecord
    partitions: tuple[GenerationRecord, ...]
    identity: bytes = field(init=False, compare=False, repr=False, default=b"")
    """Eight bytes of its checksum: no other epoch, of this archive or another, answers otherwise under the same."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", bytes.fromhex(_checksum(_body_of(self)))[:8])

    @property
    def articles(self) -> int:
        """Live articles of all partitions."""
        return sum(partition.articles for partition in self.partitions)


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
        """Folder of one partition's generations."""
        return self.root / "partitions" / f"{partition:04d}"

    def generation(self, partition: int, generation: int) -> Path:
        """Folder of one generation."""
        return self.partition(partition) / f"g{generation:010d}"

    def published_epochs(self) -> list[int]:
        """Numbers of the epochs that are still there, oldest first."""
        return sorted(int(path.stem) for path in self.epochs.glob("*.json") if path.stem.isdecimal())

    def newest_epoch(self) -> int:
        """Number of the newest epoch, 0 when nothing was ever published."""
        return max(self.published_epochs(), default=0)


def encode_manifest(manifest: RootManifest) -> bytes:
    """The manifest's file content."""
    epoch = _body_of(manifest)
    document = {"format": FORMAT, "version": VERSIONS.stop - 1, "checksum": _checksum(epoch), "epoch": epoch}
    return json.dumps(document, indent=1).encode()


def read_manifest(layout: Layout, epoch: int) -> RootManifest:
    """Read and verify the root manifest of `epoch`.

    Raises:
        MissingFile: the epoch was never published or is no longer kept.
        CorruptFile, TooOldFile, TooNewFile: as `errors.py` says.
    """
    path = layout.manifest(epoch)
    cure = "remove this file and restart the servers to fall back to the epoch before it"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(path, f"epoch {epoch} is not kept", "ask for the newest epoch") from None
    try:
        document = json.loads(content)
        version, checksum, body = document["version"], document["checksum"], document["epoch"]
        format_ = document["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
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


def _decode(body: dict[str, Any]) -> RootManifest:
    partitions = tuple(
        GenerationRecord(**{**entry, "files": tuple(FileRecord(**file) for file in entry["files"])})
        for entry in body["partitions"]
    )
    statistics_file = FileRecord(**body["statistics_file"])
    changed = {"partitions": partitions, "statistics_file": statistics_file, "parked": tuple(body["parked"])}
    return RootManifest(**{**body, **changed})


def _body_of(manifest: RootManifest) -> dict[str, Any]:
    body = asdict(manifest)
    del body["identity"]
    return body


def _checksum(epoch: object) -> str:
    canonical = json.dumps(epoch, sort_keys=True, separators=(",", ":")).encode()
    return blake2b(canonical, digest_size=16).hexdigest()
