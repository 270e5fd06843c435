"""Making faults under a running server, and reading what its answers say about them.

Not here: the tests (`test_faults.py`, `test_damage.py`).
"""

from pathlib import Path
from typing import Any

import numpy as np

from indexer.routing import partition_of
from partition.envelope import HEADER_BYTES
from partition.manifest import Layout, read_manifest
from partition.segment import Segment
from tests.api_server import ApiServer
from tests.archive import PARTITIONS

QUERY = {"q": "budget OR tariff", "fields": "id,score", "limit": 100}


def failed_of(body: dict[str, Any]) -> dict[int, str]:
    """Partition to reason, as `coverage` reports them."""
    partitions = body["coverage"]["partitions"]
    failed = {entry["partition"]: entry["reason"] for entry in partitions["failed"]}
    assert partitions["ok"] == partitions["total"] - len(failed) == PARTITIONS - len(failed)
    return failed


def whole_result(server: ApiServer) -> list[dict[str, Any]]:
    """All hits of `QUERY`, best first."""
    first = server.page(QUERY)
    assert first["coverage"]["complete"]
    return [item for page in (first, *server.walk(first)) for item in page["data"]]


def without(items: list[dict[str, Any]], partitions: dict[int, str]) -> list[dict[str, Any]]:
    """Those of the items that lie in other partitions."""
    return [item for item in items if partition_of(item["id"], PARTITIONS) not in partitions]


def damage(path: Path) -> None:
    """The last bit of a file, which is verified on opening, in a new file: what is mapped already stays as it is."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    aside = path.with_name("damaged")
    aside.write_bytes(content)
    aside.replace(path)


def segment_file(root: Path, partition: int) -> Path:
    """The largest file of a partition of the newest epoch."""
    layout = Layout(root)
    record = read_manifest(layout, layout.newest_epoch()).partitions[partition]
    largest = max(record.files, key=lambda file: file.size_bytes)
    return layout.partition(partition) / largest.name


def list_of(path: Path, field: str, key: bytes) -> int:
    """Where in a segment's file a byte of the list of a term stands."""
    found = Segment(path, np.empty(0, np.int64)).term_list(field, key)
    assert found
    return HEADER_BYTES + 8 * int(found.row[0])


def rot(path: Path, at: int) -> None:
    """Flip a bit of the very file that is mapped, or flip it back."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
