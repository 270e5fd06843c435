"""Finds a text wherever it can hide in an archive, and in Redis, whatever it is packed in.

Contract: `hiding_places` reads every file below a folder as it lies on the disk, WALs, free pages and files that
nobody names included, undoes compression wherever a frame of it begins (also with each dictionary that there is), and
names the files in which a text stands, by kind. It knows nothing of how an archive is laid out but its file names.

Not here: what must not be found (the tests).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

_ZSTD = b"\x28\xb5\x2f\xfd"
_FOLDERS = re.compile(r"\d{4}|epochs|statistics|run|[0-9a-f]{32}")
"""Whose files are of one kind if they have the same suffix."""
_FRAME_BYTES = 4 << 20
"""How much of a frame is undone at most, as it lies."""


def hiding_places(root: Path, texts: Iterable[str], others: Iterable[bytes] = ()) -> Counter[str]:
    """How often any of the texts was found, by kind of file; `redis` in what else is given."""
    pattern = re.compile(b"|".join(re.escape(text.encode()) for text in texts), re.IGNORECASE)
    dictionaries = [path.read_bytes()[24:] for path in root.rglob("*.dictionary")]
    found: Counter[str] = Counter()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            kind = path.suffix if _FOLDERS.fullmatch(path.parent.name) else path.name
            found[kind] += sum(
                len(pattern.findall(content)) for content in _unpacked(path.read_bytes(), dictionaries)
            )
    for content in others:
        found["redis"] += sum(len(pattern.findall(one)) for one in _unpacked(content, dictionaries))
    return +found


def _unpacked(content: bytes, dictionaries: list[bytes]) -> Iterator[bytes]:
    """The bytes themselves, and what every frame that begins in them holds."""
    yield content
    with_each = [zstandard.ZstdDecompressor()]
    for dictionary in dictionaries:
        try:
            with_each.append(zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary)))
        except zstandard.ZstdError:  # the page table at its end is no part of it
            continue
    for match in re.finditer(re.escape(_ZSTD), content):
        frame = content[match.start() : match.start() + _FRAME_BYTES]
        for decompressor in with_each:
            try:
                yield decompressor.decompressobj().decompress(frame)
            except zstandard.ZstdError:
                continue
            break
