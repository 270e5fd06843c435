"""Articles in: files, folders, standard input and web crawls, read as a stream of records and rejects.

Contract: what other modules import from this package is listed here.

Not here: what makes a record an article (`indexer/article.py`).
"""

from indexer.readers.inputs import InputError
from indexer.readers.lines import Record
from indexer.readers.records import Records, open_records
from indexer.readers.warc import UNREADABLE, WarcRecords, read_warc
from indexer.readers.warc_files import Position, shown_path, warc_files

__all__ = [
    "UNREADABLE",
    "InputError",
    "Position",
    "Record",
    "Records",
    "WarcRecords",
    "open_records",
    "read_warc",
    "shown_path",
    "warc_files",
]
