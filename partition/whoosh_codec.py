"""The Whoosh codec: Whoosh's own searcher, and whatever builds on it, over our segments.

    index = open_whoosh_index([PartitionReader(folder, record), ...])
    with index.searcher() as searcher:
        searcher.search(QueryParser("text", index.schema).parse("title:storm*"), limit=None)

All segments of all partitions are one atomic segment to Whoosh (`virtual_segment.py`), so that how articles are
spread over them changes no answer and no score; with a reader for each, Whoosh gives the same prefix different
scores. Frequencies, lengths and numbers of articles count deleted articles until they are merged away, as over
Whoosh's own codec; lengths are exact, where its own keep a byte.

Contract: reading only, never a pickle, no storage. Works with whoosh3 and whoosh-reloaded alike. A reader, and what
comes from it, belongs to one thread. A damaged file is an `IndexFileError`, when it is touched.

Not here: the schema (`whoosh_schema.py`), segments for other schemas than ours (`whoosh_writer.py`), term vectors
and spelling graphs, which nothing needs: similar articles are found from stored text, suggestions in the dictionary.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from whoosh import fields
from whoosh.codec import base
from whoosh.index import Index
from whoosh.reading import SegmentReader

from partition.reader import PartitionReader
from partition.virtual_segment import VirtualSegment
from partition.whoosh_documents import Documents
from partition.whoosh_schema import article_schema, kept_schema
from partition.whoosh_searcher import RepairedSearcher
from partition.whoosh_terms import Terms


def open_whoosh_index(
    readers: Sequence[PartitionReader], schema: fields.Schema | None = None, *, epoch: int = 0
) -> "WhooshIndex":
    """The partitions as one Whoosh index.

    Args:
        readers: one for each partition, in order.
        schema: what the segments were written with (`whoosh_writer.py`), `None` for an archive.
        epoch: what the index calls its generation.

    Raises:
        IndexFileError: a file is damaged.
        ValueError: the schema has what our format does not hold.
    """
    return WhooshIndex(VirtualSegment(readers), schema, epoch)


class WhooshIndex(Index):  # type: ignore[misc]  # Whoosh's classes are untyped, here and below
    """An index of which there is one generation, to be searched."""

    def __init__(self, segment: VirtualSegment, schema: fields.Schema | None, epoch: int) -> None:
        self.segment = segment
        """What docnums count; `segment.address(docnum)` says where an article lies."""
        self.schema = article_schema() if schema is None else kept_schema(schema)
        self._whole = WholeSegment(segment, self.schema, archive=schema is None)
        self._epoch = epoch

    def reader(self, reuse: Any = None) -> SegmentReader:  # noqa: ARG002 - there is nothing to take over
        """A reader of everything."""
        return SegmentReader(None, self.schema, self._whole, generation=self._epoch)

    def searcher(self, **options: Any) -> RepairedSearcher:
        """A searcher of everything; options as `whoosh.searching.Searcher` takes them."""
        return RepairedSearcher(self.reader(), fromindex=self, **options)

    def latest_generation(self) -> int:
        """The epoch."""
        return self._epoch

    def is_empty(self) -> bool:
        """Whether there is no article at all."""
        return self.segment.size == 0

    def writer(self, **_options: Any) -> NoReturn:
        """There is none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a published epoch does not change; log articles to the indexer instead")


class WholeSegment(base.Segment):  # type: ignore[misc]
    """The one segment that Whoosh sees."""

    def __init__(self, segment: VirtualSegment, schema: fields.Schema, *, archive: bool) -> None:
        super().__init__("broadsheet")
        self.virtual = segment
        self.schema = schema
        self.archive = archive
        """Whether it holds articles; else it holds what `whoosh_writer.py` wrote."""

    def codec(self) -> "SegmentCodec":
        """How it is read."""
        return SegmentCodec()

    def should_assemble(self) -> bool:
        """Never: there are no files of Whoosh's."""
        return False

    def doc_count_all(self) -> int:
        """Articles, deleted ones included."""
        return self.virtual.size

    def deleted_count(self) -> int:
        """Deleted articles."""
        return self.virtual.deleted

    def deleted_docs(self) -> frozenset[int]:
        """Their docnums."""
        return self.virtual.dead

    def is_deleted(self, docnum: int) -> bool:
        """Whether an article is deleted; false for docnums that there are not."""
        return docnum in self.virtual.dead


class SegmentCodec(base.Codec):  # type: ignore[misc]
    """Reads; what a codec has for writing is not there, see `whoosh_writer.py`."""

    def terms_reader(self, _storage: Any, segment: WholeSegment) -> Terms:
        """Of the dictionary."""
        return Terms(segment.virtual, segment.schema, archive=segment.archive)

    def per_document_reader(self, _storage: Any, segment: WholeSegment) -> Documents:
        """Of everything else."""
        return Documents(segment.virtual, archive=segment.archive)
